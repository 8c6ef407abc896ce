import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DataDecoder } from "../../core/smtp/data-decoder.ts";

/** The same by octets: content, whether it ended, what follows. Slow and plain. */
function reference(input: string): { content: string; rest: string | undefined; bad: boolean } {
  const bare = (text: string): boolean => /\r(?!\n)|(?<!\r)\n|\0/.test(text);
  let content = "";
  let at = 0;
  for (;;) {
    if (input.startsWith(".\r\n", at))
      return { content, rest: input.slice(at + 3), bad: bare(input.slice(0, at + 3)) };
    if (input[at] === ".") at += 1;
    const next = input.indexOf("\r\n", at);
    if (next === -1) return { content: content + input.slice(at), rest: undefined, bad: bare(input) };
    content += input.slice(at, next + 2);
    at = next + 2;
  }
}

function decoded(
  input: string,
  borders: readonly number[],
): { content: string; rest: string | undefined; bad: boolean } {
  const decoder = new DataDecoder();
  const cuts = [...new Set(borders.map((border) => border % (input.length + 1)))].sort((a, b) => a - b);
  let content = "";
  let from = 0;
  for (const cut of [...cuts, input.length]) {
    const chunk = Buffer.from(input.slice(from, cut), "latin1");
    from = cut;
    content += decoder.decode(chunk).toString("latin1");
    if (decoder.endedAt !== -1) {
      const rest = chunk.subarray(decoder.endedAt).toString("latin1") + input.slice(from);
      return { content, rest, bad: decoder.fault !== undefined };
    }
  }
  return { content, rest: undefined, bad: decoder.fault !== undefined };
}

test("DataDecoder gives what the plain reference gives, whatever the chunk borders", () => {
  const pieces = fc.constantFrom("\r\n", ".", "\r", "\n", "a", "\r\n.\r\n", "..", "\0", "text");
  const input = fc.array(pieces, { maxLength: 25 }).map((parts) => `${parts.join("")}\r\n.\r\nQUIT\r\n`);
  fc.assert(
    fc.property(input, fc.array(fc.nat(200), { maxLength: 12 }), (text, borders) => {
      assert.deepEqual(decoded(text, borders), reference(text));
    }),
    { numRuns: 2000 },
  );
});

const cases = [
  { name: "an empty message", input: ".\r\n", content: "", fault: undefined },
  { name: "a stuffed dot", input: "..a\r\n.\r\n", content: ".a\r\n", fault: undefined },
  {
    name: "a dot after a bare LF, which ends nothing",
    input: "a\n.\r\nb\r\n.\r\n",
    content: "a\n.\r\nb\r\n",
    fault: "bareLf",
  },
  {
    name: "a dot before a bare LF, which ends nothing",
    input: "a\r\n.\nb\r\n.\r\n",
    content: "a\r\n\nb\r\n",
    fault: "bareLf",
  },
  { name: "a bare CR", input: "a\rb\r\n.\r\n", content: "a\rb\r\n", fault: "bareCr" },
  { name: "NUL", input: "a\0\r\n.\r\n", content: "a\0\r\n", fault: "nul" },
];
for (const { name, input, content, fault } of cases) {
  test(`DataDecoder reads ${name}`, () => {
    const decoder = new DataDecoder();
    assert.equal(decoder.decode(Buffer.from(input)).toString("latin1"), content);
    assert.equal(decoder.fault, fault);
    assert.equal(decoder.endedAt, input.length);
  });
}
