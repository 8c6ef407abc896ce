import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { untilAborted, workLimit } from "../../../plugins/auth/work-limit.ts";

/** A work that ends when the test says so. */
function work() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let started = false;
  return {
    run: () => {
      started = true;
      return promise;
    },
    end: resolve,
    fail: reject,
    get started() {
      return started;
    },
  };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test("workLimit runs as many as it may, lets some wait, and turns away the rest", async () => {
  const limit = workLimit(1, 1);
  const [first, second, third] = [work(), work(), work()];
  const one = limit.run(first.run);
  const two = limit.run(second.run);
  assert.equal(limit.run(third.run), undefined);
  assert.deepEqual([first.started, second.started, third.started], [true, false, false]);
  first.end("one");
  assert.equal(await one, "one");
  await settle();
  assert.equal(second.started, true);
  second.end("two");
  assert.equal(await two, "two");
  assert.equal(third.started, false);
});

test("workLimit gives the place of a work that fails or throws to the next", async () => {
  const limit = workLimit(1, 5);
  const failing = work();
  const failed = limit.run(failing.run);
  const thrown = limit.run(() => {
    throw new Error("thrown");
  });
  const last = limit.run(async () => "last");
  failing.fail(new Error("failed"));
  await assert.rejects(async () => failed, /failed/);
  await assert.rejects(async () => thrown, /thrown/);
  assert.equal(await last, "last");
});

test("workLimit lets one that waits leave the list when its signal aborts", async () => {
  const limit = workLimit(1, 1);
  const [first, second, third] = [work(), work(), work()];
  const one = limit.run(first.run);
  const abort = new AbortController();
  const two = limit.run(second.run, abort.signal);
  abort.abort(new Error("out of time"));
  await assert.rejects(async () => two, /out of time/);
  const three = limit.run(third.run);
  assert.notEqual(three, undefined, "the place in the list is free again");
  first.end("one");
  await one;
  await settle();
  assert.deepEqual([second.started, third.started], [false, true]);
  third.end("three");
  assert.equal(await three, "three");
});

test("workLimit refuses one whose signal had aborted before it could wait", async () => {
  const limit = workLimit(1, 1);
  const first = work();
  const one = limit.run(first.run);
  await assert.rejects(
    async () => limit.run(async () => "two", AbortSignal.abort(new Error("late"))),
    /late/,
  );
  assert.notEqual(
    limit.run(async () => "three"),
    undefined,
  );
  first.end("one");
  await one;
});

test("workLimit never runs more than it may, and runs all that it takes", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 0, max: 6 }),
      fc.array(fc.constantFrom("end", "fail", "throw"), { maxLength: 20 }),
      async (runningMax, waitingMax, kinds) => {
        const limit = workLimit(runningMax, waitingMax);
        let running = 0;
        let most = 0;
        const runs = kinds.map((kind) =>
          limit.run(async () => {
            most = Math.max(most, ++running);
            if (kind === "throw") {
              running--;
              throw new Error(kind);
            }
            await settle();
            running--;
            if (kind === "fail") throw new Error(kind);
            return kind;
          }),
        );
        const taken = runs.filter((run) => run !== undefined);
        assert.equal(taken.length, Math.min(kinds.length, runningMax + waitingMax));
        const results = await Promise.allSettled(taken);
        assert.deepEqual(
          results.map((result) => (result.status === "fulfilled" ? result.value : result.reason.message)),
          kinds.slice(0, taken.length),
        );
        assert.ok(most <= runningMax);
        assert.equal(running, 0);
      },
    ),
    { numRuns: 30 },
  );
});

test("untilAborted gives what the work comes to, or the signal's reason when that is first", async () => {
  const { signal } = new AbortController();
  assert.equal(await untilAborted(Promise.resolve("done"), signal), "done");
  await assert.rejects(untilAborted(Promise.reject(new Error("failed")), signal), /failed/);
  await assert.rejects(untilAborted(new Promise(() => {}), AbortSignal.abort(new Error("over"))), /over/);
  const abort = new AbortController();
  const hanging = untilAborted(new Promise(() => {}), abort.signal);
  abort.abort(new Error("over"));
  await assert.rejects(hanging, /over/);
});
