/** What a hook can no longer do when its run is over, and the signal that tells it so. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definePlugin, type Message, makeAddress, routeTo, runHook } from "postern";
import { benchFor, FACTS, slotOf } from "./fakes.ts";

const textOf = async (message: Message): Promise<string> => {
  let text = "";
  for await (const chunk of message.content.read()) text += new TextDecoder().decode(chunk);
  return text;
};

describe("a hook that goes on after its run is over", () => {
  it("can not add facts, edits, envelope changes or a verdict after its time, and nothing breaks", async () => {
    const draft: unknown[] = [];
    const bench = benchFor("route", {
      more: {
        envelopeEdits: (into) => ({
          rewriteRecipient: (to: unknown, reason: string) => {
            into.push({ to, reason });
            draft.push(to);
          },
        }),
      },
    });
    let ended = false;
    const plugin = definePlugin({
      name: "slow",
      timeout: "1s",
      onError: "skip",
      routes: true,
      provides: [FACTS.route],
      edits: ["header", "envelope"],
      async route(ctx) {
        await ctx.clock.sleep(5_000);
        ctx.provide(FACTS.route, "late");
        ctx.message.addField("X-Late", "1", "r");
        ctx.rewriteRecipient(makeAddress("late", "example.org"), "r");
        ended = true;
        return routeTo("late");
      },
    });
    const running = runHook(slotOf(plugin), "route", bench.subject);
    await bench.clock.advance(1_200);
    const outcome = await running;
    await bench.clock.advance(10_000);
    assert.equal(ended, true);
    assert.deepEqual(outcome, { envelope: [], fault: "did not return within 1000 ms" });
    assert.deepEqual(bench.facts(), {});
    assert.deepEqual(draft, []);
    assert.equal(bench.subject.message?.edits.length, 0);
    assert.equal(bench.runs().length, 1);
    assert.deepEqual(
      bench.logged.map(({ event }) => event),
      ["pluginFault", "pluginLate"],
    );
  });

  it("can not change what already counts: facts, the message, the envelope, the verdict", async () => {
    const bench = benchFor("route", {
      more: { envelopeEdits: (into) => ({ addRecipient: (to: unknown) => into.push(to) }) },
    });
    const verdict = { verdict: "routeTo", nextHop: "backend" };
    const value = { a: 1 };
    let held: unknown;
    const plugin = definePlugin({
      name: "sly",
      routes: true,
      provides: [FACTS.route],
      edits: ["header", "body", "envelope"],
      route(ctx) {
        held = ctx;
        ctx.provide(FACTS.route, value);
        ctx.message.addField("X-A", "1", "r");
        ctx.addRecipient(makeAddress("copy", "example.org"), "r");
        return verdict as never;
      },
    });
    const outcome = await runHook(slotOf(plugin), "route", bench.subject);
    const before = structuredClone([outcome.verdict, outcome.envelope, bench.facts(), bench.runs()]);
    verdict.nextHop = "elsewhere";
    value.a = 2;
    const ctx = held as {
      provide(...args: unknown[]): void;
      addRecipient(...args: unknown[]): void;
      message: { addField(...args: unknown[]): void; prependText(...args: unknown[]): Promise<void> };
    };
    ctx.provide(FACTS.route, "other");
    ctx.addRecipient(makeAddress("more", "example.org"), "r");
    ctx.message.addField("X-B", "1", "r");
    await ctx.message.prependText({ plain: "x" }, "r");
    assert.deepEqual([outcome.verdict, outcome.envelope, bench.facts(), bench.runs()], before);
    assert.equal(outcome.message?.edits.length, 1);
    assert.doesNotMatch(await textOf(outcome.message!), /X-B/);
  });

  it("can reject after its time without ending the process", async () => {
    const bench = benchFor("mail");
    const plugin = definePlugin({
      name: "p",
      timeout: "1s",
      async mail(ctx) {
        await ctx.clock.sleep(2_000);
        throw new Error("too late");
      },
    });
    const running = runHook(slotOf(plugin), "mail", bench.subject);
    await bench.clock.advance(1_200);
    assert.equal((await running).verdict?.verdict, "tempfail");
    // An unhandled rejection here would fail this file.
    await bench.clock.advance(3_000);
    assert.equal(bench.runs().length, 1);
  });
});

describe("ctx.signal", () => {
  const waiting = (heard: unknown[]) =>
    definePlugin({
      name: "p",
      timeout: "1s",
      onError: "reject",
      async data(ctx) {
        assert.equal(ctx.signal, ctx.signal);
        ctx.signal.addEventListener("abort", () => heard.push(ctx.signal.reason));
        await new Promise(() => {});
      },
    });

  it("aborts at the hook's timeout", async () => {
    const heard: unknown[] = [];
    const bench = benchFor("data");
    const running = runHook(slotOf(waiting(heard)), "data", bench.subject);
    await bench.clock.advance(900);
    assert.deepEqual(heard, []);
    await bench.clock.advance(300);
    await running;
    assert.match(String(heard[0]), /did not return within 1000 ms/);
  });

  it("aborts at the transaction's deadline, which tempfails whatever onError says", async () => {
    const deadline = new AbortController();
    const heard: unknown[] = [];
    const bench = benchFor("data", { more: { signal: deadline.signal } });
    const running = runHook(slotOf(waiting(heard)), "data", bench.subject);
    deadline.abort(new Error("over"));
    const outcome = await running;
    assert.equal(outcome.verdict?.verdict, "tempfail");
    assert.deepEqual(bench.runs()[0]?.fault, {
      message: "the transaction's deadline is over",
      onError: "tempfail",
    });
    assert.match(String(heard[0]), /over/);
  });

  it("is aborted also for a hook that first looks at it after its time", async () => {
    const bench = benchFor("data");
    let aborted: boolean | undefined;
    const plugin = definePlugin({
      name: "p",
      timeout: "1s",
      async data(ctx) {
        await ctx.clock.sleep(2_000);
        aborted = ctx.signal.aborted;
      },
    });
    const running = runHook(slotOf(plugin), "data", bench.subject);
    await bench.clock.advance(2_500);
    await running;
    assert.equal(aborted, true);
  });

  it("of a hook in time stays quiet, and nothing is left waiting on the deadline or the clock", async () => {
    const deadline = new AbortController();
    let listeners = 0;
    const { signal } = deadline;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = ((...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    }) as typeof signal.addEventListener;
    signal.removeEventListener = ((...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    }) as typeof signal.removeEventListener;
    const bench = benchFor("data", { more: { signal } });
    const plugin = definePlugin({ name: "p", data: async () => undefined });
    assert.equal((await runHook(slotOf(plugin), "data", bench.subject)).fault, undefined);
    assert.equal(listeners, 0);
    await bench.clock.advance(200);
    assert.equal(bench.clock.sleeping, 0);
  });

  it("a hook does not begin after the deadline", async () => {
    let ran = false;
    const plugin = definePlugin({
      name: "p",
      onError: "skip",
      data() {
        ran = true;
      },
    });
    const bench = benchFor("data", { more: { signal: AbortSignal.abort() } });
    const outcome = await runHook(slotOf(plugin), "data", bench.subject);
    assert.equal(ran, false);
    assert.equal(outcome.verdict?.verdict, "tempfail");
  });
});
