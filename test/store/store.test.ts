/** Content round trip, traces over a torn restart, and atomic counters. */
import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createContentStore, createMemoryStore, openTraceStore, systemClock } from "../../core/store/mod.ts";

const folder = () => mkdtempSync(join(tmpdir(), "postern-store-"));
const record = (id: string) => ({ id, entries: [] }) as never;

test("increment of createMemoryStore loses no step and expires", async () => {
  let now = 0;
  const store = createMemoryStore({ ...systemClock, now: () => now });
  await Promise.all(Array.from({ length: 100 }, () => store.increment("k", 1, 10)));
  assert.equal(await store.get("k"), 100);
  now = 10;
  assert.equal(await store.get("k"), undefined);
  const wins = await Promise.all([1, 2, 3].map((value) => store.compareAndSet("k", undefined, value, 10)));
  assert.deepEqual(wins, [true, false, false]);
});

test("createContentStore gives 20 MB back from a file and removes it at dispose", async () => {
  const place = folder();
  const writer = createContentStore({ folder: place }).create();
  for (let i = 0; i < 320; i++) await writer.write(new Uint8Array(65_536).fill(i % 251));
  const content = await writer.finish();
  assert.equal(content.size, 20_971_520);
  assert.equal(content.bytes, undefined);
  let at = 0;
  for await (const chunk of content.read(1)) {
    assert.equal(chunk[0], Math.floor((at + 1) / 65_536) % 251);
    at += chunk.length;
  }
  assert.equal(at, 20_971_519);
  await writer.dispose();
  await writer.dispose();
  assert.deepEqual(readdirSync(place), []);
});

test("createContentStore goes to files when totalBytesMax is used up", async () => {
  const store = createContentStore({ folder: folder(), totalBytesMax: 10 });
  const [first, second] = [store.create(), store.create()];
  await first.write(new Uint8Array(8));
  await second.write(new Uint8Array(8));
  assert.ok((await first.finish()).bytes);
  assert.equal((await second.finish()).bytes, undefined);
  await Promise.all([first.dispose(), second.dispose()]);
});

test("openTraceStore passes over a torn last line after a restart", async () => {
  const options = { folder: folder(), ageMaxMs: 1e9, bytesMax: 1e9, clock: systemClock };
  const before = openTraceStore(options);
  for (const id of ["a2", "a1"]) before.put(record(id));
  await before.close();
  appendFileSync(join(options.folder, readdirSync(options.folder)[0]!), '{"id":"a3","ent');
  const after = openTraceStore(options);
  after.put(record("a4"));
  await after.close();
  assert.equal((await after.get("a1"))?.id, "a1");
  assert.equal(await after.get("a3"), undefined);
  assert.deepEqual(
    (await after.list({ limit: 9 })).map((r) => r.id),
    ["a4", "a2", "a1"],
  );
  assert.deepEqual(
    (await after.list({ limit: 1, before: "a4" })).map((r) => r.id),
    ["a2"],
  );
});
