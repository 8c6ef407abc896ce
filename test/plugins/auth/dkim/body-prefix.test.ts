/** The beginning of a body, streamed: however its content is cut, it is what the whole gives. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { type Content, canonicalBody, Message, memoryContent } from "postern";
import { webCrypto } from "../../../../core/gateway/mod.ts";
import { bodyPrefix, bodyStartOf } from "../../../../plugins/auth/dkim/body-prefix.ts";

const mailish = fc
  .array(fc.constantFrom("\r\n", "\r", "\n", " ", "\t", "a", "Ab: c", "\r\n\r\n", "\r\r\n", "é"), {
    maxLength: 30,
  })
  .map((parts) => new TextEncoder().encode(parts.join("")));

/** Content that is read in pieces, of which each ends at one of these places. */
const inPieces = (bytes: Uint8Array, cuts: readonly number[]): Content => ({
  size: bytes.length,
  async *read(start = 0, end = bytes.length) {
    const places = cuts.filter((cut) => cut > start && cut < end).sort((a, b) => a - b);
    let from = start;
    for (const to of [...places, end]) {
      yield bytes.subarray(from, to);
      from = to;
    }
  },
});

function whole(form: "simple" | "relaxed", body: Uint8Array): Buffer {
  const chunks: Buffer[] = [];
  const canonical = canonicalBody(form, (chunk) => void chunks.push(Buffer.from(chunk)));
  canonical.update(body);
  canonical.finish();
  return Buffer.concat(chunks);
}

test("bodyPrefix of content in any pieces is the beginning of its whole canonical body", async () => {
  const forms = fc.constantFrom("simple" as const, "relaxed" as const);
  await fc.assert(
    fc.asyncProperty(mailish, fc.array(fc.nat(60)), fc.nat(80), forms, async (bytes, cuts, length, form) => {
      const content = inPieces(bytes, cuts);
      const bodyStart = await bodyStartOf(content);
      assert.equal(bodyStart, (await Message.load(memoryContent(bytes))).headerBytes.length);
      const { hash, sizeBytes } = await bodyPrefix({ content, bodyStart }, form, length, webCrypto);
      const want = whole(form, bytes.subarray(bodyStart));
      assert.equal(sizeBytes, want.length);
      assert.deepEqual(Buffer.from(hash), createHash("sha256").update(want.subarray(0, length)).digest());
    }),
    { numRuns: 300 },
  );
});
