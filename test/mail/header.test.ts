import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  decodeWords,
  encodeWords,
  formatField,
  formatFoldedField,
  formatMailboxes,
  parseHeaderSection,
  parseMailboxes,
  parseParameters,
} from "../../core/mail/mod.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const anyText = fc.string({ unit: "binary", maxLength: 300 });

test("parseHeaderSection keeps each octet: fields and malformed lines together are the section", () => {
  const section =
    "From a@b Mon Jan 1 00:00:00\nA: 1\r\n\t2\r\nrubbish\r\n more\r\nSubject : x\nA:3\r\nLast: y";
  const header = parseHeaderSection(bytesOf(section));
  const all = [...header.fields, ...header.malformed].sort((a, b) => a.start - b.start);
  assert.equal(all.map((field) => textOf(field.bytes)).join(""), section);
  assert.deepEqual(
    header.fields.map((field) => [field.name, field.value]),
    [
      ["A", "1\t2"],
      ["Subject", "x"],
      ["A", "3"],
      ["Last", "y"],
    ],
  );
  assert.equal(header.malformed.length, 2);
  assert.deepEqual(
    header.all("a").map((field) => field.value),
    ["1\t2", "3"],
  );
  assert.equal(header.get("LAST"), "y");
  assert.equal(header.get("none"), undefined);
});

test("parseHeaderSection stops at the empty line", () => {
  const header = parseHeaderSection(bytesOf("A: 1\r\n\r\nB: 2\r\n"));
  assert.equal(header.fields.length, 1);
  assert.equal(header.end, 6);
});

test("HeaderField.text has no controls, even those that encoded words hide", () => {
  const header = parseHeaderSection(bytesOf("Subject: =?utf-8?q?a=0D=0ABcc:_x=00?=\r\n"));
  assert.equal(header.text("subject"), "aBcc: x");
});

test("what formatField writes is ASCII, folded, one field, and reads as the same text", () => {
  fc.assert(
    fc.property(fc.oneof(anyText, fc.string({ minLength: 900, maxLength: 3000 })), (value) => {
      const written = textOf(formatField("X-Test", value));
      assert.match(written, /^[\t\r\n -~]*$/);
      assert.ok(written.endsWith("\r\n"));
      const lines = written.slice(0, -2).split("\r\n");
      assert.ok(lines.every((line) => line.length <= 998 && !/[\r\n]/.test(line) && line.trim() !== ""));
      assert.ok(lines.slice(1).every((line) => /^[ \t]/.test(line)));
      const header = parseHeaderSection(bytesOf(`${written}Next: 1\r\n`));
      assert.deepEqual(
        header.fields.map((field) => field.name),
        ["X-Test", "Next"],
      );
    }),
  );
});

test("formatField keeps the words of any text without controls", () => {
  const words = fc.array(fc.stringMatching(/^[!-~äöü€😀]{1,20}$/u), { maxLength: 40 });
  fc.assert(
    fc.property(words, (list) => {
      const value = list.join(" ").replaceAll("=?", "=");
      const header = parseHeaderSection(formatField("Subject", value));
      assert.equal(header.text("subject"), value);
    }),
  );
});

test("formatField encodes only display names in address fields", () => {
  const written = textOf(formatField("To", '"Jörg, Q." <a@b.example>, c@d.example'));
  assert.match(written, /^To: =\?UTF-8\?Q\?[^ ]+\?=\s+<a@b\.example>, c@d\.example\r\n$/);
  assert.equal(parseHeaderSection(bytesOf(written)).addresses("to").mailboxes[0]?.displayName, "Jörg, Q.");
});

for (const name of ["", "A B", "A:", "A\r\nB", "Ä", "x".repeat(77)]) {
  test(`formatField refuses the name ${JSON.stringify(name.slice(0, 10))}`, () => {
    assert.throws(() => formatField(name, "x"), RangeError);
  });
}

test("decodeWords gives back any text that encodeWords wrote, in words of at most 75 characters", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const written = encodeWords(text);
      assert.match(written, /^[\t -~]*$/);
      assert.ok((written.match(/=\?[^ ]*\?=/g) ?? []).every((word) => word.length <= 75));
      assert.equal(decodeWords(written), text.toWellFormed());
    }),
  );
});

const encodedWords = [
  { name: "two words that share a character", input: "=?utf-8?q?a=C3?=\r\n =?UTF-8?b?pA==?=", want: "aä" },
  { name: "two charsets", input: "=?iso-8859-1?q?=e4?= =?utf-8?q?=c3=a4?=", want: "ää" },
  { name: "a language tag", input: "=?us-ascii*en?q?a_b?=", want: "a b" },
  { name: "space to plain text", input: "a =?utf-8?q?b?= c", want: "a b c" },
  { name: "an unknown charset, left alone", input: "=?x-none?q?a?=", want: "=?x-none?q?a?=" },
  { name: "Japanese", input: "=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=", want: "日本" },
  { name: "Base64 without padding", input: "=?utf-8?b?YQ?=", want: "a" },
];
for (const { name, input, want } of encodedWords) {
  test(`decodeWords reads ${name}`, () => assert.equal(decodeWords(input), want));
}

const parameters = [
  {
    name: "a comment after a token",
    input: "text/plain; charset=us-ascii (Plain)",
    want: { charset: "us-ascii" },
  },
  { name: "a quoted string", input: 'a; filename="a\\"b;c.txt"', want: { filename: 'a"b;c.txt' } },
  {
    name: "spaces without quotes",
    input: "a; filename=my file (1).exe",
    want: { filename: "my file (1).exe" },
  },
  { name: "RFC 2231 charset", input: "a; filename*=iso-8859-1'de'%e4.txt", want: { filename: "ä.txt" } },
  {
    name: "RFC 2231 continuations out of order",
    input: "a; f*1=\"c d\"; f*0*=utf-8''%C3; F*2*=%A4",
    want: { f: "\ufffdc d\ufffd" },
  },
  { name: "a character split by continuations", input: "a; f*0*=utf-8''%C3; f*1*=%A4", want: { f: "ä" } },
  { name: "the first of two equal names", input: "a; x=1; X=2", want: { x: "1" } },
  { name: "a quote that does not end", input: 'a; x="1; y=2', want: { x: "1; y=2" } },
];
for (const { name, input, want } of parameters) {
  test(`parseParameters reads ${name}`, () => {
    assert.deepEqual(Object.fromEntries(parseParameters(input).parameters), want);
  });
}

const lists = [
  { name: "a bare address", input: "a@b.c", want: [["", "a@b.c"]] },
  { name: "an obsolete route", input: "X <@a,@b:c@d>", want: [["X", "c@d"]] },
  { name: "comments, nested", input: "a (x (y\\)) z)@b.c", want: [["", "a@b.c"]] },
  {
    name: "quotes and dots",
    input: '"A, \\"B\\"" <"x y"@b.c>, J. Q. P <d@e>',
    want: [
      ['A, "B"', '"x y"@b.c'],
      ["J. Q. P", "d@e"],
    ],
  },
  {
    name: "empty places",
    input: ",a@b,,c@d,",
    want: [
      ["", "a@b"],
      ["", "c@d"],
    ],
  },
  { name: "an empty group", input: "undisclosed recipients:;", want: [] },
  { name: "an encoded name", input: "=?utf-8?q?=C3=A4?= <a@b>", want: [["ä", "a@b"]] },
  { name: "an address as its own name", input: "x@b.c <a@B.C>", want: [["x@b.c", "a@B.C"]] },
  { name: "another address in quotes", input: '"x@y" <a@b>', want: [["x@y", "a@b"]] },
  { name: "brackets in a name", input: "[List] A. B <a@b>", want: [["[List] A. B", "a@b"]] },
];
for (const { name, input, want } of lists) {
  test(`parseMailboxes reads ${name}`, () => {
    const { mailboxes, malformed } = parseMailboxes(input);
    assert.deepEqual(
      mailboxes.map((one) => [one.displayName, one.address]),
      want,
    );
    assert.equal(malformed, false);
  });
}

test("parseMailboxes names the group", () => {
  const { mailboxes } = parseMailboxes("x@y, G: a@b, c@d; e@f");
  assert.deepEqual(
    mailboxes.map((one) => one.group),
    [undefined, "G", "G", undefined],
  );
  assert.equal(formatMailboxes(mailboxes), "x@y, G: a@b, c@d;, e@f");
});

for (const input of [
  "a",
  "a@",
  "@b",
  "a b@c",
  "a@b@c",
  "<a@b",
  '"a@b',
  "(a@b",
  "a@b>",
  "A <a@b> <c@d>",
  "G: a@b",
  "a@b;",
  "a@b\0c",
  // Names that others read as addresses (RFC 5322 3.2.5, RFC 2047 5).
  "x@y <a@b>",
  "x@y<a@b>",
  "X x@b <a@b>",
  "x@y>> <a@b>",
  "@ <a@b>",
  "> <a@b>",
  "x@y: a@b;",
  '"x@y" [] <a@b>',
  "=?utf-8?q?x=40y?= [z] <a@b>",
  "=?utf-8?q?x=40y?=@b",
  '"=?utf-8?q?x=40y?="@b',
]) {
  test(`parseMailboxes calls ${JSON.stringify(input)} malformed`, () => {
    assert.equal(parseMailboxes(input).malformed, true);
  });
}

// Quadratic work on these would take minutes; the test's own time limit tells.
const hostile = [
  "(",
  ")",
  '"',
  '\\"',
  "<",
  "@",
  "a@b,",
  "=?",
  "=?a?q?",
  "=?utf-8?q?a?=",
  ":",
  "\n",
  "a\n",
  "%",
  "*0=",
  ";x*0*=",
  " ",
  ", (",
  "x ",
  "[",
  "'",
  ";(",
  "; =",
];
for (const piece of hostile) {
  test(`200 KB of ${JSON.stringify(piece)} is read in one pass by all readers`, { timeout: 5_000 }, () => {
    const text = piece.repeat(Math.ceil(200_000 / piece.length));
    const started = performance.now();
    parseMailboxes(text);
    decodeWords(text);
    parseParameters(`a;x=${text}`);
    parseParameters(text);
    const header = parseHeaderSection(bytesOf(`To: ${text}`));
    header.addresses("to");
    header.text("to");
    formatField("To", `ä${text}`);
    assert.ok(performance.now() - started < 5_000);
  });
}

test("formatFoldedField keeps lines as they are, and refuses what could end the field", () => {
  assert.equal(textOf(formatFoldedField("X-A", ["v=1; a=b;", "c=d"])), "X-A: v=1; a=b;\r\n c=d\r\n");
  for (const lines of [
    [],
    [""],
    ["a", " "],
    ["a\r\nB: c"],
    ["a\n"],
    ["\u00e4"],
    ["x".repeat(998)],
    ["a", "x".repeat(998)],
  ])
    assert.throws(() => formatFoldedField("X-A", lines), RangeError, JSON.stringify(lines).slice(0, 40));
  assert.throws(() => formatFoldedField("X A", ["a"]), RangeError);
});
