/** The trace store on a disk that is full, gone, or another thing than a folder: nothing throws, all is said, and what can be kept is. */
import assert from "node:assert/strict";
import { existsSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ids, trace, withBench } from "./trace-store-fixtures.ts";

const FULL = "/dev/full";
const skip = existsSync(FULL) ? false : `no ${FULL} on this system`;
if (skip) console.log(`skipped: a full disk: ${skip}`);

describe("openTraceStore", () => {
  it("keeps records in memory while the disk is full, and writes them once there is room", { skip }, () =>
    withBench(async (bench) => {
      const store = bench.open();
      const first = join(bench.folder, "0000000001-.ndjson");
      symlinkSync(FULL, first);
      for (const id of ["a1", "a2"]) store.put(trace(id, bench.now));
      await store.close();
      assert.match(String(bench.said[0]?.fields.fault), /ENOSPC/);
      // Reading such a file would have no end.
      unlinkSync(first);
      store.put(trace("a3", bench.now));
      assert.deepEqual(await ids(store, { limit: 9 }), ["a3", "a2", "a1"]);
      assert.deepEqual(bench.files(), []);
      await store.close();
      assert.deepEqual(bench.said.at(-1), { event: "tracesWrittenAgain", fields: { lost: 0 } });
      assert.deepEqual(await ids(bench.open(), { limit: 9 }), ["a3", "a2", "a1"]);
    }),
  );

  it("makes its folder again when somebody removed it", () =>
    withBench(async (bench) => {
      const store = bench.open();
      store.put(trace("a1", bench.now));
      await store.close();
      rmSync(bench.folder, { recursive: true });
      assert.equal(await store.get("a1"), undefined);
      store.put(trace("a2", bench.now));
      await store.close();
      assert.deepEqual(bench.said, []);
      assert.deepEqual(await ids(store, { limit: 9 }), ["a2"]);
      assert.deepEqual(await ids(bench.open(), { limit: 9 }), ["a2"]);
    }));

  it("says a lasting trouble once a minute, and keeps the newest records within 16 MB", () =>
    withBench(async (bench) => {
      const store = bench.open();
      rmSync(bench.folder, { recursive: true });
      writeFileSync(bench.folder, "not a folder");
      const fails = async () => {
        await store.close();
        return bench.said.filter(({ event }) => event === "tracesNotWritten").length;
      };
      for (let n = 100; n < 140; n++) store.put(trace(`i${n}`, bench.now, 500_000));
      assert.equal(await fails(), 1);
      for (let n = 140; n < 180; n++) store.put(trace(`i${n}`, bench.now, 500_000));
      assert.equal(await fails(), 1);
      bench.now += 60_000;
      assert.equal(await fails(), 2);
      const { fields } = bench.said.findLast(({ event }) => event === "tracesNotWritten")!;
      assert.deepEqual([fields.waiting, fields.lost], [33, 47]);
      const kept = await ids(store, { limit: 200 });
      assert.deepEqual([kept[0], kept.length], ["i179", 33]);
      rmSync(bench.folder);
      await store.close();
      assert.deepEqual(await ids(bench.open(), { limit: 200 }), kept);
    }));

  it("says at its close what it could not write", () =>
    withBench(async (bench) => {
      const store = bench.open();
      rmSync(bench.folder, { recursive: true });
      writeFileSync(bench.folder, "not a folder");
      store.put(trace("a1", bench.now));
      await store.close();
      assert.deepEqual(bench.said.at(-1), { event: "tracesLost", fields: { count: 1 } });
    }));

  it("throws the file system's error when its folder can not be had at the start", () =>
    withBench(async (bench) => {
      writeFileSync(bench.folder, "not a folder");
      assert.throws(() => bench.open(), /EEXIST|ENOTDIR/);
    }));
});
