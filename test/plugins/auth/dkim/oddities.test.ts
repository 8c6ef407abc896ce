/** Messages as they should not be: the right answer all the same. What is long is answered in linear time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { latin1, RECORDS, signed, verified } from "./dkim-bed.ts";

const FROM = "From: Ann <ann@sender.example>";
const many = Array.from({ length: 1_000 }, (_, n) => `X-${n}: value ${n}`);

const CASES: readonly {
  name: string;
  fields?: readonly string[];
  h?: string;
  body?: string;
  hashed?: string;
  c?: string;
  /** What becomes of the signed message on its way. */
  change?: (message: string) => string;
}[] = [
  { name: "raw UTF-8 with 0xA0 in it", fields: [FROM, "Subject: \xc3\xa0 la carte \xc3\xa0\xc2\xa0"] },
  { name: "octets that are no UTF-8", fields: [FROM, "Subject: \xff\xfe\xa0 \x80"] },
  { name: "an empty Subject", fields: [FROM, "Subject:"] },
  { name: "an empty body, relaxed", body: "", hashed: "" },
  { name: "an empty body, simple", body: "", hashed: "\r\n", c: "relaxed/simple" },
  { name: "blank lines alone, relaxed", body: "\r\n\r\n\r\n", hashed: "" },
  { name: "blank lines alone, simple", body: "\r\n\r\n\r\n", hashed: "\r\n", c: "relaxed/simple" },
  { name: "blank lines at the end", body: "x\r\n\r\n\r\n", hashed: "x\r\n" },
  { name: "spaces at line ends, and runs of them", body: "a \t b \r\n", hashed: "a b\r\n" },
  { name: "NBSP in the body", body: "a\xa0 \xc2\xa0\r\n", hashed: "a\xa0 \xc2\xa0\r\n" },
  {
    name: "1,000 header fields, all signed",
    fields: [FROM, ...many],
    h: ["from", ...many.map((_, n) => `x-${n}`)].join(":"),
  },
  {
    name: "1,000 fields of one name",
    fields: [FROM, ...Array<string>(1_000).fill("X-A: b")],
    h: `from${":x-a".repeat(1_001)}`,
  },
  { name: "80,000 spaces in a line of the body", body: `a${" ".repeat(80_000)}b\r\n`, hashed: "a b\r\n" },
  { name: "80,000 spaces at a line's end", body: `a${" ".repeat(80_000)}\r\n`, hashed: "a\r\n" },
  {
    name: "80,000 spaces put into a signed field",
    change: (message) => message.replace("From: Ann", `From:${" ".repeat(80_000)}Ann`),
  },
  {
    name: "a field folded on its way",
    change: (message) => message.replace("From: Ann <", "From:\r\n\t Ann \r\n <"),
  },
  { name: "white space before a colon", change: (message) => message.replace("From:", "From \t:") },
  { name: "names in other letters", change: (message) => message.replace("From:", "FROM:") },
  {
    name: "b= folded in other places",
    change: (message) => message.replace(/; b=/, ";\r\n b=\r\n\t ").replace(/;\r\n b=/, "; b="),
  },
];

for (const {
  name,
  fields = [FROM, "Subject: Words"],
  h = "from:subject:from",
  body = "x\r\n",
  ...one
} of CASES) {
  test(`dkim passes ${name}`, async () => {
    const tags = { h, ...(one.c ? { c: one.c } : {}) };
    const message = signed(fields, body, {
      tags,
      ...(one.hashed === undefined ? {} : { hashedBody: one.hashed }),
    });
    const { signatures } = await verified(latin1(one.change?.(message) ?? message), RECORDS);
    assert.deepEqual(
      signatures.map(({ result, reason }) => [result, reason]),
      [["pass", ""]],
    );
  });
}

for (const [name, from, to] of [
  ["NBSP where a space was", "Ann <", "Ann\xa0<"],
  ["a space where NBSP was", "\xa0Bob", " Bob"],
  ["NBSP taken from the end", "Bob\xa0", "Bob"],
] as const) {
  test(`dkim fails ${name}: it is no white space`, async () => {
    const message = signed([FROM, "Subject: \xa0Bob\xa0"], "x\r\n");
    const { signatures } = await verified(latin1(message.replace(from, to)), RECORDS);
    assert.equal(signatures[0]?.result, "fail");
  });
}

test("dkim passes a body whose last line has no line end, as it was signed", async () => {
  const message = signed([FROM, "Subject: Words"], "x", { hashedBody: "x\r\n" });
  assert.equal((await verified(latin1(message), RECORDS)).signatures[0]?.result, "pass");
});
