/** Buffers that are used again: each is one caller's alone, and there are never more than agreed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BufferPool } from "../../core/mail/mod.ts";

test("BufferPool gives each buffer to one caller at a time, and takenMax of them at most", () => {
  const pool = new BufferPool(16, 2, 2);
  const [a, b] = [pool.take(), pool.take()];
  assert.ok(a && b && a !== b);
  assert.equal(pool.take(), undefined);
  pool.giveBack(a);
  assert.equal(pool.take(), a);
});

test("BufferPool keeps keptMax of those that nobody has", () => {
  const pool = new BufferPool(16, 3, 1);
  const taken = [pool.take(), pool.take(), pool.take()];
  for (const buffer of taken) if (buffer) pool.giveBack(buffer);
  const again = [pool.take(), pool.take()];
  assert.equal(again.filter((buffer) => taken.includes(buffer)).length, 1);
});

test("BufferPool never gives a lost buffer again, and takes its place back", () => {
  const pool = new BufferPool(16, 1, 1);
  const lost = pool.take();
  pool.lose();
  assert.notEqual(pool.take(), lost);
});
