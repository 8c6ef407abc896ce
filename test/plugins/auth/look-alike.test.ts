/** Fields and lines that only some readers take for those of a name. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type HeaderField, parseHeaderSection } from "postern";
import { hidesField, isDisguised, readsAs } from "../../../plugins/auth/look-alike.ts";

const section = (text: string) => parseHeaderSection(Buffer.from(text, "latin1"));
const fieldOf = (text: string): HeaderField => {
  const [field] = section(`${text}\r\n\r\n`).fields;
  assert.ok(field, text);
  return field;
};

const NAMES: readonly { name: string; text: string; want: boolean }[] = [
  { name: "the name", text: "Authentication-Results: x", want: true },
  { name: "other letter case", text: "AUTHENTICATION-results: x", want: true },
  { name: "a space before the colon", text: "Authentication-Results : x", want: true },
  { name: "tabs before the colon", text: "Authentication-Results\t\t: x", want: true },
  { name: "a no-break space before the colon", text: "Authentication-Results\xa0: x", want: true },
  { name: "the same in UTF-8", text: "Authentication-Results\xc2\xa0: x", want: true },
  { name: "octets over 0x7F within it", text: "Authentication\xad-Results: x", want: true },
  { name: "the ARC field", text: "ARC-Authentication-Results: i=1; x", want: false },
  { name: "another field", text: "X-Authentication-Results: x", want: false },
  { name: "a longer name", text: "Authentication-Results-Original: x", want: false },
];
for (const { name, text, want } of NAMES) {
  test(`readsAs is ${want} of ${name}`, () =>
    assert.equal(readsAs(fieldOf(text), "authentication-results"), want));
}

const HIDDEN: readonly { name: string; text: string; want: boolean }[] = [
  { name: "a line with a colon in the next one", text: "Authentication-Results\r\n : x", want: true },
  {
    name: "a line with a colon far behind",
    text: `Authentication-Results\r\n${" ".repeat(5_000)}: x`,
    want: true,
  },
  { name: "a control before the colon", text: "Authentication-Results\x0b: x", want: true },
  { name: "a control within the name", text: "Authentication\x01-Results: x", want: true },
  { name: "a NUL within the name", text: "Authentication\0-Results: x", want: true },
  { name: "a line that begins with a space", text: " Authentication-Results: x", want: true },
  { name: "no colon at all", text: "Authentication-Results are fine", want: false },
  { name: "another line", text: "From ann Mon Jan 1 00:00:00 2024", want: false },
  { name: "the field itself", text: "Authentication-Results: x", want: false },
  { name: "the name in another field's value", text: "Subject: Authentication-Results: x", want: false },
  { name: "a fold with the name", text: "Subject: x\r\n Authentication-Results: x", want: false },
  { name: "a bare CR before it", text: "Subject: x\rAuthentication-Results: x", want: true },
  {
    name: "many bare CRs and spaces before it",
    text: "Subject: \r\r x\r \rAuthentication-Results: x",
    want: true,
  },
  { name: "a bare CR within the name", text: "Authentication\r-Results: x", want: true },
  {
    name: "the same in a line behind a bare CR",
    text: "Subject: x\rAuthentication\r-Results: x",
    want: true,
  },
  { name: "a bare CR and another field", text: "Subject: x\rTo: Authentication-Results: x", want: false },
  { name: "a bare CR at the end", text: "Subject: x\r", want: false },
  { name: "a bare CR in a line that is no field", text: "rubbish\rAuthentication-Results: x", want: true },
];
for (const { name, text, want } of HIDDEN) {
  test(`hidesField is ${want} of ${name}`, () => {
    const header = section(`To: a@b.example\r\n${text}\r\n\r\n`);
    // A line that begins with a space is one of its own only where it is the first.
    const first = section(`${text}\r\n\r\n`);
    assert.equal(hidesField(text.startsWith(" ") ? first : header, "authentication-results"), want);
  });
}

test("isDisguised is true of what reads as From and is none, beside a From field or without one", () => {
  for (const [text, want] of [
    ["From: a@b.example", false],
    ["FROM : a@b.example", false],
    ["From: a@b.example\r\nFrom: c@d.example", false],
    ["From\xa0: c@d.example", true],
    ["From: a@b.example\r\nFr\xadom: c@d.example", true],
    ["From: a@b.example\r\nFrom\r\n : c@d.example", true],
    ["Subject: x\rFrom: c@d.example\r\nFrom: a@b.example", true],
    ["From: a@b.example\r\nX-From: c@d.example\r\nFrom-: x\r\nFromage: brie", false],
  ] as const)
    assert.equal(isDisguised(section(`${text}\r\n\r\n`), "from"), want, text);
});

test("hidesField finds a line behind a bare CR whatever invisible stands before it, and no other", () => {
  const invisible = fc.string({
    unit: fc.constantFrom(" ", "\t", "\0", "\r", "\xa0", "\x7f"),
    maxLength: 20,
  });
  const letters = fc.stringMatching(/^[a-zA-Z: -]{0,20}$/);
  fc.assert(
    fc.property(invisible, letters, (gap, before) => {
      assert.ok(hidesField(section(`Subject: ${before}\r${gap}From: c@d.example\r\n\r\n`), "from"));
      assert.ok(!hidesField(section(`Subject: ${before}\r${gap}xFrom: c@d.example\r\n\r\n`), "from"));
    }),
  );
});
