/** How many deliveries of one destination may run: after failures, after success, and by the slots of its next hop. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { DeliverySlots } from "../../core/gateway/mod.ts";
import { Destination, PROBE_MS_MAX, PROBE_MS_MIN } from "../../core/queue/destination.ts";

const WIDE: DeliverySlots = { max: 1_000, free: 1_000 };

/** Begins as many as may, each of which finds something to lend. */
function fill(destination: Destination, now: number, slots: () => DeliverySlots | undefined = () => WIDE) {
  const turns = [];
  while (turns.length < 5_000 && destination.mayBegin(now, slots)) {
    turns.push(destination.begin(now));
    destination.lent();
  }
  return turns;
}

/** One attempt that ends at once; false: none may begin. */
function once(destination: Destination, now: number, outcome: "sound" | "failed" | "nothing"): boolean {
  if (!destination.mayBegin(now, () => WIDE)) return false;
  const turn = destination.begin(now);
  destination.lent();
  destination.end(turn, outcome, now, 0);
  return true;
}

describe("Destination", () => {
  it("is left alone after a failure, twice as long each time up to a quarter of an hour", () => {
    const destination = new Destination("a");
    let now = 0;
    const waits: number[] = [];
    for (let failure = 0; failure < 9; failure++) {
      assert.ok(once(destination, now, "failed"));
      assert.equal(
        destination.mayBegin(now, () => WIDE),
        false,
      );
      const wait = destination.waitUntil - now;
      waits.push(wait / 1_000);
      assert.equal(
        destination.mayBegin(now + wait - 1, () => WIDE),
        false,
      );
      now += wait;
    }
    assert.deepEqual(waits, [15, 30, 60, 120, 240, 480, 900, 900, 900]);
    assert.equal(destination.failingSince, 0);
    assert.equal(PROBE_MS_MAX, 900_000);
  });

  it("is probed by one lease, then opened twice as wide with each success", () => {
    const destination = new Destination("a");
    once(destination, 0, "failed");
    const now = PROBE_MS_MIN;
    const [probe, ...more] = fill(destination, now);
    assert.ok(probe?.probe);
    assert.deepEqual(more, []);
    destination.end(probe, "sound", now, 0);
    assert.equal(destination.failures, 0);
    const second = fill(destination, now);
    assert.equal(second.length, 2);
    for (const turn of second) destination.end(turn, "sound", now, 0);
    assert.equal(fill(destination, now).length, 8);
  });

  it("counts what failed together as one failure", () => {
    const destination = new Destination("a");
    const turns = fill(destination, 0);
    assert.ok(turns.length > 5);
    for (const turn of turns) destination.end(turn, "failed", 5, 0);
    assert.deepEqual([destination.failures, destination.waitUntil], [1, 5 + PROBE_MS_MIN]);
  });

  it("takes no failure for its own when another delivery got through meanwhile", () => {
    const destination = new Destination("a");
    const [first, second] = [destination.begin(0), destination.begin(0)];
    destination.end(first, "sound", 5, 0);
    destination.end(second, "failed", 6, 0);
    assert.equal(destination.failures, 0);
    destination.end(destination.begin(7), "failed", 8, 0);
    assert.equal(destination.failures, 1);
  });

  it("takes no late success of before the failure for a sign that new ones get through", () => {
    const destination = new Destination("a");
    const [slow, failed] = [destination.begin(0), destination.begin(0)];
    destination.end(failed, "failed", 1, 0);
    destination.end(slow, "sound", 2, 0);
    assert.equal(destination.failures, 1);
  });

  it("is probed again when the probe found nothing to lend or never came to it", () => {
    const destination = new Destination("a");
    once(destination, 0, "failed");
    const now = PROBE_MS_MIN;
    const probe = destination.begin(now);
    assert.equal(
      destination.mayBegin(now, () => WIDE),
      false,
    );
    destination.empty(probe);
    assert.ok(once(destination, now, "nothing"));
    assert.ok(destination.mayBegin(now, () => WIDE));
  });

  it("asks for one lease at first, and for more at once while each finds something", () => {
    const destination = new Destination("a");
    destination.begin(0);
    assert.equal(
      destination.mayBegin(0, () => WIDE),
      false,
    );
    destination.lent();
    const turns = [destination.begin(0), destination.begin(0)];
    assert.equal(
      destination.mayBegin(0, () => WIDE),
      false,
    );
    destination.empty(turns[0]!);
    destination.empty(turns[1]!);
    destination.begin(0);
    assert.equal(
      destination.mayBegin(0, () => WIDE),
      false,
    );
  });

  it("runs no more than its next hop has slots, and 20 where nobody knows", () => {
    assert.equal(fill(new Destination("a"), 0, () => ({ max: 5, free: 5 })).length, 5);
    assert.equal(fill(new Destination("a"), 0, () => ({ max: 20, free: 3 })).length, 3);
    assert.equal(fill(new Destination("a"), 0, () => ({ max: 20, free: 0 })).length, 0);
    assert.equal(fill(new Destination("a"), 0, () => undefined).length, 20);
  });

  it("goes by what is free again when an attempt ended, and at once no further", () => {
    const destination = new Destination("a");
    // None of them has taken its connection yet: what is free lags behind.
    const lagging = () => ({ max: 5, free: 5 });
    const turns = fill(destination, 0, lagging);
    assert.equal(turns.length, 5);
    assert.equal(fill(destination, 999, lagging).length, 0);
    destination.end(turns[0]!, "sound", 999, 0);
    destination.end(turns[1]!, "sound", 999, 0);
    assert.equal(fill(destination, 999, lagging).length, 2);
    // After a while it counts anew, and never above all that it may have.
    assert.equal(fill(destination, 2_000, lagging).length, 0);
    assert.equal(destination.running, 5);
  });

  it("waits its turn at a next hop of so many messages a second", () => {
    const destination = new Destination("a");
    let left = 1;
    const slots = () => ({ max: 20, free: left });
    const [turn] = fill(destination, 0, slots);
    assert.ok(turn);
    left = 0;
    destination.end(turn, "sound", 5, 0);
    assert.equal(fill(destination, 5, slots).length, 0);
    left = 1;
    assert.equal(fill(destination, 1_005, slots).length, 1);
  });

  it("met by an attempt for another one fails once a back-off, and is sound again by a success", () => {
    const destination = new Destination("a");
    for (let i = 0; i < 5; i++) destination.met("failed", 0, 1, 0);
    assert.equal(destination.failures, 1);
    destination.met("sound", 2, 3, 0);
    assert.deepEqual([destination.failures, destination.window], [0, 2]);
  });

  it("forgive opens it at once", () => {
    const destination = new Destination("a");
    once(destination, 0, "failed");
    destination.forgive();
    assert.ok(destination.mayBegin(0, () => WIDE));
  });
});
