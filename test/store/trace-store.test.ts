/** The trace store: what is put is found again in order, over restarts, torn lines and bounds. Trouble is in a file of its own. */
import assert from "node:assert/strict";
import { appendFileSync, existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { TraceStore } from "../../core/gateway/mod.ts";
import { dayMs, ids, trace, withBench } from "./trace-store-fixtures.ts";

describe("put of openTraceStore", () => {
  it("tells subscribers and makes the record readable before anything is on disk", () =>
    withBench(async (bench) => {
      const store = bench.open();
      const told: string[] = [];
      const stop = store.subscribe((record) => told.push(record.id));
      store.subscribe(() => {
        throw new Error("a listener's own trouble");
      });
      assert.equal(store.put(trace("a1", bench.now)), undefined);
      // Nothing was awaited since: no turn of the event loop in which a file could have been written.
      assert.deepEqual(told, ["a1"]);
      assert.deepEqual(bench.files(), []);
      assert.equal((await store.get("a1"))?.id, "a1");
      assert.deepEqual(await ids(store, { limit: 9 }), ["a1"]);
      stop();
      store.put(trace("a2", bench.now));
      assert.deepEqual(told, ["a1"]);
      assert.deepEqual(
        bench.said.map(({ event, fields }) => `${event} ${fields.ref}`),
        ["traceListenerFault a1", "traceListenerFault a2"],
      );
    }));

  it("keeps folder and files to their owner", () =>
    withBench(async (bench) => {
      const store = bench.open();
      store.put(trace("a1", bench.now));
      await store.close();
      assert.equal(statSync(bench.folder).mode & 0o777, 0o700);
      assert.deepEqual(
        bench.files().map((file) => statSync(join(bench.folder, file)).mode & 0o777),
        [0o600],
      );
    }));

  const unfit = ["", "../../etc/passwd", "a/b", "a\u0000", "x".repeat(65)];
  for (const id of unfit) {
    it(`logs and passes over the id ${JSON.stringify(id.slice(0, 20))}`, () =>
      withBench(async (bench) => {
        const store = bench.open();
        store.put(trace(id, bench.now));
        assert.equal(bench.said[0]?.event, "traceNotKept");
        assert.equal(await store.get(id), undefined);
        assert.deepEqual(await ids(store, { limit: 9 }), []);
      }));
  }

  it("keeps a record of more than a megabyte without its entries, and counts them as dropped", () =>
    withBench(async (bench) => {
      const store = bench.open();
      const entries = Array.from({ length: 300 }, (_, at) => ({
        at,
        event: "note",
        detail: "x".repeat(5000),
      }));
      store.put({ ...trace("a1", bench.now), entries, entriesDropped: 7 });
      const kept = await store.get("a1");
      assert.deepEqual([kept?.entries.length, kept?.entriesDropped], [0, 307]);
    }));

  it("lets the last record of an id count, also over segments and a restart", () =>
    withBench(async (bench) => {
      const put = async (store: TraceStore, ms: number) => {
        store.put({ ...trace("a1", bench.now), ms });
        assert.equal((await store.get("a1"))?.ms, ms);
        await store.close();
        assert.equal((await store.get("a1"))?.ms, ms);
        assert.deepEqual(
          (await store.list({ limit: 9 })).map((record) => record.ms),
          [ms],
        );
      };
      const first = bench.open();
      await put(first, 1);
      await put(first, 2);
      await put(bench.open(), 3);
      assert.equal(bench.files().length, 2);
    }));
});

describe("openTraceStore after a restart", () => {
  it("passes over a torn line, whatever it was cut at, and loses none of its neighbours", async () => {
    const whole = JSON.stringify({ ...trace("a3", 0), entries: [{ at: 1, event: "e", detail: "{}" }] });
    for (let cut = 1; cut < whole.length; cut++) {
      await withBench(async (bench) => {
        const before = bench.open();
        for (const id of ["a1", "a2"]) before.put(trace(id, bench.now));
        await before.close();
        appendFileSync(join(bench.folder, bench.files()[0]!), `\n${whole.slice(0, cut)}`);
        const after = bench.open();
        assert.deepEqual(await ids(after, { limit: 2 }), ["a2", "a1"], `cut at ${cut}`);
        assert.equal(await after.get("a3"), undefined);
      });
    }
  });

  it("goes on writing behind a torn line", () =>
    withBench(async (bench) => {
      const store = bench.open();
      store.put(trace("a1", bench.now));
      await store.close();
      appendFileSync(join(bench.folder, bench.files()[0]!), '{"id":"a2","session":"s');
      store.put(trace("a3", bench.now));
      await store.close();
      assert.deepEqual(await ids(bench.open(), { limit: 9 }), ["a3", "a1"]);
    }));

  it("keeps the order when the clock went back between two processes", () =>
    withBench(async (bench) => {
      const generations = [
        ["m5", "m9"],
        ["m6", "m7"],
        ["c1", "c2"],
        ["n1", "m8"],
      ];
      for (const generation of generations) {
        const store = bench.open();
        for (const id of generation) store.put(trace(id, bench.now));
        await store.close();
      }
      const store = bench.open();
      const want = ["n1", "m9", "m8", "m7", "m6", "m5", "c2", "c1"];
      for (let limit = 1; limit <= want.length; limit++)
        assert.deepEqual(await ids(store, { limit }), want.slice(0, limit), `limit ${limit}`);
      for (const id of want) assert.equal((await store.get(id))?.id, id);
    }));

  it("leaves other files of the folder alone", () =>
    withBench(async (bench) => {
      bench.open();
      appendFileSync(join(bench.folder, "notes.txt"), "mine");
      const store = bench.open({ bytesMax: 1 });
      assert.deepEqual(await ids(store, { limit: 9 }), []);
      assert.ok(existsSync(join(bench.folder, "notes.txt")));
    }));
});

describe("list and get of openTraceStore", () => {
  it("agree with a sorted list, whatever the order, the segments and the restarts", async () => {
    const id = fc.integer({ min: 0, max: 40 }).map((n) => `i${String(n).padStart(2, "0")}`);
    const step = fc.oneof(
      { weight: 6, arbitrary: id },
      { weight: 2, arbitrary: fc.constant("write") },
      { weight: 1, arbitrary: fc.constant("segment") },
      { weight: 1, arbitrary: fc.constant("restart") },
    );
    const asked = fc.record({
      limit: fc.integer({ min: 1, max: 9 }),
      before: fc.option(id, { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.array(asked, { minLength: 1 }), (steps, asks) =>
        withBench(async (bench) => {
          let store = bench.open();
          const model = new Map<string, number>();
          for (const [ms, taken] of steps.entries()) {
            if (taken === "write") await store.close();
            // A segment ends after a sixteenth of the age.
            else if (taken === "segment") bench.now += dayMs / 2;
            else if (taken === "restart") {
              await store.close();
              store = bench.open();
            } else {
              model.set(taken, ms);
              store.put({ ...trace(taken, Date.now() + 40 * dayMs), ms });
            }
          }
          const sorted = [...model].sort(([a], [b]) => (a < b ? 1 : -1));
          for (const { limit, before } of asks) {
            const want = sorted.filter(([key]) => before === undefined || key < before).slice(0, limit);
            const got = await store.list(before === undefined ? { limit } : { limit, before });
            assert.deepEqual(
              got.map((record) => [record.id, record.ms]),
              want,
            );
          }
          for (const [key, ms] of model) assert.equal((await store.get(key))?.ms, ms);
          assert.equal(await store.get("zz"), undefined);
        }),
      ),
      { numRuns: 60 },
    );
  });
});

describe("the bounds of openTraceStore", () => {
  it("keep all segments together under bytesMax, the newest of them", () =>
    withBench(async (bench) => {
      const bytesMax = 2 ** 20;
      const store = bench.open({ bytesMax });
      for (let n = 1000; n < 1400; n++) {
        store.put(trace(`i${n}`, bench.now, 10_000));
        if (n % 10 === 9) await store.close();
        assert.ok(bench.bytes() <= bytesMax);
      }
      const kept = await ids(store, { limit: 1000 });
      assert.deepEqual(
        kept,
        Array.from({ length: kept.length }, (_, n) => `i${1399 - n}`),
      );
      // What goes is an eighth at a time.
      assert.ok(bench.bytes() > bytesMax * 0.75, `${bench.bytes()}`);
      assert.equal(await store.get("i1000"), undefined);
    }));

  it("are kept at the start for what an earlier process left", () =>
    withBench(async (bench) => {
      const store = bench.open();
      for (let n = 0; n < 8; n++) {
        store.put(trace(`i${n}`, bench.now, 100_000));
        await store.close();
        bench.now += dayMs / 2;
      }
      bench.now = Date.now();
      const small = bench.open({ bytesMax: 350_000 });
      assert.deepEqual(await ids(small, { limit: 9 }), ["i7", "i6", "i5"]);
      assert.ok(bench.bytes() <= 350_000);
      bench.now += 8 * dayMs;
      bench.open();
      assert.deepEqual(bench.files(), []);
    }));

  it("hide a record at ageMaxMs and remove it within a sixteenth more, though little mail comes each hour", () =>
    withBench(async (bench) => {
      const store = bench.open();
      const begun = bench.now;
      const hour = dayMs / 24;
      for (let n = 0; n < 24 * 9; n++) {
        const age = bench.now - begun;
        if (n > 0) assert.equal((await store.get("i1000")) !== undefined, age < 7 * dayMs, `hour ${n}`);
        store.put(trace(`i${1000 + n}`, bench.now));
        await store.close();
        bench.now += hour;
      }
      const shown = await ids(store, { limit: 1000 });
      assert.equal(shown.length, 24 * 7 - 1);
      assert.ok(bench.files().length <= 18, `${bench.files().length} files`);
    }));
});
