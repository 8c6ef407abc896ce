/** Records of attempts of the queue: wherever they lie, a store gives one record of a message, over restarts and bounds. */
import assert from "node:assert/strict";
import { existsSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import fc from "fast-check";
import { JOINED_ENTRIES_MAX } from "../../core/gateway/join-records.ts";
import { joinRecords, memoryTraces, type TraceStore } from "../../core/gateway/mod.ts";
import type { TraceRecipient, TraceRecord } from "../../core/pipeline/mod.ts";
import { dayMs, ids, trace, withBench } from "./trace-store-fixtures.ts";

const FULL = "/dev/full";
const skip = existsSync(FULL) ? false : `no ${FULL} on this system`;
if (skip) console.log(`skipped: a full disk: ${skip}`);

const recipient = (number: number, outcome: TraceRecipient["outcome"], more = {}): TraceRecipient => ({
  number,
  forwardPath: `r${number}@example.org`,
  outcome,
  ...more,
});

const note = (detail: string) => ({ at: 1, event: "attempt", detail });

/** A message that was queued for the recipients 0 and 1. */
const taken = (id: string, now: number): TraceRecord => ({
  ...trace(id, now),
  session: "s9",
  recipients: [recipient(0, "queued"), recipient(1, "queued")],
  entries: [note("taken")],
});

/** What its attempt of that number says of one recipient. */
const attempt = (id: string, now: number, number: number, of: TraceRecipient): TraceRecord => ({
  ...trace(id, now),
  session: "",
  recipients: [{ ...of, attempts: number }],
  entries: [note(`attempt ${number}`)],
  attempt: number,
});

const said = (record: TraceRecord | undefined) =>
  record && [
    record.recipients.map(
      ({ number, outcome, attempts = 0, nextAt }) => `${number} ${outcome} ${attempts} ${nextAt}`,
    ),
    record.entries.map((entry) => ("detail" in entry ? entry.detail : "")),
    record.session,
    record.attempt,
  ];

const whole = [
  ["0 delivered 1 undefined", "1 deferred 2 99"],
  ["taken", "attempt 1", "attempt 2"],
  "s9",
  undefined,
];

const putAll = (store: TraceStore, now: number, between: () => Promise<unknown> = async () => {}) => [
  () => store.put(taken("a1", now)),
  between,
  () => store.put(attempt("a1", now, 1, recipient(0, "delivered"))),
  between,
  () => store.put(attempt("a1", now, 2, recipient(1, "deferred", { nextAt: 99 }))),
];

describe("a trace store joins the attempts of a message", () => {
  it("in memory (memoryTraces)", async () => {
    const store = memoryTraces(10);
    for (const step of putAll(store, 1)) await step();
    assert.deepEqual(said(await store.get("a1")), whole);
    assert.deepEqual(await ids(store, { limit: 9 }), ["a1"]);
  });

  it("while all of them wait to be written", () =>
    withBench(async (bench) => {
      const store = bench.open();
      for (const step of putAll(store, bench.now)) await step();
      assert.deepEqual(said(await store.get("a1")), whole);
      assert.deepEqual((await store.list({ limit: 5 })).map(said), [whole]);
    }));

  it("in one segment, after a restart", () =>
    withBench(async (bench) => {
      const before = bench.open();
      for (const step of putAll(before, bench.now)) await step();
      await before.close();
      const store = bench.open();
      assert.deepEqual(said(await store.get("a1")), whole);
      assert.deepEqual((await store.list({ limit: 5 })).map(said), [whole]);
    }));

  it("in several segments, and beside other messages", () =>
    withBench(async (bench) => {
      const parts = [
        [taken("a1", bench.now), taken("a0", bench.now)],
        [attempt("a1", bench.now, 1, recipient(0, "delivered")), taken("b1", bench.now)],
        [attempt("a1", bench.now, 2, recipient(1, "deferred", { nextAt: 99 }))],
        [taken("c1", bench.now)],
      ];
      for (const records of parts) {
        const store = bench.open();
        for (const record of records) store.put(record);
        await store.close();
      }
      const store = bench.open();
      assert.ok(bench.files().length > 1);
      assert.deepEqual(said(await store.get("a1")), whole);
      for (const limit of [1, 2, 3, 4, 9]) {
        const listed = await store.list({ limit });
        assert.deepEqual(
          listed.map(({ id }) => id),
          ["c1", "b1", "a1", "a0"].slice(0, limit),
        );
        const joined = listed.find(({ id }) => id === "a1");
        if (joined) assert.deepEqual(said(joined), whole, `limit ${limit}`);
      }
      assert.deepEqual((await store.list({ before: "b1", limit: 1 })).map(said), [whole]);
    }));

  it("after a disk that was full for a while", { skip }, () =>
    withBench(async (bench) => {
      const store = bench.open();
      const first = join(bench.folder, "0000000001-.ndjson");
      symlinkSync(FULL, first);
      // Writing fails after the first, so that it waits beside those that come.
      for (const step of putAll(store, bench.now, () => store.close())) await step();
      unlinkSync(first);
      assert.deepEqual(said(await store.get("a1")), whole);
      await store.close();
      assert.deepEqual(said(await bench.open().get("a1")), whole);
    }),
  );

  it("as one record where that of the transaction is gone by its age", () =>
    withBench(async (bench) => {
      const store = bench.open();
      store.put(taken("a1", bench.now));
      await store.close();
      bench.now += 8 * dayMs;
      const later = bench.open();
      const late = { ...attempt("a1", bench.now - 8 * dayMs, 9, recipient(1, "failed")), ms: 8 * dayMs };
      later.put(late);
      assert.deepEqual(said(await later.get("a1")), [["1 failed 9 undefined"], ["attempt 9"], "", 9]);
      assert.deepEqual(await ids(later, { limit: 5 }), ["a1"]);
    }));
});

describe("joinRecords", () => {
  it("keeps the addresses of the transaction, and takes back what no longer holds", () => {
    const first = recipient(0, "deferred", {
      original: "x@example.org",
      nextHop: "a",
      nextAt: 5,
      reason: "r",
    });
    const base = { ...taken("a1", 1), recipients: [{ ...first, forwardPath: "y@example.org" }] };
    const [joined] = joinRecords([base, attempt("a1", 1, 3, recipient(0, "delivered"))]).recipients;
    assert.deepEqual(joined, {
      number: 0,
      forwardPath: "y@example.org",
      original: "x@example.org",
      nextHop: "a",
      outcome: "delivered",
      attempts: 3,
    });
  });

  it("adds recipients that the transaction did not know, and passes over none that were refused at RCPT", () => {
    const { number: _, ...refused } = recipient(0, "refused");
    const base = { ...taken("a1", 1), recipients: [refused] };
    const joined = joinRecords([base, attempt("a1", 1, 1, recipient(0, "delivered"))]);
    assert.deepEqual(
      joined.recipients.map(({ outcome }) => outcome),
      ["refused", "delivered"],
    );
  });

  it("is bounded in entries, whatever the number of attempts, and counts what it left out", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 40 }), (attempts, entries) => {
        const one = (n: number): TraceRecord => ({
          ...attempt("a1", 1, n, recipient(0, "deferred")),
          entries: Array.from({ length: entries }, (_, i) => note(`${n}.${i}`)),
        });
        const joined = joinRecords([
          taken("a1", 1),
          ...Array.from({ length: attempts }, (_, n) => one(n + 1)),
        ]);
        const all = 1 + attempts * entries;
        assert.ok(joined.entries.length <= JOINED_ENTRIES_MAX);
        assert.equal(joined.entries.length + (joined.entriesDropped ?? 0), all);
        assert.equal(joined.recipients[0]?.attempts, attempts);
      }),
      { numRuns: 30 },
    );
  });
});
