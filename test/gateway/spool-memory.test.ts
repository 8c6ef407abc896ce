/** The memory spool keeps the contract of spools, within its bound. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { memoryContent } from "../../core/mail/mod.ts";
import { createMemorySpool } from "../../core/testing/mod.ts";
import { describeSpool } from "./spool-contract.ts";
import { idOf, message } from "./spool-fixtures.ts";

describeSpool("in memory", async (clock) => createMemorySpool({ clock }));

describe("createMemorySpool", () => {
  it("is not durable unless a test says so", () => {
    assert.equal(createMemorySpool().durable, false);
    assert.equal(createMemorySpool({ durable: true }).durable, true);
  });

  it("rejects what does not fit with ENOSPC, and has room again when something went", async () => {
    const spool = createMemorySpool({ bytesMax: 1_000 });
    const traceField = new Uint8Array(0);
    const of = (number: number, size: number) =>
      message(number, { traceField, content: memoryContent(new Uint8Array(size)) });
    await spool.put(of(1, 600));
    const full = { name: "SpoolFault", code: "ENOSPC" };
    await assert.rejects(spool.put(of(2, 401)), full);
    // Two that fit alone and not together, read in at once.
    const both = await Promise.allSettled([spool.put(of(3, 300)), spool.put(of(4, 300))]);
    assert.deepEqual(both.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    await spool.remove({ id: idOf(1) });
    await spool.put(of(5, 600));
    await assert.rejects(spool.put(of(6, 101)), full);
    await spool.put(of(7, 100));
  });

  it("counts the octets of edits and gives back what a failed put took", async () => {
    const spool = createMemorySpool({ bytesMax: 100 });
    const content = memoryContent(new Uint8Array(0));
    const edit = { start: 0, end: 0, author: "p", reason: "r", summary: "s" };
    const of = (size: number) =>
      message(1, {
        traceField: new Uint8Array(0),
        content,
        edits: [{ ...edit, replacement: memoryContent(new Uint8Array(size)) }],
      });
    await assert.rejects(spool.put(of(101)), { code: "ENOSPC" });
    for (let turn = 0; turn < 3; turn++) await assert.rejects(spool.put({ ...of(100), recipients: [] }));
    await spool.put(of(100));
  });
});
