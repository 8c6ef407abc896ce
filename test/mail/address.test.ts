import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addressKey, isPathFault, makeAddress, parsePath } from "../../core/mail/mod.ts";

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
