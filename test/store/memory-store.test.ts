/** The memory store: expiry, atomic steps, its bound on keys, and values that stay what they were. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createMemoryStore, systemClock } from "../../core/store/mod.ts";

/** A store on a clock that the test moves. */
function storeAt0(options = {}) {
  const time = { now: 0 };
  const store = createMemoryStore({ ...systemClock, now: () => time.now }, options);
  return { time, store };
}

describe("createMemoryStore", () => {
  it("loses no step of increment, and its counter expires as it was created", async () => {
    const { time, store } = storeAt0();
    await Promise.all(Array.from({ length: 100 }, () => store.increment("k", 1, 10)));
    time.now = 9;
    assert.equal(await store.increment("k", -40, 10), 60);
    time.now = 10;
    assert.equal(await store.get("k"), undefined);
    assert.equal(await store.increment("k", 1, 10), 1);
  });

  it("keeps a counter that is in use when a flood of new keys fills it", async () => {
    const { store } = storeAt0({ keysMax: 10 });
    for (let n = 0; n < 100; n++) {
      assert.equal(await store.increment("busy", 1, 1000), n + 1);
      await store.set(`new ${n}`, n, 1000);
    }
  });

  it("lets one of many compareAndSet win", async () => {
    const { store } = storeAt0();
    const wins = await Promise.all([1, 2, 3].map((value) => store.compareAndSet("k", undefined, value, 10)));
    assert.deepEqual(wins, [true, false, false]);
    assert.equal(await store.compareAndSet("k", 2, 4, 10), false);
    assert.equal(await store.compareAndSet("k", 1, { deep: [1] }, 10), true);
    assert.equal(await store.compareAndSet("k", { deep: [1] }, 5, 10), true);
    assert.equal(await store.get("k"), 5);
  });

  it("takes an expired key for an absent one in each step", async () => {
    const { time, store } = storeAt0();
    await store.set("k", "old", 10);
    time.now = 10;
    assert.equal(await store.compareAndSet("k", "old", "new", 10), false);
    assert.equal(await store.compareAndSet("k", undefined, "new", 10), true);
    assert.equal(await store.get("k"), "new");
  });

  it("keeps values as they were when they were set", async () => {
    const { store } = storeAt0();
    const value = { list: [1] };
    await store.set("k", value, 10);
    value.list.push(2);
    const got = (await store.get("k")) as typeof value;
    got.list.push(3);
    assert.deepEqual(await store.get("k"), { list: [1] });
  });

  it("deletes, and takes undefined for a deletion", async () => {
    const { store } = storeAt0();
    await store.set("a", 1, 10);
    await store.set("b", 1, 10);
    await store.delete("a");
    await store.delete("a");
    await store.set("b", undefined, 10);
    assert.deepEqual([await store.get("a"), await store.get("b")], [undefined, undefined]);
  });

  it("rejects an increment of what is no number and leaves it", async () => {
    const { store } = storeAt0();
    await store.set("k", "text", 10);
    await assert.rejects(store.increment("k", 1, 10), TypeError);
    assert.equal(await store.get("k"), "text");
  });

  it("takes keys that every object has", async () => {
    const { store } = storeAt0();
    assert.equal(await store.get("__proto__"), undefined);
    assert.equal(await store.increment("constructor", 1, 10), 1);
  });

  it("keeps at most keysMax, the expired going first and then those set longest ago", async () => {
    const { time, store } = storeAt0({ keysMax: 10 });
    for (let i = 0; i < 10; i++) await store.set(`k${i}`, i, i === 5 ? 1 : 100);
    await store.set("k0", "again", 100);
    time.now = 1;
    await store.set("new", 1, 100);
    const kept = await Promise.all(Array.from({ length: 10 }, (_, i) => store.get(`k${i}`)));
    assert.deepEqual(kept, ["again", 1, 2, 3, 4, undefined, 6, 7, 8, 9]);
    await store.set("newer", 1, 100);
    assert.equal(await store.get("k1"), undefined);
    assert.equal(await store.get("k0"), "again");
    assert.equal(await store.get("new"), 1);
  });

  it("does the same as a plain map with expiry, whatever is asked of it", async () => {
    const key = fc.constantFrom("a", "b", "c");
    const step = fc.oneof(
      fc.record({
        op: fc.constant("set" as const),
        key,
        value: fc.jsonValue(),
        ttl: fc.integer({ min: 1, max: 5 }),
      }),
      fc.record({
        op: fc.constant("cas" as const),
        key,
        value: fc.integer(),
        ttl: fc.integer({ min: 1, max: 5 }),
      }),
      fc.record({ op: fc.constant("delete" as const), key }),
      fc.record({ op: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 3 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { time, store } = storeAt0();
        const model = new Map<string, { value: unknown; until: number }>();
        const read = (name: string): unknown => {
          const entry = model.get(name);
          return entry !== undefined && entry.until > time.now ? entry.value : undefined;
        };
        const plain = (value: unknown): unknown =>
          value === undefined ? undefined : JSON.parse(JSON.stringify(value));
        for (const one of steps) {
          if (one.op === "wait") time.now += one.ms;
          else if (one.op === "delete") {
            model.delete(one.key);
            await store.delete(one.key);
          } else if (one.op === "set") {
            model.set(one.key, { value: plain(one.value), until: time.now + one.ttl });
            await store.set(one.key, one.value, one.ttl);
          } else {
            assert.equal(await store.compareAndSet(one.key, read(one.key), one.value, one.ttl), true);
            model.set(one.key, { value: one.value, until: time.now + one.ttl });
          }
          for (const name of ["a", "b", "c"]) assert.deepEqual(await store.get(name), read(name));
        }
      }),
    );
  });
});
