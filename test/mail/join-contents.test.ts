/** joinContents(): contents one behind the other. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type Content, joinContents, memoryContent, readAll } from "../../core/mail/mod.ts";

const streamed = ({ size, read }: Content): Content => ({ size, read });

describe("joinContents()", () => {
  it("reads as one behind the other, in memory, streamed and mixed, for any range", async () => {
    const parts = fc.array(fc.tuple(fc.uint8Array({ maxLength: 9 }), fc.boolean()), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(parts, fc.nat(60), fc.nat(60), async (given, a, b) => {
        const whole = Uint8Array.from(given.flatMap(([octets]) => [...octets]));
        const [start, end] = [Math.min(a, b, whole.length), Math.min(Math.max(a, b), whole.length)];
        const made = joinContents(
          given.map(([octets, inMemory]) =>
            inMemory ? memoryContent(octets) : streamed(memoryContent(octets)),
          ),
        );
        assert.equal(made.size, whole.length);
        assert.deepEqual(await readAll(made, start, end), whole.subarray(start, end));
      }),
    );
  });

  it("gives no array where one of them is a stream: none is read before it is asked for", () => {
    const never: Content = {
      size: 7,
      read: () => {
        throw new Error("it was read");
      },
    };
    assert.equal(joinContents([memoryContent(Uint8Array.of(1)), never]).bytes, undefined);
    assert.equal(joinContents([never]), never);
  });
});
