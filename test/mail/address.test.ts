import assert from "node:assert/strict";
import { test } from "node:test";
import { domainToUnicode } from "node:url";
import fc from "fast-check";
import {
  addressKey,
  hasHiddenCharacter,
  isPathFault,
  makeAddress,
  parseAddress,
  parseLenientPath,
  parsePath,
  pathText,
} from "../../core/mail/mod.ts";
import { HIDDEN_POINTS, hiddenPoint, nearAddress, toPunycode } from "./address-fixtures.ts";

const valid = [
  { name: "a plain address", input: "<a@b.example>", want: "a@b.example" },
  { name: "a domain in capitals", input: "<A@B.Example>", want: "A@b.example" },
  { name: "a quoted local part", input: '<"a b\\"@"@x.org>', want: 'a b"@@x.org' },
  { name: "a needlessly quoted local part", input: '<"a"@x.org>', want: "a@x.org" },
  { name: "a source route, dropped", input: "<@a.example,@[192.0.2.1]:u@dom.org>", want: "u@dom.org" },
  { name: "an IPv4 literal", input: "<u@[192.0.2.1]>", want: "u@[192.0.2.1]" },
  {
    name: "an IPv6 literal, in normal form",
    input: "<u@[ipv6:2001:DB8:0::1]>",
    want: "u@[IPv6:2001:db8::1]",
  },
  { name: "a U-label", input: "<ü@Bücher.example>", want: "ü@xn--bcher-kva.example" },
  { name: "an A-label", input: "<u@XN--bcher-kva.example>", want: "u@xn--bcher-kva.example" },
  { name: "a percent sign in the local part, which means nothing", input: "<a%b@c.de>", want: "a%b@c.de" },
];

for (const { name, input, want } of valid) {
  test(`parsePath takes ${name}`, () => {
    const parsed = parsePath(input);
    assert.ok(parsed !== null && !isPathFault(parsed), JSON.stringify(parsed));
    assert.equal(addressKey(parsed), want);
  });
}

const invalid = [
  "a@b.c",
  "<a@b.c",
  "<>",
  "<a>",
  "<@b.c>",
  "<a@>",
  "<a@b.c.>",
  "<a@.b.c>",
  "<a@b..c>",
  "<a..b@c.d>",
  "<.a@c.d>",
  "<a b@c.d>",
  '<"a@c.d>',
  '<"a"b@c.d>',
  "<a@b@c.d>",
  "<a@-b.c>",
  "<a@b c.d>",
  "<a@1.2.3.4>",
  "<a@[1.2.3]>",
  "<a@[1.2.3.256]>",
  "<a@[01.2.3.4]>",
  "<a@[IPv6:1::2::3]>",
  "<a@[IPv6:zz]>",
  "<a@[x",
  "<a@b\u200bc.de>",
  "<a@b\u3002de>",
  "<a@\uff45xample.com>",
  "<a@b%2ede>",
  "<a@xn--a.de>",
  "<a@xn--abc-.de>",
  "<a@xn--.de>",
  "<a@ex\u00e4mple.com/x>",
  "<a\r\n@b.c>",
  '<"a\r\n"@b.c>',
  "<a\0@b.c>",
  "<a\u202e@b.c>",
  "<a\ufffd@b.c>",
  '<"a\u00a0b"@c.de>',
  "<a@b\u2800c.de>",
  "<a@\u0430\u{e0001}.de>",
  "<@a.b:>",
  "<@a.b,u@c.d>",
  "<@a..b:u@c.d>",
  `<${"a".repeat(65)}@b.c>`,
  `<a@${"b".repeat(64)}.c>`,
  `<a@${"bcd.".repeat(64)}c>`,
  `<${"ü".repeat(33)}@b.c>`,
  "<a@b.c> X",
  "<<a@b.c>>",
];

for (const input of invalid) {
  test(`parsePath refuses ${JSON.stringify(input.slice(0, 60))}`, () => {
    const parsed = parsePath(input);
    assert.ok(isPathFault(parsed), JSON.stringify(parsed));
    // The words go into a reply: nothing of the client's may be in them.
    assert.match(parsed.fault, /^[ -~]+$/);
  });
}

test("parsePath gives null for <> as reverse-path, and no postmaster there", () => {
  assert.equal(parsePath("<>", { kind: "reverse" }), null);
  assert.ok(isPathFault(parsePath("<postmaster>", { kind: "reverse" })));
});

test("parsePath takes <postmaster> in any letter case as forward-path (RFC 5321 4.5.1)", () => {
  const parsed = parsePath("<PostMaster>");
  assert.ok(!isPathFault(parsed));
  assert.deepEqual(parsed, { text: "PostMaster", localPart: "PostMaster", domain: "", domainAscii: "" });
});

test("what makeAddress writes, parsePath reads as the same address", () => {
  const local = fc.string({
    maxLength: 30,
    unit: fc.integer({ min: 32, max: 126 }).map((n) => String.fromCharCode(n)),
  });
  fc.assert(
    fc.property(local, fc.constantFrom("b.example", "[192.0.2.1]", "bücher.example"), (localPart, domain) => {
      const made = makeAddress(localPart, domain);
      assert.equal(made.localPart, localPart);
      assert.deepEqual(parsePath(`<${made.text}>`), made);
    }),
  );
});

test("parsePath never throws, and what it takes holds no line end and no angle bracket outside quotes", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 80 }), (text) => {
      const parsed = parsePath(`<${text}>`, { kind: "reverse" });
      if (parsed !== null && !isPathFault(parsed)) assert.doesNotMatch(parsed.text, /[\r\n\0]/);
    }),
  );
});

for (const { name, text } of HIDDEN_POINTS) {
  const point = `U+${(text.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
  test(`no address holds ${name}, ${point}: plain, quoted, or in a domain`, () => {
    assert.ok(hasHiddenCharacter(text));
    for (const path of [
      `<a${text}b@c.de>`,
      `<"a${text}b"@c.de>`,
      `<a@b${text}c.de>`,
      `<a@\u00fc${text}.de>`,
    ]) {
      assert.ok(isPathFault(parsePath(path)), path);
      assert.ok(isPathFault(parseLenientPath(path)), path);
    }
  });

  // What an A-label hides is written with what the platform's own encoder would never write.
  test(`no A-label decodes to ${name}, ${point}`, () => {
    for (const label of [`a${text}\u00fc`, `${text}\u00fc`, `\u00fc${text}`]) {
      const encoded = `xn--${toPunycode(label)}`;
      assert.ok(isPathFault(parsePath(`<a@${encoded}.de>`)), encoded);
    }
  });
}

test("hasHiddenCharacter has nothing against what is seen", () => {
  for (const text of [
    "a b",
    "\u00fc",
    "\u0394",
    "\u4e2d\u6587",
    "\u0645\u062b\u0627\u0644",
    "\u{1f600}",
    "e\u0301",
  ])
    assert.ok(!hasHiddenCharacter(text), text);
});

test("no string that parses holds a hidden character, in whatever part, strictly or leniently", () => {
  fc.assert(
    fc.property(nearAddress, (text) => {
      for (const parse of [parsePath, parseLenientPath]) {
        const parsed = parse(text, { kind: "reverse" });
        if (parsed === null || isPathFault(parsed)) continue;
        const { text: given, localPart, domain, domainAscii, raw = "" } = parsed;
        for (const part of [given, localPart, domain, raw, pathText(parsed), domainToUnicode(domainAscii)]) {
          const bad = [...part].find((one) => one !== " " && hiddenPoint(one.codePointAt(0) ?? 0));
          assert.equal(bad, undefined, JSON.stringify(part));
        }
        // Look-ups and logs get letters, digits, dots and dashes, or an address literal.
        assert.match(domainAscii, /^(?:[a-z0-9._-]+|\[[0-9A-Za-z:.]+\])$/);
      }
    }),
    { numRuns: 2_000 },
  );
});

test("what parses is written and parsed again as the same address", () => {
  fc.assert(
    fc.property(nearAddress, (text) => {
      const parsed = parsePath(text, { kind: "reverse" });
      if (parsed === null || isPathFault(parsed)) return;
      const { localPart, domain, domainAscii } = parsed;
      assert.deepEqual(parseAddress(parsed.text), parsed);
      assert.equal(addressKey(makeAddress(localPart, domain)), addressKey(parsed));
      // The form for the wire is an address that is compared as equal.
      const wire = parseAddress(pathText(parsed));
      assert.ok(!isPathFault(wire));
      assert.equal(addressKey(wire), addressKey(parsed));
      assert.match(wire.domain, /^[ -~]+$/);
      assert.equal(wire.domainAscii, domainAscii);
    }),
    { numRuns: 2_000 },
  );
});

test("the strings near to addresses are addresses often enough to try what is taken", () => {
  assert.equal(toPunycode("bücher"), "bcher-kva");
  const samples = fc.sample(nearAddress, { numRuns: 1_000, seed: 1 });
  const taken = (parse: typeof parseLenientPath) =>
    samples
      .map((text) => parse(text, { kind: "reverse" }))
      .filter((one) => one !== null && !isPathFault(one));
  const strict = taken(parsePath).length;
  const lenient = taken(parseLenientPath).length;
  assert.ok(strict > 50 && lenient > strict + 50, `${strict} strictly, ${lenient} leniently`);
});
