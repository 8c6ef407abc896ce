/** keptByText reads a text once, within its bounds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { keptByText } from "../../../plugins/auth/kept-by-text.ts";

/** A reader that tells how often each text was read; what begins with "?" is none. */
function reader() {
  const reads = new Map<string, number>();
  const read = keptByText((text) => {
    reads.set(text, (reads.get(text) ?? 0) + 1);
    return text.startsWith("?") ? undefined : { text };
  });
  return { reads, read };
}

test("keptByText reads a text once, and gives the same value for it alone", () => {
  const { reads, read } = reader();
  const first = read("v=spf1 -all");
  assert.equal(read("v=spf1 -all"), first);
  assert.notEqual(read("v=spf1 ~all"), first);
  assert.deepEqual([...reads.values()], [1, 1]);
});

test("keptByText reads again what came to nothing, and what is long", () => {
  const { reads, read } = reader();
  const long = "x".repeat(2_049);
  for (const text of ["?", "?", long, long]) assert.equal(read(text)?.text, text === "?" ? undefined : long);
  assert.deepEqual([...reads.values()], [2, 2]);
});

test("keptByText keeps a bounded number of texts, whatever strangers publish", () => {
  const { reads, read } = reader();
  read("first");
  for (let n = 0; n < 1_000; n++) read(`stranger ${n}`);
  assert.deepEqual(read("first"), { text: "first" });
  assert.equal(reads.get("first"), 2);
});
