/** What parameters and paths may hold, without a session. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parsePathCommand } from "../../core/smtp/commands/path-command.ts";
import { utf8AddressTo7Bit } from "../../core/smtp/utf8-address.ts";
import { decodeXtext } from "../../core/smtp/xtext.ts";

const xtexts = [
  { name: "nothing", input: "", want: "" },
  { name: "plain text", input: "bob@example.org", want: "bob@example.org" },
  { name: "hexadecimal octets", input: "a+2Bb+3Dc", want: "a+b=c" },
  { name: "a space", input: "a+20b", want: "a b" },
  { name: "hexadecimal that gives hexadecimal, decoded once", input: "+2B41", want: "+41" },
  { name: "digits in lower case", input: "a+2b", want: undefined },
  { name: "one digit", input: "a+2", want: undefined },
  { name: "a bare plus", input: "a+", want: undefined },
  { name: "an equals sign", input: "a=b", want: undefined },
  { name: "a space as it is", input: "a b", want: undefined },
  { name: "a line end in hexadecimal", input: "a+0D+0Ab", want: undefined },
  { name: "DEL in hexadecimal", input: "a+7F", want: undefined },
  { name: "an octet over 127 in hexadecimal", input: "a+E9", want: undefined },
  { name: "a letter beyond ASCII", input: "é", want: undefined },
];
for (const { name, input, want } of xtexts) {
  test(`decodeXtext ${want === undefined ? "refuses" : "decodes"} ${name}`, () => {
    assert.equal(decodeXtext(input), want);
  });
}

test("decodeXtext gives back each printable text that RFC 3461 4 encodes", () => {
  const printable = fc.string({
    unit: fc.integer({ min: 32, max: 126 }).map((at) => String.fromCharCode(at)),
  });
  fc.assert(
    fc.property(printable, (text) => {
      const encoded = text.replace(
        /[ +=]/g,
        (one) => `+${one.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
      );
      assert.equal(decodeXtext(encoded), text);
    }),
  );
});

const utf8Addresses = [
  { name: "plain text", input: "bob@example.org", raw: false, want: "bob@example.org" },
  { name: "an escape", input: "b\\x{F3}b@a.example", raw: false, want: "b\\x{F3}b@a.example" },
  { name: "a letter beyond ASCII", input: "bób@a.example", raw: true, want: "b\\x{F3}b@a.example" },
  { name: "a letter beyond the first plane", input: "b\u{1f600}@a", raw: true, want: "b\\x{1F600}@a" },
  { name: "a letter beyond ASCII without SMTPUTF8", input: "bób@a.example", raw: false, want: undefined },
  { name: "nothing", input: "", raw: true, want: undefined },
  { name: "xtext", input: "a+2Bb@a.example", raw: true, want: undefined },
  { name: "a bare backslash", input: "a\\b@a.example", raw: true, want: undefined },
  { name: "an escaped line end", input: "a\\x{0A}b@a.example", raw: true, want: undefined },
  { name: "an escaped control of the second half", input: "a\\x{85}b@a.example", raw: true, want: undefined },
  { name: "an escaped half of a pair", input: "a\\x{D800}b@a.example", raw: true, want: undefined },
  { name: "an escape beyond Unicode", input: "a\\x{110000}b@a.example", raw: true, want: undefined },
  { name: "a zero-width space, escaped", input: "a\\x{200B}b@a.example", raw: true, want: undefined },
  { name: "a Hangul filler", input: "a\u3164b@a.example", raw: true, want: undefined },
  { name: "an override of direction", input: "a\u202eb@a.example", raw: true, want: undefined },
  { name: "the same, escaped", input: "a\\x{202E}b@a.example", raw: true, want: undefined },
];
for (const { name, input, raw, want } of utf8Addresses) {
  test(`utf8AddressTo7Bit ${want === undefined ? "refuses" : "takes"} ${name}`, () => {
    assert.equal(utf8AddressTo7Bit(input, raw), want);
  });
}

const lead = /^RCPT +TO: */i;
const commands = [
  { name: "a path alone", input: "RCPT TO:<a@b>", want: ["<a@b>", ""] },
  { name: "parameters", input: "RCPT TO:<a@b> x=1  Y\tZ=", want: ["<a@b>", "X=1 Y Z="] },
  { name: "spaces at the end", input: "RCPT TO:<a@b>  ", want: ["<a@b>", ""] },
  { name: "a bracket in quotes", input: 'RCPT TO:<"a>b"@c> X', want: ['<"a>b"@c>', "X"] },
  { name: "an escaped quote", input: 'RCPT TO:<"a\\"> b"@c> X', want: ['<"a\\"> b"@c>', "X"] },
  { name: "quotes in a parameter", input: 'RCPT TO:<a@b> X="<>"', want: ["<a@b>", 'X="<>"'] },
  { name: "a value with an equals sign", input: "RCPT TO:<a@b> X=1=2", want: ["<a@b>", "X=1=2"] },
  { name: "a quote that does not end", input: 'RCPT TO:<"a@b> X', want: undefined },
  { name: "text before the path", input: "RCPT TO:x<a@b>", want: undefined },
  { name: "no space behind the path", input: "RCPT TO:<a@b>X=1", want: undefined },
  { name: "a bare CR behind the path", input: "RCPT TO:<a@b>\rX=1", want: undefined },
  { name: "octets that are no UTF-8", input: Buffer.from("RCPT TO:<a\xff@b>", "latin1"), want: undefined },
];
const lenientCommands = [
  { name: "a path of the grammar", input: 'RCPT TO:<"a>b"@c> X=1', want: ['<"a>b"@c>', "X=1"] },
  { name: "no brackets", input: "RCPT TO:a@b", want: ["a@b", ""] },
  { name: "no brackets, and parameters", input: "RCPT TO: a@b X=1\tY ", want: ["a@b", "X=1 Y"] },
  { name: "a tab before the path", input: "RCPT TO: \t <a@b>", want: ["<a@b>", ""] },
  { name: "a space in quotes without brackets", input: 'RCPT TO:"a \\" b"@c X', want: ['"a \\" b"@c', "X"] },
  { name: "a quote that does not end", input: 'RCPT TO:"a b@c X', want: ['"a b@c X', ""] },
  { name: "two pairs of brackets", input: "RCPT TO:<<a@b>> X", want: ["<<a@b>>", "X"] },
  { name: "brackets that do not end", input: "RCPT TO:<a@b X", want: undefined },
  { name: "no space behind the brackets", input: "RCPT TO:<a@b>X=1", want: undefined },
  { name: "nothing", input: "RCPT TO:  ", want: undefined },
  { name: "octets that are no UTF-8", input: Buffer.from("RCPT TO:a\xff@b", "latin1"), want: undefined },
];
for (const { name, input, want } of lenientCommands) {
  test(`parsePathCommand leniently ${want === undefined ? "refuses" : "parts"} ${name}`, () => {
    const parsed = parsePathCommand(Buffer.from(input), lead, true);
    const parameters = parsed?.parameters.map(({ keyword, value }) =>
      value === undefined ? keyword : `${keyword}=${value}`,
    );
    assert.deepEqual(parsed && [parsed.path, parameters?.join(" ")], want);
  });
}
for (const { name, input, want } of commands) {
  test(`parsePathCommand ${want === undefined ? "refuses" : "parts"} ${name}`, () => {
    const parsed = parsePathCommand(Buffer.from(input), lead);
    const parameters = parsed?.parameters.map(({ keyword, value }) =>
      value === undefined ? keyword : `${keyword}=${value}`,
    );
    assert.deepEqual(parsed && [parsed.path, parameters?.join(" ")], want);
  });
}
