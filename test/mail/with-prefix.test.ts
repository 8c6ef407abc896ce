/** withPrefix(): octets put in front of a content, in memory and streamed, and in front of an edited form. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Message, memoryContent, readAll, withPrefix } from "../../core/mail/mod.ts";

describe("withPrefix()", () => {
  it("reads as the prefix and then the content, in memory and streamed, for any range", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 20 }),
        fc.uint8Array({ maxLength: 20 }),
        fc.nat(40),
        fc.nat(40),
        async (prefix, rest, a, b) => {
          const inner = memoryContent(rest);
          const whole = Uint8Array.from([...prefix, ...rest]);
          const [start, end] = [Math.min(a, b, whole.length), Math.min(Math.max(a, b), whole.length)];
          for (const content of [inner, { size: inner.size, read: inner.read }]) {
            const made = withPrefix(prefix, content);
            assert.equal(made.size, whole.length);
            assert.deepEqual(await readAll(made, start, end), whole.subarray(start, end));
          }
        },
      ),
    );
    assert.equal(withPrefix(Uint8Array.of(97), memoryContent(Uint8Array.of(98))).bytes?.length, 2);
  });

  it("copies the same octets by readInto, from any offset, where its content can", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 20 }),
        fc.uint8Array({ minLength: 1, maxLength: 20 }),
        fc.nat(40),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 5 }),
        async (prefix, rest, offset, length, sip) => {
          const inner = memoryContent(rest);
          const readInto = async (into: Uint8Array, start: number) => {
            const octets = rest.subarray(start, start + Math.min(sip, into.length));
            into.set(octets);
            return octets.length;
          };
          const made = withPrefix(prefix, { size: inner.size, read: inner.read, readInto });
          const whole = Uint8Array.from([...prefix, ...rest]);
          const start = Math.min(offset, whole.length);
          const into = new Uint8Array(length);
          const octets = (await made.readInto?.(into, start)) ?? -1;
          assert.ok(octets > 0 || start === whole.length);
          assert.deepEqual(into.subarray(0, octets), whole.subarray(start, start + octets));
        },
      ),
    );
    const { size, read } = memoryContent(Uint8Array.of(1));
    assert.equal(withPrefix(Uint8Array.of(2), { size, read }).readInto, undefined);
  });

  it("reads as the prefix and then the edited form, as one array where all of it lies in memory", async () => {
    const octets = (text: string) => new TextEncoder().encode(text);
    const message = await Message.load(memoryContent(octets("Subject: a\r\n\r\nbody\r\n")));
    message.editor("test").addField("X-A", "1", "a reason");
    const { content } = message;
    const made = withPrefix(octets("Received: x\r\n"), content);
    const want = `Received: x\r\n${new TextDecoder().decode(await readAll(content))}`;
    assert.equal(new TextDecoder().decode(await readAll(made)), want);
    assert.equal(new TextDecoder().decode(made.bytes), want);
    assert.equal(new TextDecoder().decode(await readAll(made, 10, 20)), want.slice(10, 20));
    assert.equal(made.size, want.length);
  });
});
