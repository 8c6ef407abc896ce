/** Many limits on one sleep of the clock. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { timeLimits } from "../../core/pipeline/time-limits.ts";
import { fakeClock } from "./fakes.ts";

describe("timeLimits()", () => {
  it("calls a limit when its time is over, once, and not before", async () => {
    const clock = fakeClock();
    let over = 0;
    timeLimits(clock).start(250, () => over++);
    await clock.advance(249);
    assert.equal(over, 0);
    await clock.advance(1);
    assert.equal(over, 1);
    await clock.advance(10_000);
    assert.equal(over, 1);
  });

  it("does not call a limit that ended in time", async () => {
    const clock = fakeClock();
    const limits = timeLimits(clock);
    const limit = limits.start(250, () => assert.fail("it ended in time"));
    await clock.advance(200);
    limits.end(limit);
    limits.end(limit);
    await clock.advance(10_000);
  });

  it("calls limits in the order of their ends, whatever the order of their starts", async () => {
    const clock = fakeClock();
    const limits = timeLimits(clock);
    const calls: string[] = [];
    for (const ms of [500, 30, 250, 31, 1_000]) {
      limits.start(ms, () => calls.push(`${ms} at ${clock.monotonic() - 1_000}`));
    }
    await clock.advance(2_000);
    assert.deepEqual(calls, ["30 at 30", "31 at 31", "250 at 250", "500 at 500", "1000 at 1000"]);
  });

  it("takes a shorter limit while a longer one sleeps", async () => {
    const clock = fakeClock();
    const limits = timeLimits(clock);
    const calls: string[] = [];
    limits.start(5_000, () => calls.push("long"));
    await clock.advance(10);
    limits.start(20, () => calls.push("short"));
    await clock.advance(20);
    assert.deepEqual(calls, ["short"]);
    await clock.advance(5_000);
    assert.deepEqual(calls, ["short", "long"]);
  });

  it("sleeps once for many limits, and no longer than a step after the last ended", async () => {
    const clock = fakeClock();
    const limits = timeLimits(clock);
    const running = Array.from({ length: 1_000 }, () => limits.start(30_000, () => {}));
    assert.equal(clock.sleeping, 1);
    for (const limit of running) limits.end(limit);
    await clock.advance(100);
    assert.equal(clock.sleeping, 0);
  });

  it("calls all limits that are over when the clock jumped", async () => {
    const clock = fakeClock();
    const limits = timeLimits(clock);
    const calls: number[] = [];
    for (const ms of [10, 20, 60_000]) limits.start(ms, () => calls.push(ms));
    clock.jump(5_000);
    await clock.advance(0);
    assert.deepEqual(calls, [10, 20]);
  });

  it("calls no limit that another one ended, and those that are left when some end out of order", async () => {
    const clock = fakeClock();
    const limits = timeLimits(clock);
    const calls: number[] = [];
    const [first, , third] = [10, 20, 30, 40, 50].map((ms) => limits.start(ms, () => calls.push(ms)));
    limits.end(first!);
    const last = limits.start(60, () => assert.fail("another one ended it"));
    limits.start(45, () => limits.end(last));
    limits.end(third!);
    limits.end(third!);
    clock.jump(5_000);
    await clock.advance(0);
    assert.deepEqual(calls, [20, 40, 50]);
  });

  it("takes a limit that is started when another one is over", async () => {
    const clock = fakeClock();
    const limits = timeLimits(clock);
    const calls: string[] = [];
    limits.start(10, () => {
      calls.push("first");
      limits.start(10, () => calls.push("second"));
    });
    await clock.advance(15);
    assert.deepEqual(calls, ["first"]);
    await clock.advance(5);
    assert.deepEqual(calls, ["first", "second"]);
  });

  it("is the same for a clock, and another one for another clock", () => {
    const clock = fakeClock();
    assert.equal(timeLimits(clock), timeLimits(clock));
    assert.notEqual(timeLimits(clock), timeLimits(fakeClock()));
  });
});
