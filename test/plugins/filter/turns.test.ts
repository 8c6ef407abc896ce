/** Turns: so many at once, the others in their order. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { turns } from "../../../plugins/filter/turns.ts";

test("turns lets two at once, the others in their order, and ending twice is ending once", async () => {
  const enter = turns(2);
  const order: string[] = [];
  const first = await enter();
  const second = await enter();
  const named = async (name: string) => {
    const leave = await enter();
    order.push(name);
    return leave;
  };
  const third = named("third");
  const fourth = named("fourth");
  await Promise.resolve();
  assert.deepEqual(order, []);
  first();
  first();
  const leaveThird = await third;
  assert.deepEqual(order, ["third"]);
  leaveThird();
  second();
  (await fourth)();
  assert.deepEqual(order, ["third", "fourth"]);
  (await enter())();
});
