import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compileAddressPattern, compileGlob } from "../../../plugins/route/address-pattern.ts";

const TABLE: readonly { pattern: string; address: string; want: boolean }[] = [
  { pattern: "*", address: "a@one.example", want: true },
  { pattern: "*", address: "x@[192.0.2.1]", want: true },
  { pattern: "a@one.example", address: "a@one.example", want: true },
  { pattern: "A@One.Example", address: "a@one.example", want: true },
  { pattern: "a@one.example", address: "A@one.example", want: true },
  { pattern: "a@one.example", address: "aa@one.example", want: false },
  { pattern: "*@one.example", address: "a.b+c@one.example", want: true },
  { pattern: "*@one.example", address: "a@sub.one.example", want: false },
  { pattern: "*@*.one.example", address: "a@sub.one.example", want: true },
  { pattern: "*@*.one.example", address: "a@one.example", want: false },
  { pattern: "*@*one.example", address: "a@twoone.example", want: true },
  { pattern: "a+*@one.example", address: "a+list@one.example", want: true },
  { pattern: "a+*@one.example", address: "a@one.example", want: false },
  { pattern: "a*b*c@one.example", address: "abbc@one.example", want: true },
  { pattern: "a*b*c@one.example", address: "acb@one.example", want: false },
  { pattern: "ab*ba@one.example", address: "aba@one.example", want: false },
  { pattern: "*@b\u00fccher.example", address: "a@xn--bcher-kva.example", want: true },
  { pattern: "*@*.B\u00dcCHER.example", address: "a@www.xn--bcher-kva.example", want: true },
  { pattern: "*@[192.0.2.1]", address: "a@[192.0.2.1]", want: true },
  { pattern: "a.@one.example", address: "ab@one.example", want: false },
];

for (const { pattern, address, want } of TABLE) {
  test(`compileAddressPattern makes '${pattern}' ${want ? "match" : "not match"} ${address}`, () => {
    const at = address.lastIndexOf("@");
    assert.equal(compileAddressPattern(pattern).matches(address.slice(0, at), address.slice(at + 1)), want);
  });
}

test("compileGlob agrees with the same pattern as a regular expression", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 8 });
  const plain = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 12 });
  fc.assert(
    fc.property(text, plain, (pattern, value) => {
      assert.equal(compileGlob(pattern)(value), new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(value));
    }),
  );
});

test("compileGlob takes any text as a pattern, and each text without a star matches itself alone", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (pattern, value) => {
      const plain = pattern.replaceAll("*", "");
      assert.equal(compileGlob(plain)(plain), true);
      assert.equal(compileGlob(plain)(value), plain === value);
      assert.equal(compileGlob(`*${plain}*`)(value), value.includes(plain));
    }),
  );
});

test("compileAddressPattern says of no pattern that it covers another one of whose addresses it does not match", () => {
  const local = fc.string({ unit: fc.constantFrom("a", "b", "*"), minLength: 1, maxLength: 4 });
  const domain = fc.string({ unit: fc.constantFrom("x", "y", ".", "*"), minLength: 1, maxLength: 4 });
  const filling = fc.string({ unit: fc.constantFrom("a", "b", "x", "y", "."), maxLength: 3 });
  let covered = 0;
  fc.assert(
    fc.property(local, domain, local, domain, filling, (la, da, lb, db, fill) => {
      const wide = compileAddressPattern(`${la}@${da}`);
      const narrow = compileAddressPattern(`${lb}@${db}`);
      if (!wide.covers(narrow)) return;
      covered++;
      const [localPart, domainAscii] = [
        narrow.local.replaceAll("*", fill),
        narrow.domainGlob.replaceAll("*", fill),
      ];
      assert.equal(narrow.matches(localPart, domainAscii), true);
      assert.equal(wide.matches(localPart, domainAscii), true);
    }),
    { numRuns: 2000 },
  );
  assert.ok(covered > 20, `${covered}`);
});
