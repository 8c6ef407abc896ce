import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type HeaderField, parseHeaderSection } from "postern";
import { authservIdOf, claimsOneOf } from "../../../../plugins/auth/results/authserv-id.ts";

const section = (text: string) => parseHeaderSection(Buffer.from(text, "latin1"));
const fieldOf = (text: string): HeaderField => {
  const [field] = section(`${text}\r\n\r\n`).fields;
  assert.ok(field, text);
  return field;
};

const IDS: readonly { name: string; value: string; want: string | undefined }[] = [
  { name: "RFC 8601 B.2, no results", value: "example.org 1; none", want: "example.org" },
  { name: "RFC 8601 B.3", value: "example.com;\tspf=pass smtp.mailfrom=example.net", want: "example.com" },
  {
    name: "RFC 8601 B.7, with comments everywhere",
    value:
      "foo.example.net (foobar) 1 (baz); dkim (Because I like it) / 1 (One yay) = (wait for it) fail policy (A dot can go here) . (like that) expired (this surprised me) = (as I wasn't expecting it) 1362471462",
    want: "foo.example.net",
  },
  { name: "a comment before the id", value: "(a (nested \\) one)) mx.example; none", want: "mx.example" },
  { name: "a quoted string", value: '"mx.example"; none', want: "mx.example" },
  { name: "quoted pairs", value: '"m\\x.ex\\ample" 1 ; none', want: "mx.example" },
  { name: "an id and nothing more", value: "mx.example", want: "mx.example" },
  { name: "another version", value: "mx.example 20; none", want: "mx.example" },
  { name: "an id beyond ASCII (RFC 6532)", value: "bücher.example; none", want: "bücher.example" },
  { name: "nothing", value: "", want: undefined },
  { name: "no id", value: "; spf=pass", want: undefined },
  { name: "a result in its place", value: "spf=pass smtp.mailfrom=x.example", want: undefined },
  { name: "a version with a slash, as of old drafts", value: "mx.example/1; none", want: undefined },
  { name: "two words", value: "mx .example; none", want: undefined },
  { name: "a version that is stuck to the id by nothing", value: '"mx.example"1; none', want: undefined },
  { name: "two versions", value: "mx.example 1 1; none", want: undefined },
  { name: "a comment that does not end", value: "(mx.example; none", want: undefined },
  { name: "a comment after the id that does not end", value: "mx.example (; none", want: undefined },
  { name: "a quoted string that does not end", value: '"mx.example; none', want: undefined },
  { name: "a quoted string that ends in a backslash", value: '"mx.example\\', want: undefined },
  { name: "a control in the quoted string", value: '"mx\u0001.example"; none', want: undefined },
  { name: "a control in the token", value: "mx\u0001.example; none", want: undefined },
  { name: "a no-break space behind the id", value: "mx.example\u00a0; none", want: undefined },
  { name: "a bare CR", value: "mx.example\r; none", want: undefined },
  { name: "an encoded word", value: "=?utf-8?q?mx.example?=; none", want: undefined },
];
for (const { name, value, want } of IDS) {
  test(`authservIdOf reads ${want === undefined ? "no id" : `'${want}'`} of ${name}`, () => {
    assert.equal(authservIdOf(value), want);
  });
}

const claims = claimsOneOf(["mx.example.com", "xn--bcher-kva.example"]);
const CLAIMS: readonly { name: string; value: string; want: boolean }[] = [
  { name: "our name", value: "mx.example.com; spf=pass", want: true },
  { name: "other letter case", value: "MX.Example.COM; spf=pass", want: true },
  { name: "a version", value: "mx.example.com 1; spf=pass", want: true },
  { name: "comments", value: "(x) mx.example.com (y) 1 (z); spf=pass", want: true },
  { name: "a quoted string", value: '"mx.example.com"; spf=pass', want: true },
  {
    name: "our name and a comment's begin within the quotes",
    value: '"mx.example.com("; spf=pass',
    want: true,
  },
  { name: "our name and results within the quotes", value: '"mx.example.com; spf=pass"; none', want: true },
  { name: "white space within the quotes", value: '" mx.example.com "; spf=pass', want: true },
  { name: "a dot at the end", value: "mx.example.com.; spf=pass", want: true },
  { name: "a fold behind the colon", value: "\r\n\tmx.example.com; spf=pass", want: true },
  { name: "a fold within the name", value: "mx.example\r\n .com; spf=pass", want: true },
  { name: "letters of full width", value: "\xef\xbd\x8dx.example.com; spf=pass", want: true },
  { name: "a soft hyphen within", value: "mx.exam\xc2\xadple.com; spf=pass", want: true },
  { name: "a zero width space before", value: "\xe2\x80\x8bmx.example.com; spf=pass", want: true },
  { name: "a no-break space before", value: "\xc2\xa0mx.example.com; spf=pass", want: true },
  { name: "octets that are no UTF-8", value: "mx.example.com\xff; spf=pass", want: true },
  { name: "an encoded word", value: "=?utf-8?q?mx.example.com?=; spf=pass", want: true },
  { name: "an encoded word in quotes", value: '"=?utf-8?b?bXguZXhhbXBsZS5jb20=?="; spf=pass', want: true },
  {
    name: "an encoded comment that hides our name",
    value: "=?utf-8?q?mx.example.com=3B_spf=3Dpass_=28?= ) ; none",
    want: true,
  },
  { name: "our name in U-labels", value: "b\xc3\xbccher.example; spf=pass", want: true },
  { name: "no name", value: "spf=pass smtp.mailfrom=x.example", want: true },
  { name: "nothing", value: "", want: true },
  { name: "another's name", value: "mx.example.net; spf=pass", want: false },
  { name: "a name below ours", value: "a.mx.example.com; spf=pass", want: false },
  { name: "a name above ours", value: "example.com; spf=pass", want: false },
  {
    name: "our name among the results only",
    value: "other.example; spf=pass smtp.helo=mx.example.com",
    want: false,
  },
  { name: "another's name beyond ASCII", value: "m\xc3\xbcller.example; spf=pass", want: false },
  {
    name: "an encoded word in a comment behind",
    value: "other.example (=?utf-8?q?hi?=); spf=pass",
    want: false,
  },
];
for (const { name, value, want } of CLAIMS) {
  test(`claimsOneOf is ${want} of ${name}`, () => {
    assert.equal(claims(fieldOf(`Authentication-Results: ${value}`)), want);
  });
}

test("claimsOneOf holds for our name in any spelling of the grammar", () => {
  const cfws = fc.stringMatching(/^(?: |\t|\((?:[a-z;= ]|\\[()]|\([a-z]*\))*\)){0,3}$/);
  const spelled = fc
    .array(fc.boolean(), { minLength: 14, maxLength: 14 })
    .map((upper) =>
      [..."mx.example.com"].map((letter, n) => (upper[n] ? letter.toUpperCase() : letter)).join(""),
    );
  const id = fc
    .tuple(spelled, fc.constantFrom("token", "quoted", "pairs"))
    .map(([text, how]) =>
      how === "token"
        ? text
        : how === "quoted"
          ? `"${text}"`
          : `"${[...text].map((c) => `\\${c}`).join("")}"`,
    );
  fc.assert(
    fc.property(cfws, id, cfws, fc.constantFrom("", " 1", " (x)2"), cfws, (a, own, b, version, c) => {
      const value = `${a}${own}${b}${version}${c}; spf=pass`;
      assert.equal(claims(fieldOf(`Authentication-Results: ${value}`)), true, value);
    }),
  );
});

test("claimsOneOf takes time in proportion to the field", () => {
  // 1 MB of each: what went back at each character would not end.
  for (const unit of ["(", "()", '"', "\\", "a", " ", "(\\", '"\\"', "=?utf-8?q?a?= ", "1 "]) {
    const value = unit.repeat(1_000_000 / unit.length);
    assert.equal(typeof claims(fieldOf(`Authentication-Results: ${value}`)), "boolean");
  }
});
