/** ServerOrder by the preferences of MX records; its other orders are in connection-pool.test.ts. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ServerOrder } from "../../core/relay/server-order.ts";

/** Numbers from 0 to below 1 that are the same each time (Park and Miller). */
const seeded = (): (() => number) => {
  let state = 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
};

describe("ServerOrder by preference", () => {
  const clock = { ms: 0, now: () => 0, monotonic: () => clock.ms, sleep: () => Promise.resolve() };

  it("has the lowest first, and draws among equal ones each time anew", () => {
    const order = new ServerOrder(4, undefined, clock, seeded(), [10, 20, 20, 5]);
    const seen = new Set(Array.from({ length: 50 }, () => order.next().join(" ")));
    assert.deepEqual([...seen].sort(), ["3 0 1 2", "3 0 2 1"]);
  });

  it("has those that failed behind all others, whatever their preference", () => {
    const order = new ServerOrder(3, undefined, clock, seeded(), [10, 20, 30]);
    order.trying(0);
    order.failed(0);
    assert.deepEqual(order.next(), [1, 2, 0]);
    clock.ms += 1_000;
    assert.deepEqual(order.next(), [0, 1, 2]);
  });
});
