/** Memory of a socket's reads is given back early, and never any that somebody else may look at. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { freeOctets } from "../../core/smtp/free-octets.ts";

const read = (bytes: number): Buffer => Buffer.from(new ArrayBuffer(bytes));

test("freeOctets gives back what a socket read has alone", () => {
  const chunk = read(65_536);
  freeOctets(chunk);
  assert.equal(chunk.length, 0);
});

const kept: readonly { name: string; chunk: Buffer }[] = [
  { name: "a small read, which the collector frees as cheaply", chunk: read(4_095) },
  { name: "a part of what was read", chunk: read(65_536).subarray(0, 65_535) },
  { name: "the end of what was read", chunk: read(65_536).subarray(1) },
  { name: "octets of Node's pool, which others have parts of", chunk: Buffer.allocUnsafe(4_000) },
  { name: "memory that is shared between threads", chunk: Buffer.from(new SharedArrayBuffer(65_536)) },
];
for (const { name, chunk } of kept) {
  test(`freeOctets leaves ${name}`, () => {
    const { length } = chunk;
    const { byteLength } = chunk.buffer;
    freeOctets(chunk);
    assert.equal(chunk.length, length);
    assert.equal(chunk.buffer.byteLength, byteLength);
  });
}
