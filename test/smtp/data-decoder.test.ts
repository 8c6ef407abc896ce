import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ChunkDecoder } from "../../core/smtp/chunk-decoder.ts";
import { DataDecoder } from "../../core/smtp/data-decoder.ts";
import { type BareNewlines, LineEnds } from "../../core/smtp/line-ends.ts";

/** Cases of a property: 5,000 in `npm test`, more by the environment. */
const RUNS = Number(process.env.FUZZ_CASES ?? 5000);

interface Read {
  readonly content: string;
  /** What follows the end; undefined where there is none. */
  readonly rest: string | undefined;
  readonly fault: boolean;
}

const isBare = (text: string): boolean => /\r(?!\n)|(?<!\r)\n/.test(text);

/** The same by lines that CRLF ends. Slow and plain. */
function reference(input: string, bareNewlines: BareNewlines): Read {
  let content = "";
  let at = 0;
  let rest: string | undefined;
  for (;;) {
    if (input.startsWith(".\r\n", at)) {
      rest = input.slice(at + 3);
      break;
    }
    if (input[at] === ".") at += 1;
    const next = input.indexOf("\r\n", at);
    const end = next === -1 ? input.length : next + 2;
    content += input.slice(at, end);
    at = end;
    if (next === -1) break;
  }
  const seen = rest === undefined ? input : input.slice(0, input.length - rest.length);
  if (bareNewlines === "refuse") return { content, rest, fault: isBare(seen) || seen.includes("\0") };
  return { content: content.replace(/\r\n|\r|\n/g, "\r\n"), rest, fault: seen.includes("\0") };
}

function decoded(input: string, borders: readonly number[], bareNewlines: BareNewlines): Read {
  const decoder = new DataDecoder(bareNewlines);
  let content = "";
  let from = 0;
  for (const cut of cuts(input, borders)) {
    const chunk = Buffer.from(input.slice(from, cut), "latin1");
    from = cut;
    content += decoder.decode(chunk).toString("latin1");
    if (decoder.endedAt !== -1) {
      const rest = chunk.subarray(decoder.endedAt).toString("latin1") + input.slice(from);
      return { content, rest, fault: decoder.fault !== undefined };
    }
  }
  return { content, rest: undefined, fault: decoder.fault !== undefined };
}

function cuts(input: string, borders: readonly number[]): number[] {
  const inside = new Set(borders.map((border) => border % (input.length + 1)));
  return [...[...inside].sort((a, b) => a - b), input.length];
}

// A long line and a short one are searched in two ways.
const long = "0123456789".repeat(4);
const pieces = fc.constantFrom("\r\n", ".", "\r", "\n", "a", "\r\n.\r\n", "..", "\0", "text", long);
const octets = fc.array(pieces, { maxLength: 25 }).map((parts) => parts.join(""));
const borders = fc.array(fc.nat(1000), { maxLength: 12 });

// Lines of a few octets that begin with a dot are taken in another way, once there were many of them.
const dotLines = fc.constantFrom("..\r\n", "..\r\n", "..a\r\n", ".b\r\n", "x\r\n");
const faultyLines = fc.constantFrom("..\r\n", "..\r\r\n", ".\n", "..\0\r\n", `${long}\r\n`, "\r", "..");
const dense = fc
  .oneof(
    fc.array(dotLines, { minLength: 20, maxLength: 80 }),
    fc.array(fc.oneof({ arbitrary: dotLines, weight: 15 }, faultyLines), { minLength: 20, maxLength: 80 }),
  )
  .map((lines) => lines.join(""));

for (const bareNewlines of ["refuse", "normalise"] as const) {
  test(`DataDecoder with "${bareNewlines}" gives what the plain reference gives of many short lines with dots`, () => {
    fc.assert(
      fc.property(dense, borders, (text, cutAt) => {
        const input = `${text}\r\n.\r\nQUIT\r\n`;
        assert.deepEqual(decoded(input, cutAt, bareNewlines), reference(input, bareNewlines));
      }),
      { numRuns: RUNS },
    );
  });

  test(`DataDecoder with "${bareNewlines}" gives what the plain reference gives, whatever the chunk borders`, () => {
    fc.assert(
      fc.property(octets, borders, (text, cutAt) => {
        const input = `${text}\r\n.\r\nQUIT\r\n`;
        assert.deepEqual(decoded(input, cutAt, bareNewlines), reference(input, bareNewlines));
      }),
      { numRuns: RUNS },
    );
  });

  test(`ChunkDecoder with "${bareNewlines}" reads a message of many chunks as LineEnds reads it whole`, () => {
    fc.assert(
      fc.property(octets, borders, borders, (text, chunkEnds, cutAt) => {
        const mended = text.replace(/\r\n|\r|\n/g, "\r\n");
        const want = {
          content: bareNewlines === "refuse" ? text : mended,
          fault: text.includes("\0") || (bareNewlines === "refuse" && isBare(text)),
        };
        assert.deepEqual(inChunks(text, chunkEnds, cutAt, bareNewlines), want);
      }),
      { numRuns: RUNS },
    );
  });
}

/** Each chunk is followed by a command, as on the wire. */
function inChunks(
  text: string,
  chunkEnds: readonly number[],
  cutAt: readonly number[],
  bareNewlines: BareNewlines,
): { content: string; fault: boolean } {
  const lineEnds = new LineEnds(bareNewlines);
  let content = "";
  let from = 0;
  for (const end of cuts(text, chunkEnds)) {
    if (end === from) continue;
    const decoder = new ChunkDecoder(end - from, lineEnds);
    const wire = `${text.slice(from, end)}QUIT`;
    from = end;
    let at = 0;
    for (const cut of cuts(wire, cutAt)) {
      const given = Buffer.from(wire.slice(at, cut), "latin1");
      content += decoder.decode(given).toString("latin1");
      if (decoder.endedAt !== -1) {
        assert.equal(`${given.subarray(decoder.endedAt).toString("latin1")}${wire.slice(cut)}`, "QUIT");
        break;
      }
      at = cut;
    }
    assert.notEqual(decoder.endedAt, -1);
  }
  content += lineEnds.end().toString("latin1");
  return { content, fault: lineEnds.fault !== undefined };
}

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

// What each published way to smuggle a second message makes of the end of data. Only the first may end it.
const ends = [
  { name: "<CR><LF>.<CR><LF>", end: "\r\n.\r\n", isEnd: true },
  { name: "<LF>.<LF>", end: "\n.\n", isEnd: false },
  { name: "<LF>.<CR><LF>", end: "\n.\r\n", isEnd: false },
  { name: "<CR><LF>.<LF>", end: "\r\n.\n", isEnd: false },
  { name: "<CR>.<CR>", end: "\r.\r", isEnd: false },
  { name: "<CR>.<CR><LF>", end: "\r.\r\n", isEnd: false },
  { name: "<CR><LF>.<CR>", end: "\r\n.\r", isEnd: false },
  { name: "<CR>.<LF>", end: "\r.\n", isEnd: false },
  { name: "<LF>.<CR>", end: "\n.\r", isEnd: false },
  { name: "<CR><LF>.<NUL><CR><LF>", end: "\r\n.\0\r\n", isEnd: false },
  { name: "<CR><LF><NUL>.<CR><LF>", end: "\r\n\0.\r\n", isEnd: false },
  { name: "<CR><CR><LF>.<CR><LF>", end: "\r\r\n.\r\n", isEnd: true },
  { name: "<CR><LF>.<CR><CR><LF>", end: "\r\n.\r\r\n", isEnd: false },
  { name: "<LF><CR>.<LF><CR>", end: "\n\r.\n\r", isEnd: false },
];
for (const { name, end, isEnd } of ends) {
  for (const bareNewlines of ["refuse", "normalise"] as const) {
    test(`DataDecoder with "${bareNewlines}" ${isEnd ? "ends" : "does not end"} data at ${name}`, () => {
      const decoder = new DataDecoder(bareNewlines);
      decoder.decode(Buffer.from(`text${end}MAIL FROM:<x@y.example>`, "latin1"));
      assert.equal(decoder.endedAt, isEnd ? 4 + end.length : -1);
    });
  }
}
