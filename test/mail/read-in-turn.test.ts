/** readInTurn gives what `read` gives, in one array where the content can be copied into one. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type Content, memoryContent, readInTurn } from "../../core/mail/mod.ts";

/** A content that copies at most so many octets at a time, as files may. */
function copying(bytes: Uint8Array, octetsMax: number): Content {
  const inner = memoryContent(bytes);
  return {
    size: inner.size,
    read: () => assert.fail("it can be copied"),
    async readInto(into, start) {
      const part = bytes.subarray(start, Math.min(start + octetsMax, start + into.length));
      into.set(part);
      return part.length;
    },
  };
}

async function gathered(chunks: AsyncIterable<Uint8Array>) {
  const octets: number[] = [];
  const arrays = new Set<ArrayBufferLike>();
  for await (const chunk of chunks) {
    octets.push(...chunk);
    arrays.add(chunk.buffer);
  }
  return { octets, arrays: arrays.size };
}

describe("readInTurn()", () => {
  it("gives the octets of any range, in one array", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 300 }),
        fc.nat(300),
        fc.nat(300),
        fc.integer({ min: 1, max: 50 }),
        async (bytes, a, b, octetsMax) => {
          const [start, end] = [a, b].map((n) => n % (bytes.length + 1)).sort((x, y) => x - y);
          const { octets, arrays } = await gathered(readInTurn(copying(bytes, octetsMax), start, end));
          assert.deepEqual(octets, [...bytes.subarray(start, end)]);
          assert.ok(arrays <= 1);
        },
      ),
    );
  });

  it("reads what can not be copied as ever", async () => {
    const bytes = Uint8Array.of(1, 2, 3, 4);
    const { octets } = await gathered(readInTurn(memoryContent(bytes), 1));
    assert.deepEqual(octets, [2, 3, 4]);
  });

  it("throws where content ends before its size, in place of waiting for more", async () => {
    const content = { ...copying(Uint8Array.of(1, 2, 3), 2), size: 9 };
    await assert.rejects(gathered(readInTurn(content)), /shorter than it says/);
  });
});
