/** The MIME walk over well-formed, broken and hostile structure, and canonical bodies. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalBody } from "../../core/mail/canonical.ts";
import { type Content, memoryContent } from "../../core/mail/content.ts";
import { Message } from "../../core/mail/message.ts";
import type { Part } from "../../core/mail/message-view.ts";

const encoder = new TextEncoder();

function chunked(bytes: Uint8Array, size: number): Content {
  return {
    size: bytes.length,
    async *read(start = 0, end = bytes.length) {
      for (let at = start; at < end; at += size) yield bytes.subarray(at, Math.min(at + size, end));
    },
  };
}

function shape(part: Part): unknown {
  const { path, contentType, start, end, incomplete } = part;
  return { path, contentType, start, end, incomplete, children: part.children.map(shape) };
}

async function walk(text: string): Promise<Part> {
  return (await Message.load(memoryContent(encoder.encode(text)))).structure();
}

const outline = (part: Part): string =>
  `${part.path}=${part.contentType}${part.incomplete ? "!" : ""}${part.children.length > 0 ? `(${part.children.map(outline).join(" ")})` : ""}`;

const cases: { name: string; input: string; want: string }[] = [
  { name: "a plain message", input: "A: b\r\n\r\nhi", want: "1=text/plain" },
  {
    name: "a boundary that begins with the outer one",
    input:
      "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/mixed; boundary=ab\r\n\r\n--ab\r\n\r\nx\r\n--ab--\r\n--a\r\n\r\ny\r\n--a--\r\n",
    want: "=multipart/mixed(1=multipart/mixed(1.1=text/plain) 2=text/plain)",
  },
  {
    name: "missing close delimiters",
    input: "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a \t\r\n\r\nx",
    want: "=multipart/mixed!(1=text/plain)",
  },
  {
    name: "no boundary parameter",
    input: "Content-Type: multipart/mixed\r\n\r\n--a\r\n\r\nx",
    want: "=multipart/mixed!",
  },
  {
    name: "a digest",
    input: "Content-Type: multipart/digest; boundary=a\r\n\r\n--a\r\n\r\nSubject: s\r\n\r\nx\r\n--a--\r\n",
    want: "=multipart/digest(1=message/rfc822(1.1=text/plain))",
  },
  {
    name: "a nested multipart message",
    input:
      "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n--a--\r\n",
    want: "=multipart/mixed(1=message/rfc822(1.TEXT=multipart/mixed(1.1=text/plain)))",
  },
];

for (const { name, input, want } of cases) {
  test(`structure of ${name}, in chunks of any size`, async () => {
    assert.equal(outline(await walk(input)), want);
    const whole = shape(await walk(input));
    for (const size of [1, 2, 3, 7]) {
      const message = await Message.load(chunked(encoder.encode(input), size));
      assert.deepEqual(shape(await message.structure()), whole);
    }
  });
}

test("structure stops at 20 levels and 1,000 parts and says so", async () => {
  let deep = "";
  for (let n = 0; n < 40; n++) deep += `Content-Type: multipart/mixed; boundary=b${n}\r\n\r\n--b${n}\r\n`;
  let part: Part | undefined = await walk(deep);
  let depth = 0;
  for (; part; part = part.children[0]) depth++;
  assert.equal(depth, 21);
  const wide = await walk(
    `Content-Type: multipart/mixed; boundary=b\r\n\r\n${"--b\r\n\r\n\r\n".repeat(3_000)}`,
  );
  assert.equal(wide.children.length, 999);
  assert.equal(wide.incomplete, true);
});

test("structure never throws on random bytes and broken boundaries, and parts lie within their parents", async () => {
  const piece = fc.constantFrom(
    "--a",
    "--b",
    "--",
    "\r\n",
    "\n",
    "\r",
    "Content-Type: multipart/mixed; boundary=b",
    "Content-Type: message/rfc822",
    "\r\n\r\n",
    " ",
    "x=3D",
    "\u00e9",
  );
  const within = (part: Part): void => {
    for (const child of part.children) {
      assert.ok(child.start >= part.bodyStart && child.start <= child.bodyStart);
      assert.ok(child.bodyStart <= child.end && child.end <= part.end);
      within(child);
    }
  };
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 60 }),
      fc.integer({ min: 1, max: 9 }),
      async (pieces, size) => {
        const bytes = encoder.encode(`Content-Type: multipart/mixed; boundary=a\r\n\r\n${pieces.join("")}`);
        const root = await (await Message.load(chunked(bytes, size))).structure();
        within(root);
        assert.deepEqual(shape(root), shape(await (await Message.load(memoryContent(bytes))).structure()));
        await root.text(50);
      },
    ),
    { numRuns: 300 },
  );
});

function canonical(form: "simple" | "relaxed", chunks: readonly string[]): string {
  let out = "";
  const body = canonicalBody(form, (chunk) => {
    out += new TextDecoder("latin1").decode(chunk);
  });
  for (const chunk of chunks) body.update(encoder.encode(chunk));
  body.finish();
  return out;
}

test("canonicalBody follows RFC 6376 3.4.3 and 3.4.4, in chunks of any size", () => {
  const form = fc.constantFrom("simple" as const, "relaxed" as const);
  const piece = fc.constantFrom("\r\n", "\r", "\n", " ", "\t", "a", "b ", "\r\n\r\n");
  fc.assert(
    fc.property(form, fc.array(piece, { maxLength: 30 }), (name, pieces) => {
      const text = pieces.join("");
      let want = name === "simple" ? text : text.replace(/[ \t]+/g, " ").replace(/ (?=\r\n|$)/g, "");
      want = want.replace(/(?:\r\n)+$/, "");
      if (want !== "" || name === "simple") want += "\r\n";
      assert.equal(canonical(name, [text]), want);
      assert.equal(canonical(name, pieces), want);
      assert.equal(canonical(name, [...text]), want);
    }),
    { numRuns: 1_000 },
  );
});
