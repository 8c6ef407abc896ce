/** Conditions: how they are made, evaluated once for each scope, and never stale. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type Condition,
  type ConditionContext,
  choose,
  condition,
  definePlugin,
  fact,
  failedCondition,
  type HookSubject,
  isAuthenticated,
  type Per,
  type Stage,
  when,
  z,
} from "postern";
import { benchFor, counted, FACTS, ran, recipient, slotOf, slotsOf } from "./fakes.ts";

const Spf = fact("spf", { stage: "mail", scope: "transaction", schema: z.string(), fallback: "none" });
const Score = fact("score", { stage: "rcpt", scope: "recipient", schema: z.number(), fallback: 0 });

describe("failedCondition()", () => {
  it("is evaluated once for all plugins, hooks and branches of a scope", () => {
    const per: readonly [Per, Stage, Stage][] = [
      ["session", "connect", "ehlo"],
      ["transaction", "mail", "data"],
      ["recipient", "rcpt", "route"],
    ];
    for (const [scope, from, stage] of per) {
      const { made, times } = counted(scope, from, () => true);
      const slots = slotsOf(when(made, ran(stage), ran(stage)), choose(made, ran(stage), ran(stage)));
      const { subject } = benchFor(stage, { keepConditions: true });
      assert.deepEqual(
        slots.map((slot) => failedCondition(slot, subject)),
        [undefined, undefined, undefined, `not counted ${scope}`],
      );
      assert.equal(times(), 1, scope);
    }
  });

  it("is evaluated for each hook where nobody keeps the results", () => {
    const { made, times } = counted("transaction", "mail", () => true);
    const [one, two] = slotsOf(when(made, ran("mail"), ran("mail")));
    const { subject } = benchFor("mail");
    failedCondition(one!, subject);
    failedCondition(two!, subject);
    assert.equal(times(), 2);
  });

  it("is evaluated for each recipient once", () => {
    const { made, times } = counted("recipient", "rcpt", (ctx) => ctx.recipient.original.localPart === "bob");
    const slot = slotOf(when(made, ran("data")));
    const { subject, recipients } = benchFor("data", { keepConditions: true });
    for (let round = 0; round < 3; round++) {
      assert.deepEqual(
        recipients.map((one) => failedCondition(slot, subject, one)),
        [undefined, "counted recipient"],
      );
    }
    assert.equal(times(), 2);
  });

  it("keeps the result of a recipient though its forward-path is rewritten", () => {
    const { made, times } = counted(
      "recipient",
      "rcpt",
      (ctx) => ctx.recipient.forwardPath.localPart === "bob",
    );
    const slot = slotOf(when(made, ran("route")));
    const bob = { ...recipient("bob") };
    const { subject } = benchFor("route", { recipients: [bob], keepConditions: true });
    assert.equal(failedCondition(slot, subject), undefined);
    (bob as { forwardPath: unknown }).forwardPath = recipient("eve").forwardPath;
    assert.equal(failedCondition(slot, subject), undefined);
    assert.equal(times(), 1);
  });

  const tls = { protocol: "TLSv1.3", cipher: "x" };
  const changes: readonly {
    name: string;
    look: (ctx: ConditionContext) => boolean;
    change: Partial<HookSubject>;
    reads?: readonly unknown[];
  }[] = [
    { name: "TLS after STARTTLS", look: (ctx) => ctx.tls !== undefined, change: { tls } },
    {
      name: "the identity after AUTH",
      look: (ctx) => ctx.identity !== undefined,
      change: { identity: { user: "ann" } },
    },
    { name: "the EHLO name after EHLO", look: (ctx) => ctx.ehlo === "other", change: { ehlo: "other" } },
    {
      name: "the client after XCLIENT",
      look: (ctx) => ctx.client.trusted,
      change: { client: { ip: "127.0.0.1", port: 1, trusted: true } },
    },
  ];
  for (const { name, look, change } of changes) {
    it(`gives no stale false for a session condition that looked at ${name}`, () => {
      const { made, times } = counted("session", "connect", look);
      const other = counted("session", "connect", () => true);
      const slot = slotOf(when(made, when(other.made, ran("connect"))));
      const { subject } = benchFor("connect", { keepConditions: true });
      assert.equal(failedCondition(slot, subject), "counted session");
      assert.equal(failedCondition(slot, subject), "counted session");
      assert.equal(times(), 1);
      const later = { ...subject, ...change };
      assert.equal(failedCondition(slot, later), undefined);
      assert.equal(failedCondition(slot, later), undefined);
      assert.equal(times(), 2, "evaluated anew, and kept again");
      assert.equal(failedCondition(slot, subject), "counted session", "and the other way round");
      assert.equal(other.times(), 1, "one that looked at nothing of it is kept");
    });
  }

  it("gives no stale result for a session condition that looked at a fact of EHLO, which STARTTLS clears", () => {
    const { made, times } = counted("session", "ehlo", (ctx) => ctx.fact(FACTS.ehlo as never) === "good", [
      FACTS.ehlo,
    ]);
    const slot = slotsOf(
      definePlugin({ name: "p", provides: [FACTS.ehlo], ehlo: (ctx) => ctx.provide(FACTS.ehlo, 1) }),
      when(made, ran("ehlo")),
    )[1]!;
    const { subject, session } = benchFor("ehlo", { keepConditions: true });
    assert.equal(failedCondition(slot, subject), "counted session");
    session.set(FACTS.ehlo, "good");
    assert.equal(failedCondition(slot, subject), undefined);
    assert.equal(failedCondition(slot, subject), undefined);
    session.delete(FACTS.ehlo);
    assert.equal(failedCondition(slot, subject), "counted session");
    assert.equal(times(), 3);
  });

  it("isAuthenticated holds for who authenticated", () => {
    const slot = slotOf(when(isAuthenticated, ran("mail")));
    const { subject } = benchFor("mail");
    assert.equal(failedCondition(slot, subject), "isAuthenticated");
    assert.equal(failedCondition(slot, { ...subject, identity: { user: "ann" } }), undefined);
  });

  it("reads facts of its scope and of its recipient, or their fallbacks", () => {
    const both = condition("both", {
      from: "rcpt",
      per: "recipient",
      reads: [Spf, Score],
      holds: (ctx) => ctx.fact(Spf) === "pass" && ctx.fact(Score) > 3,
    });
    const slot = { conditions: [{ condition: both as Condition, negate: false }] };
    const { subject, transaction, ofRecipient, recipients } = benchFor("data");
    assert.equal(failedCondition(slot, subject, recipients[0]), "both");
    transaction.set(Spf, "pass");
    ofRecipient.get(recipients[1]!)?.set(Score, 4);
    assert.deepEqual(
      recipients.map((one) => failedCondition(slot, subject, one)),
      ["both", undefined],
    );
  });

  const thrown = (): never => {
    throw new Error("oops");
  };
  const faults: readonly { name: string; per: Per; from: Stage; holds: unknown; want: string }[] = [
    { name: "throws", per: "session", from: "connect", holds: thrown, want: "oops" },
    {
      name: "throws undefined",
      per: "session",
      from: "connect",
      holds: () => {
        throw undefined;
      },
      want: "threw undefined",
    },
    {
      name: "gives undefined",
      per: "session",
      from: "connect",
      holds: () => undefined,
      want: "gave something that is not true or false",
    },
    {
      name: "is async",
      per: "session",
      from: "connect",
      holds: async () => true,
      want: "gave something that is not true or false",
    },
    {
      name: "per session looks at the envelope",
      per: "session",
      from: "connect",
      holds: (ctx: ConditionContext) => ctx.envelope.reversePath !== null,
      want: "a condition per session has no envelope",
    },
    {
      name: "per transaction looks at a recipient",
      per: "transaction",
      from: "mail",
      holds: (ctx: ConditionContext) => ctx.recipient !== undefined,
      want: "a condition per transaction has no recipient",
    },
    {
      name: "reads a fact that it does not declare",
      per: "transaction",
      from: "mail",
      holds: (ctx: ConditionContext) => ctx.fact(Spf as never) === "pass",
      want: "to read the fact 'spf', put it into the condition's 'reads'",
    },
  ];
  for (const { name, per, from, holds, want } of faults) {
    it(`throws for a condition that ${name}, each time, evaluated once`, () => {
      const { made, times } = counted(per, from, holds as () => boolean);
      const slot = slotOf(when(made, ran("rcpt")));
      const { subject } = benchFor("rcpt", { keepConditions: true });
      for (let round = 0; round < 2; round++) {
        assert.throws(() => failedCondition(slot, subject), {
          message: `the condition '${made.name}': ${want}`,
        });
      }
      assert.equal(times(), 1);
    });
  }
});

describe("condition()", () => {
  const holds = () => true;
  const right = { from: "mail", per: "transaction", holds };
  const wrong: readonly { name: string; input: readonly [unknown, unknown]; want: RegExp }[] = [
    { name: "no name", input: ["", right], want: /takes a name of up to 100 characters first/ },
    { name: "a definition as its name", input: [right, undefined], want: /takes a name of up to 100/ },
    { name: "a very long name", input: ["x".repeat(101), right], want: /takes a name of up to 100/ },
    {
      name: "nothing but a name",
      input: ["c", undefined],
      want: /^condition 'c': 'from' is one of connect, /,
    },
    {
      name: "an unknown stage",
      input: ["c", { ...right, from: "relay" }],
      want: /'from' is one of connect, /,
    },
    {
      name: "an unknown scope",
      input: ["c", { ...right, per: "delivery" }],
      want: /'per' is session, transaction/,
    },
    {
      name: "a property of objects as scope",
      input: ["c", { ...right, per: "toString" }],
      want: /'per' is session/,
    },
    { name: "no function", input: ["c", { ...right, holds: true }], want: /'holds' is a function/ },
    {
      name: "one fact as its list",
      input: ["c", { ...right, reads: Spf }],
      want: /'reads' is a list of facts/,
    },
    { name: "a name as a fact", input: ["c", { ...right, reads: ["spf"] }], want: /this is not a fact/ },
  ];
  for (const { name, input, want } of wrong) {
    it(`condition() refuses ${name}`, () => {
      assert.throws(() => condition(...(input as Parameters<typeof condition>)), {
        name: "TypeError",
        message: want,
      });
    });
  }
});
