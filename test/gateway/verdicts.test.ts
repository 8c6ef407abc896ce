/** What the verdicts of each stage do to the client, single commands at a time. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type AuthVerdict,
  definePlugin,
  discard,
  disconnect,
  identify,
  type MessageVerdict,
  type Plugin,
  pipeline,
  quarantine,
  reject,
  routeTo,
  type SessionVerdict,
  tempfail,
} from "postern";
import type { Answer } from "../../core/gateway/mod.ts";
import { CONTENT, forward, octets, openBed, reverse, short } from "./engine-bed.ts";

const routes = definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") });
const attempt = { mechanism: "PLAIN", user: "ann", password: "secret" };
const REF = /\(ref [0-9a-z]{14}\)$/;

describe("the session stages", () => {
  const judge = (verdict: SessionVerdict) =>
    [
      definePlugin({ name: "atConnect", connect: () => verdict }),
      definePlugin({ name: "atEhlo", ehlo: () => verdict }),
    ] as const;
  const table = [
    { verdict: reject("5.7.1", "not you"), want: "550 5.7.1" },
    { verdict: tempfail("4.7.1", "not now"), want: "451 4.7.1" },
    { verdict: disconnect("4.7.0", "go away"), want: "421 4.7.0" },
  ];
  for (const { verdict, want } of table) {
    it(`answer ${verdict.verdict} with ${want} at connect and at EHLO, words and ref at its end`, async () => {
      const [atConnect, atEhlo] = judge(verdict);
      const early = await openBed({ pipeline: pipeline(atConnect, routes) });
      const connected = await early.open().connect();
      const late = await openBed({ pipeline: pipeline(atEhlo, routes) });
      const session = late.open();
      assert.equal((await session.connect()).kind, "goOn");
      const greeted = await session.ehlo("client.example");
      for (const answer of [connected, greeted]) {
        assert.equal(short(answer), want);
        assert.equal(answer.kind, verdict.verdict);
        assert.ok(answer.text.startsWith(verdict.text));
        assert.match(answer.text, REF);
      }
    });
  }
});

describe("the auth stage", () => {
  const authWith = async (...verdicts: readonly (AuthVerdict | undefined)[]): Promise<Answer> => {
    let n = 0;
    const plugin = (verdict: AuthVerdict | undefined): Plugin<never, never, false> =>
      definePlugin({ name: `auth${n++}`, auth: () => verdict }) as Plugin<never, never, false>;
    const first = plugin(verdicts[0]);
    const bed = await openBed({ pipeline: pipeline(first, plugin(verdicts[1]), routes) });
    return bed.open().auth(attempt);
  };

  it("says 535 5.7.8 when every plugin passes: nobody slips through", async () => {
    assert.equal(short(await authWith(undefined, undefined)), "535 5.7.8");
  });

  it("says 535 5.7.8 where no plugin has an auth hook at all", async () => {
    const bed = await openBed({ pipeline: pipeline(routes) });
    assert.equal(bed.gateway.authenticates, false);
    assert.equal(short(await bed.open().auth(attempt)), "535 5.7.8");
  });

  const table = [
    {
      name: "an identity of the second plugin",
      verdicts: [undefined, identify({ user: "ann" })],
      want: "250",
    },
    {
      name: "a refusal before an identity",
      verdicts: [reject("5.7.8", "no"), identify({ user: "ann" })],
      want: "550 5.7.8",
    },
    { name: "a temporary failure", verdicts: [tempfail("4.7.0", "later"), undefined], want: "451 4.7.0" },
    { name: "a disconnect", verdicts: [disconnect("4.7.0", "bye"), undefined], want: "421 4.7.0" },
  ] as const;
  for (const { name, verdicts, want } of table) {
    it(`takes ${name} as ${want}`, async () => {
      assert.equal(short(await authWith(...verdicts)), want);
    });
  }

  for (const [onError, want] of [
    ["tempfail", "451 4.3.0"],
    ["reject", "550 5.3.0"],
    ["skip", "535 5.7.8"],
  ] as const) {
    it(`does not let a client in when its plugin throws, with onError "${onError}": ${want}`, async () => {
      const faulty = definePlugin({
        name: "faulty",
        onError,
        auth: () => {
          throw new Error("the user store is down");
        },
      });
      const bed = await openBed({ pipeline: pipeline(faulty, routes) });
      const session = bed.open();
      assert.equal(short(await session.auth(attempt)), want);
      assert.equal(session.identity, undefined);
    });
  }

  it("takes an identity back when a later attempt of the session fails", async () => {
    const one = definePlugin({
      name: "one",
      auth: (ctx) => (ctx.attempt.password === "secret" ? identify({ user: "ann" }) : undefined),
    });
    const session = (await openBed({ pipeline: pipeline(one, routes) })).open();
    await session.auth(attempt);
    assert.equal(session.identity?.user, "ann");
    await session.auth({ ...attempt, password: "guess" });
    assert.equal(session.identity, undefined);
  });
});

describe("the message stages", () => {
  const at = (stage: "mail" | "rcpt" | "data", verdict: MessageVerdict) =>
    definePlugin({ name: "judge", [stage]: () => verdict }) as Plugin<never, never, false>;

  const refusals = [
    { verdict: reject("5.7.1", "not this"), want: "550 5.7.1", outcome: "refused" },
    { verdict: tempfail("4.7.1", "not now"), want: "451 4.7.1", outcome: "deferred" },
  ] as const;
  for (const { verdict, want, outcome } of refusals) {
    for (const stage of ["mail", "rcpt", "data"] as const) {
      it(`say ${want} with the ref for ${verdict.verdict} in ${stage}, and record it as ${outcome}`, async () => {
        const bed = await openBed({ pipeline: pipeline(at(stage, verdict), routes) });
        const session = bed.open();
        await session.ehlo("client.example");
        const answer = await bed.send(["bob@example.org"], { session });
        session.close();
        assert.equal(short(answer), want);
        assert.match(answer.text, REF);
        assert.equal(bed.deliveries.length, 0);
        const record = bed.last();
        if (stage === "rcpt") assert.equal(record.recipients[0]?.outcome, outcome);
        else assert.equal(record.outcome, outcome);
        assert.ok(answer.text.includes(record.id));
      });
    }
  }

  for (const stage of ["mail", "rcpt", "data"] as const) {
    it(`say 250 for discard in ${stage}, deliver nothing, and record the reason`, async () => {
      const bed = await openBed({ pipeline: pipeline(at(stage, discard("unwanted")), routes) });
      const answer = await bed.send(["bob@example.org"]);
      assert.equal(short(answer), "250 2.0.0");
      assert.equal(bed.deliveries.length, 0);
      assert.deepEqual(bed.last().recipients, [
        { forwardPath: "bob@example.org", outcome: "discarded", reason: "unwanted" },
      ]);
    });

    it(`say 451 4.3.5 for quarantine in ${stage} where no durable spool could hold it`, async () => {
      const bed = await openBed({ pipeline: pipeline(at(stage, quarantine("suspect")), routes) });
      assert.equal(short(await bed.send(["bob@example.org"])), "451 4.3.5");
      assert.equal(bed.last().recipients[0]?.outcome, "deferred");
    });
  }

  it("ask no further plugin of the stage, nor of later ones, once a recipient has its verdict", async () => {
    const asked: string[] = [];
    const see = definePlugin({
      name: "see",
      rcpt: (ctx) => void asked.push(`rcpt ${ctx.recipient.forwardPath.localPart}`),
      data: (ctx) => void asked.push(`data ${ctx.recipients.map((r) => r.forwardPath.localPart)}`),
      routes: true,
      route: (ctx) => {
        asked.push(`route ${ctx.recipient.forwardPath.localPart}`);
        return routeTo("backend");
      },
    });
    const drop = definePlugin({
      name: "drop",
      rcpt: (ctx) => (ctx.recipient.forwardPath.localPart === "a" ? discard("no") : undefined),
    });
    const bed = await openBed({ pipeline: pipeline(drop, see) });
    assert.equal(short(await bed.send(["a@example.org", "b@example.org"])), "250 2.0.0");
    assert.deepEqual(asked, ["rcpt b", "data b", "route b"]);
  });

  it("take no recipient by a mark that is no verdict: a plugin's rubbish is 451, never 250 and gone", async () => {
    for (const rubbish of [{ verdict: "yes" }, {}, undefined, { verdict: "routeTo" }]) {
      const odd = definePlugin({
        name: "odd",
        data: ((ctx: { recipients: readonly object[] }) => ({
          verdict: "forRecipients",
          marks: ctx.recipients.map((recipient) => ({ recipient, verdict: rubbish })),
        })) as never,
      });
      const bed = await openBed({ pipeline: pipeline(odd, routes) });
      assert.equal(short(await bed.send(["bob@example.org"])), "451 4.3.0", JSON.stringify(rubbish));
      assert.ok(bed.lines.some(({ event }) => event === "pluginFault"));
    }
  });

  it("say 550 5.1.2 to a recipient that no plugin routes", async () => {
    const none = definePlugin({ name: "none", routes: true, route: () => undefined });
    const bed = await openBed({ pipeline: pipeline(none) });
    assert.equal(short(await bed.send(["bob@example.org"])), "550 5.1.2");
  });

  it("say 451 4.3.5 for a route to a next hop that the config does not have", async () => {
    for (const nextHop of ["nowhere", "constructor", "__proto__"]) {
      const wrong = definePlugin({ name: "wrong", routes: true, route: () => routeTo(nextHop) });
      const bed = await openBed({ pipeline: pipeline(wrong) });
      assert.equal(short(await bed.send(["bob@example.org"])), "451 4.3.5");
      assert.ok(bed.lines.some(({ event }) => event === "nextHopUnknown"));
    }
  });

  it("say 451 4.3.5 for deliverAt in mode inline: it would be delivered at once", async () => {
    const later = definePlugin({
      name: "later",
      routes: true,
      route: (ctx) => routeTo("backend", { deliverAt: ctx.clock.now() + 60_000 }),
    });
    const bed = await openBed({ pipeline: pipeline(later) });
    assert.equal(short(await bed.send(["bob@example.org"])), "451 4.3.5");
    assert.equal(bed.deliveries.length, 0);
  });

  it("say 503 to RCPT without MAIL", async () => {
    const bed = await openBed({ pipeline: pipeline(routes) });
    assert.equal(short(await bed.open().rcpt(forward("bob@example.org"), {})), "503 5.5.1");
  });

  it("say 452 4.5.3 past recipientsMax, and take what was named before", async () => {
    const bed = await openBed({ pipeline: pipeline(routes), config: { limits: { recipientsMax: 2 } } });
    const session = bed.open();
    await session.mail(reverse(""), {});
    const answers = [];
    for (const name of ["a", "b", "c"]) answers.push(await session.rcpt(forward(`${name}@example.org`), {}));
    assert.deepEqual(answers.map(short), ["250", "250", "452 4.5.3"]);
    const receiver = session.receive();
    await receiver.write(octets(CONTENT));
    assert.equal(short((await receiver.end()).answer), "250 2.0.0");
    assert.equal(bed.deliveries[0]?.recipients.length, 2);
  });

  it("cut a plugin's words to one line without controls", async () => {
    const rude = at("data", reject("5.7.1", `no\r\n250 yes\0${"x".repeat(2_000)}`));
    const { text } = await (await openBed({ pipeline: pipeline(rude, routes) })).send(["bob@example.org"]);
    assert.match(text, /^no 250 yes x+ \(ref [0-9a-z]{14}\)$/);
    assert.ok(text.length < 500);
  });
});
