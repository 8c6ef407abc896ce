/** Canonical forms of header fields, tag-lists and base64, against RFC 6376 and plain definitions. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { canonicalField, decodeBase64, parseTagList, tagsMax } from "../../core/mail/mod.ts";

const octets = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

describe("canonicalField", () => {
  for (const { name, field, relaxed, simple = field } of [
    // RFC 6376 3.4.5
    { name: "A: X of the RFC", field: "A: X\r\n", relaxed: "a:X\r\n" },
    { name: "B of the RFC", field: "B : Y\t\r\n\tZ  \r\n", relaxed: "b:Y Z\r\n" },
    { name: "no value", field: "Subject:\r\n", relaxed: "subject:\r\n" },
    { name: "a value of white space", field: "Subject: \t \r\n \r\n", relaxed: "subject:\r\n" },
    { name: "a colon in the value", field: "A:b : c\r\n", relaxed: "a:b : c\r\n" },
    {
      name: "0xA0 and other octets",
      field: "A: \xa0\xc2\xa0 \xff\x0b\x0c\x00 \xa0\r\n",
      relaxed: "a:\xa0\xc2\xa0 \xff\x0b\x0c\x00 \xa0\r\n",
    },
    { name: "capitals of other alphabets in a name", field: "\xc4A: x\r\n", relaxed: "\xc4a:x\r\n" },
    { name: "no line end", field: "A: b", relaxed: "a:b\r\n", simple: "A: b\r\n" },
    { name: "a bare LF at the end", field: "A: b\n", relaxed: "a:b\r\n", simple: "A: b\r\n" },
    { name: "no colon", field: "A b\r\n", relaxed: "ab\r\n" },
    { name: "nothing", field: "", relaxed: "\r\n", simple: "\r\n" },
  ]) {
    it(`takes ${name}`, () => {
      assert.equal(text(canonicalField("relaxed", octets(field))), relaxed);
      assert.equal(text(canonicalField("simple", octets(field))), simple);
    });
  }

  it("relaxed is what the RFC's steps give, and the same when it is done twice", () => {
    const piece = fc.constantFrom("a", "Z", " ", "\t", "\r\n ", "\xa0", "é", ":", "\0");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const value = pieces.join("");
        const want = `name:${value
          .replaceAll("\r\n", "")
          .replace(/[ \t]+/g, " ")
          .replace(/^ | $/g, "")}\r\n`;
        const once = canonicalField("relaxed", octets(`Name \t:${value}\r\n`));
        assert.equal(text(once), text(octets(want)));
        assert.deepEqual(canonicalField("relaxed", once), once);
      }),
    );
  });

  it("takes a megabyte of white space, folds and names", () => {
    const megabyte = 2 ** 20;
    for (const [unit, want] of [
      [" ", "a:b\r\n"],
      ["\r\n ", "a:b\r\n"],
      ["\t", "a:b\r\n"],
    ] as const) {
      const field = octets(`A:${unit.repeat(megabyte / unit.length)}b${unit.repeat(10)}\r\n`);
      assert.equal(text(canonicalField("relaxed", field)), want);
    }
  });
});

describe("parseTagList", () => {
  for (const { name, list, want } of [
    { name: "tags", list: "a=1; b=2", want: { a: "1", b: "2" } },
    {
      name: "a semicolon at the end, and white space",
      list: " a = 1 2 ;\r\n\tB_2=\r\n x ; ",
      want: { a: "1 2", B_2: "x" },
    },
    { name: "an equals sign in a value, and an empty one", list: "p=AA==;n=", want: { p: "AA==", n: "" } },
    { name: "names that differ in case", list: "a=1;A=2", want: { a: "1", A: "2" } },
    { name: "UTF-8 (RFC 8616 5)", list: "i=é@x", want: { i: "é@x" } },
    { name: "names that objects have", list: "constructor=1;__proto__=2", want: undefined },
    { name: "nothing", list: "", want: undefined },
    { name: "a semicolon alone", list: ";", want: undefined },
    { name: "two semicolons", list: "a=1;;b=2", want: undefined },
    { name: "a tag twice", list: "a=1;a=1", want: undefined },
    { name: "no equals sign", list: "a=1;b", want: undefined },
    { name: "a name that begins with a digit", list: "1a=1", want: undefined },
    { name: "a control", list: "a=\x01", want: undefined },
    { name: "a form feed", list: "a=1\f", want: undefined },
    { name: "what was no UTF-8", list: "a=\ufffd", want: undefined },
    {
      name: "too many tags",
      list: Array.from({ length: tagsMax + 1 }, (_, n) => `t${n}=`).join(";"),
      want: undefined,
    },
    { name: "too much", list: `a=${"x".repeat(70_000)}`, want: undefined },
  ]) {
    it(`${want ? "takes" : "refuses"} ${name}`, () => {
      const tags = parseTagList(list);
      if ("fault" in tags) assert.equal(want, undefined, tags.fault);
      else assert.deepEqual(Object.fromEntries(tags), want);
    });
  }

  it("reads 64 K characters of what hurts most", () => {
    for (const list of [
      " ".repeat(65_000),
      `a=${" ".repeat(65_000)}x`,
      "a".repeat(65_000),
      `${"\t".repeat(60_000)}a=1; ;`,
    ])
      parseTagList(list);
    assert.ok("fault" in parseTagList(" ".repeat(65_000)));
  });
});

describe("decodeBase64", () => {
  for (const { list, want } of [
    { list: "AAEC", want: [0, 1, 2] },
    { list: " A A\r\n\tE C ", want: [0, 1, 2] },
    { list: "AA==", want: [0] },
    { list: "AA = =", want: [0] },
    { list: "AA", want: [0] },
    { list: "", want: [] },
    { list: "A", want: undefined },
    { list: "AA=", want: undefined },
    { list: "A===", want: undefined },
    { list: "A*EC", want: undefined },
    { list: "AA\fEC", want: undefined },
    { list: "AA==AA", want: undefined },
    { list: "AA-_", want: undefined },
  ])
    it(`makes ${JSON.stringify(list)} ${want ? `[${want}]` : "nothing"}`, () => {
      const bytes = decodeBase64(list);
      assert.deepEqual(bytes && [...bytes], want);
    });
});
