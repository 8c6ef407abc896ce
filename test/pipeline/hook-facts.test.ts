/** Reading and providing facts in hooks. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definePlugin, discard, fact, forRecipients, reject, runHook, type Stage, z } from "postern";
import { type Bench, benchFor, recipient, slotOf } from "./fakes.ts";

type Definition = Parameters<typeof definePlugin>[0];

const Score = fact("score", { stage: "rcpt", scope: "recipient", schema: z.number(), fallback: 0 });
const Weight = fact("weight", { stage: "data", scope: "recipient", schema: z.number(), fallback: 0 });
const Spf = fact("spf", {
  stage: "mail",
  scope: "transaction",
  schema: z.object({ result: z.string(), list: z.array(z.string()).optional() }),
  fallback: { result: "none" },
});

describe("facts in hooks", () => {
  const read = (bench: Bench, stage: Stage, of: unknown, definition: object) => {
    let value: unknown;
    const plugin = definePlugin({
      name: "p",
      ...definition,
      [stage]: (ctx: { fact(of: unknown): unknown }) => {
        value = ctx.fact(of);
      },
    } as Definition);
    return runHook(slotOf(plugin), stage, bench.subject).then((outcome) => ({ outcome, value }));
  };

  it("ctx.fact() gives the provided value, or the fallback and the trace says so once", async () => {
    for (const declared of ["reads", "mayRead"]) {
      const bench = benchFor("data");
      const definition = { [declared]: [Spf] };
      assert.deepEqual((await read(bench, "data", Spf, definition)).value, { result: "none" });
      assert.deepEqual(bench.runs()[0]?.fallbacks, ["spf"]);
      bench.transaction.set(Spf, { result: "pass" });
      assert.deepEqual((await read(bench, "data", Spf, definition)).value, { result: "pass" });
      assert.equal(bench.runs()[1]?.fallbacks, undefined);
    }
    const bench = benchFor("data");
    const often = definePlugin({
      name: "often",
      reads: [Spf],
      data(ctx) {
        for (let i = 0; i < 1_000; i++) ctx.fact(Spf);
      },
    });
    await runHook(slotOf(often), "data", bench.subject);
    assert.deepEqual(bench.runs()[0]?.fallbacks, ["spf"]);
  });

  it("ctx.fact() knows a fact from its stage on and not before", async () => {
    for (const [stage, known] of [
      ["ehlo", false],
      ["mail", true],
      ["delivery", true],
    ] as const) {
      const definition = { mayRead: [Spf], delivery: () => undefined };
      const { outcome } = await read(benchFor(stage), stage, Spf, definition);
      const want = "the fact 'spf' is known from the stage 'mail' on: it can not be read in 'ehlo'";
      assert.equal(outcome.fault, known ? undefined : want);
    }
  });

  it("ctx.fact() shows a hook its own value before it counts, and nobody else", async () => {
    const bench = benchFor("mail");
    const plugin = definePlugin({
      name: "p",
      provides: [Spf],
      async mail(ctx) {
        ctx.provide(Spf, { result: "own" });
        assert.deepEqual(ctx.fact(Spf), { result: "own" });
        assert.equal(bench.transaction.has(Spf), false);
      },
    });
    assert.equal((await runHook(slotOf(plugin), "mail", bench.subject)).fault, undefined);
    assert.deepEqual(bench.transaction.get(Spf), { result: "own" });
  });

  it("ctx.provide() keeps what the schema makes of a value, copied and frozen", async () => {
    const bench = benchFor("mail");
    const mine = { result: "pass", list: ["a"], extra: 1 };
    const plugin = definePlugin({ name: "p", provides: [Spf], mail: (ctx) => ctx.provide(Spf, mine) });
    await runHook(slotOf(plugin), "mail", bench.subject);
    mine.list.push("b");
    const kept = bench.transaction.get(Spf) as { list: string[] };
    assert.deepEqual(kept, { result: "pass", list: ["a"] });
    assert.throws(() => kept.list.push("c"), TypeError);
    const changer = definePlugin({
      name: "changer",
      reads: [Spf],
      data(ctx) {
        ctx.fact(Spf).result = "changed";
      },
    });
    const after = benchFor("data");
    after.transaction.set(Spf, kept);
    assert.match((await runHook(slotOf(changer), "data", after.subject)).fault ?? "", /^TypeError/);
    assert.deepEqual(bench.transaction.get(Spf), { result: "pass", list: ["a"] });
  });

  it("ctx.provide() refuses a value that the schema refuses, in the schema's words", async () => {
    const plugin = definePlugin({
      name: "p",
      provides: [Spf],
      mail: (ctx) => ctx.provide(Spf, { result: 7 as never }),
    });
    const outcome = await runHook(slotOf(plugin), "mail", benchFor("mail").subject);
    assert.match(outcome.fault ?? "", /^the fact 'spf' was given a wrong value: .*expected string/);
  });

  it("a fact counts also beside a verdict, and a verdict needs no fact", async () => {
    const bench = benchFor("mail");
    const both = definePlugin({
      name: "p",
      provides: [Spf],
      mail(ctx) {
        ctx.provide(Spf, { result: "fail" });
        return reject("5.7.1", "no");
      },
    });
    assert.equal((await runHook(slotOf(both), "mail", bench.subject)).verdict?.verdict, "reject");
    assert.deepEqual(bench.facts(), { spf: { result: "fail" } });
    const alone = definePlugin({ name: "p", provides: [Spf], mail: () => reject("5.7.1", "no") });
    assert.equal((await runHook(slotOf(alone), "mail", benchFor("mail").subject)).fault, undefined);
  });

  it("a recipient's fact is its own where the stage is about one recipient", async () => {
    const bench = benchFor("rcpt");
    const [bob, eve] = bench.recipients;
    const plugin = definePlugin({ name: "p", provides: [Score], rcpt: (ctx) => ctx.provide(Score, 5) });
    await runHook(slotOf(plugin), "rcpt", bench.subject);
    assert.equal(bench.ofRecipient.get(bob!)?.get(Score), 5);
    assert.equal(bench.ofRecipient.get(eve!)?.has(Score), false);
    const named = definePlugin({
      name: "p",
      provides: [Score],
      rcpt: (ctx) => ctx.provide(Score, 6, ctx.recipient),
    });
    await runHook(slotOf(named), "rcpt", bench.subject);
    assert.equal(bench.ofRecipient.get(bob!)?.get(Score), 6);
    const other = definePlugin({ name: "p", provides: [Score], rcpt: (ctx) => ctx.provide(Score, 7, eve!) });
    const { fault } = await runHook(slotOf(other), "rcpt", bench.subject);
    assert.match(fault ?? "", /of another recipient is not known in 'rcpt'$/);
    assert.equal(bench.ofRecipient.get(eve!)?.has(Score), false);
  });

  it("a recipient's fact is read and provided by name where the stage is about several", async () => {
    const bench = benchFor("data");
    const [bob, eve] = bench.recipients;
    bench.ofRecipient.get(bob!)?.set(Score, 5);
    const plugin = definePlugin({
      name: "p",
      reads: [Score],
      provides: [Weight],
      data(ctx) {
        for (const one of ctx.recipients) ctx.provide(Weight, ctx.fact(Score, one) + 1, one);
        assert.equal(ctx.fact(Weight, bob!), 6);
      },
    });
    assert.equal((await runHook(slotOf(plugin), "data", bench.subject)).fault, undefined);
    assert.deepEqual(
      [bob, eve].map((one) => bench.ofRecipient.get(one!)?.get(Weight)),
      [6, 1],
    );
    assert.deepEqual(bench.runs()[0]?.fallbacks, ["score"]);
    const delivery = benchFor("delivery", { recipients: bench.recipients });
    let sum = 0;
    const reader = definePlugin({
      name: "p",
      reads: [Weight],
      delivery(ctx) {
        for (const one of ctx.delivery.recipients) sum += ctx.fact(Weight, one) + 10;
      },
    });
    assert.equal((await runHook(slotOf(reader), "delivery", delivery.subject)).fault, undefined);
    assert.equal(sum, 20);
  });

  it("a recipient's fact without a name, or of a stranger, is a fault in 'data'", async () => {
    const stranger = recipient("mallory");
    for (const [use, want] of [
      [(ctx: Ctx) => ctx.fact(Score), "the fact 'score' is about a recipient: name the recipient in 'data'"],
      [
        (ctx: Ctx) => ctx.provide(Weight, 1),
        "the fact 'weight' is about a recipient: name the recipient in 'data'",
      ],
      [
        (ctx: Ctx) => ctx.fact(Score, stranger),
        "the recipient named for the fact 'score' is none of the hook's recipients",
      ],
      [
        (ctx: Ctx) => ctx.provide(Weight, 1, {}),
        "the recipient named for the fact 'weight' is none of the hook's recipients",
      ],
    ] as const) {
      const plugin = definePlugin({ name: "p", reads: [Score], provides: [Weight], data: use as never });
      const bench = benchFor("data");
      assert.equal((await runHook(slotOf(plugin), "data", bench.subject)).fault, want);
      assert.deepEqual(bench.facts(), {});
    }
  });
  interface Ctx {
    fact(...args: readonly unknown[]): unknown;
    provide(...args: readonly unknown[]): unknown;
  }

  it("a 'data' hook owes its recipient facts to those that go on, not to those it marks", async () => {
    const about = (marked: number, told: number) =>
      definePlugin({
        name: "p",
        provides: [Weight],
        data(ctx) {
          for (const one of ctx.recipients.slice(0, told)) ctx.provide(Weight, 1, one);
          const gone = ctx.recipients.slice(ctx.recipients.length - marked);
          return forRecipients(gone.map((one) => ({ recipient: one, verdict: discard("d") })));
        },
      });
    for (const [marked, told, right] of [
      [0, 2, true],
      [0, 1, false],
      [1, 1, true],
      [1, 0, false],
      [2, 0, true],
    ] as const) {
      const { fault } = await runHook(slotOf(about(marked, told)), "data", benchFor("data").subject);
      assert.equal(fault === undefined, right, `${marked} marked, ${told} told: ${fault}`);
    }
  });
});
