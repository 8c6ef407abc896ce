/** Every way in which a hook can go wrong, in every stage, under every `onError`. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definePlugin, type HookOutcome, type OnError, runHook, STAGES, type Stage } from "postern";
import { benchFor, slotOf } from "./fakes.ts";
import { type Ctx, type Fault, faults, thrown } from "./faulty-hooks.ts";

const ON_ERRORS: readonly OnError[] = ["tempfail", "reject", "skip"];

/** What each `onError` makes of it: a delivery may only be put off. */
const wanted = (stage: Stage, onError: OnError) =>
  onError === "reject" && stage === "delivery" ? "tempfail" : onError;

async function runFault(fault: Fault, stage: Stage, onError: OnError) {
  const bench = benchFor(stage);
  const plugin = definePlugin({
    name: "faulty",
    timeout: "1s",
    onError,
    [stage]: (ctx: Ctx) => fault.hook(ctx, stage, bench),
    ...fault.definition?.(stage),
  } as Parameters<typeof definePlugin>[0]);
  const running = runHook(slotOf(plugin), stage, bench.subject);
  if (fault.hangs) await bench.clock.advance(1_200);
  const outcome: HookOutcome<Stage> = await running;
  return { bench, outcome };
}

describe("runHook() on a hook that goes wrong", () => {
  for (const fault of faults) {
    it(`runHook() takes a hook that ${fault.name} as a fault, and nothing of it counts`, async () => {
      for (const stage of fault.stages ?? STAGES) {
        for (const onError of ON_ERRORS) {
          const where = `${stage}, ${onError}`;
          const { bench, outcome } = await runFault(fault, stage, onError);
          const made = wanted(stage, onError);
          assert.match(outcome.fault ?? "no fault", fault.want, where);
          assert.equal(outcome.verdict?.verdict, made === "skip" ? undefined : made, where);
          assert.equal(outcome.message, undefined, where);
          assert.deepEqual(outcome.envelope, [], where);
          assert.deepEqual(bench.facts(), {}, where);
          const [run, ...more] = bench.runs();
          assert.deepEqual(more, [], where);
          assert.match(run?.fault?.message ?? "no fault", fault.want, where);
          assert.equal(run?.fault?.onError, made, where);
          assert.equal(`${run?.stage} ${run?.plugin}`, `${stage} faulty`, where);
          assert.equal(run?.facts ?? run?.edits ?? run?.verdict, undefined, where);
          assert.deepEqual(
            bench.logged.map(({ event, fields }) => [event, fields?.plugin, fields?.stage]),
            [["pluginFault", "faulty", stage]],
            where,
          );
        }
      }
    });
  }

  it("runHook() answers a fault with 4.3.0 or 5.3.0 and words that tell nothing", async () => {
    const fault: Fault = { name: "", hook: thrown(new Error("secret")), want: /secret/ };
    for (const [onError, enhanced] of [
      ["tempfail", "4.3.0"],
      ["reject", "5.3.0"],
    ] as const) {
      const { outcome } = await runFault(fault, "data", onError);
      const { verdict } = outcome;
      assert.ok(verdict?.verdict === "reject" || verdict?.verdict === "tempfail");
      assert.equal(verdict.enhanced, enhanced);
      assert.doesNotMatch(verdict.text, /secret/);
    }
  });
});

describe("runHook() after a fault", () => {
  it("runHook() leaves nothing waiting on the clock, whatever the hook's promise did", async () => {
    const then = { throws: thrown(new Error("no then")), settles: (done: () => void) => [done(), done()] };
    for (const hook of [
      async () => Promise.reject(new Error("no")),
      // biome-ignore lint/suspicious/noThenProperty: that is the test
      () => ({ then: then.throws }),
      // biome-ignore lint/suspicious/noThenProperty: that is the test
      () => ({ then: then.settles }),
    ]) {
      const bench = benchFor("data");
      await runHook(slotOf(definePlugin({ name: "p", data: hook as never })), "data", bench.subject);
      await bench.clock.advance(150);
      assert.equal(bench.clock.sleeping, 0);
    }
  });
});
