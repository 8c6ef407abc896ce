/** The examples that RFC 7208 gives with their results: appendix A, and the macros of 7.4. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Zone } from "../../../../core/dns/mod.ts";
import { expandMacros, parseMacroString } from "../../../../plugins/auth/spf/macro-string.ts";
import { askZone } from "./spf-question.ts";

/** B.1, without the records of the domain itself. */
const WORLD: Zone = {
  "amy.example.com": { A: ["192.0.2.65"] },
  "bob.example.com": { A: ["192.0.2.66"] },
  "mail-a.example.com": { A: ["192.0.2.129"] },
  "mail-b.example.com": { A: ["192.0.2.130"] },
  "mail-c.example.org": { A: ["192.0.2.140"] },
  "10.2.0.192.in-addr.arpa": { PTR: ["example.com."] },
  "11.2.0.192.in-addr.arpa": { PTR: ["example.com."] },
  "65.2.0.192.in-addr.arpa": { PTR: ["amy.example.com."] },
  "66.2.0.192.in-addr.arpa": { PTR: ["bob.example.com."] },
  "129.2.0.192.in-addr.arpa": { PTR: ["mail-a.example.com."] },
  "130.2.0.192.in-addr.arpa": { PTR: ["mail-b.example.com."] },
  "140.2.0.192.in-addr.arpa": { PTR: ["mail-c.example.org."] },
  "4.0.0.10.in-addr.arpa": { PTR: ["bob.example.com."] },
};
const ALL = ["10", "11", "65", "66", "129", "130", "140", "200"].map((last) => `192.0.2.${last}`);
const ips = (...last: readonly number[]) => last.map((one) => `192.0.2.${one}`);

const zoneOf = (com: string, org = ""): Zone => ({
  ...WORLD,
  "example.com": {
    A: ["192.0.2.10", "192.0.2.11"],
    MX: ["10 mail-a.example.com.", "20 mail-b.example.com."],
    TXT: [com],
  },
  "example.org": { MX: ["10 mail-c.example.org."], ...(org ? { TXT: [org] } : {}) },
});

for (const { record, passes } of [
  { record: "v=spf1 +all", passes: ALL },
  { record: "v=spf1 a -all", passes: ips(10, 11) },
  { record: "v=spf1 a:example.org -all", passes: [] },
  { record: "v=spf1 mx -all", passes: ips(129, 130) },
  { record: "v=spf1 mx:example.org -all", passes: ips(140) },
  { record: "v=spf1 mx mx:example.org -all", passes: ips(129, 130, 140) },
  { record: "v=spf1 mx/30 mx:example.org/30 -all", passes: ips(129, 130, 140) },
  { record: "v=spf1 ptr -all", passes: ips(10, 11, 65, 66, 129, 130) },
  { record: "v=spf1 ip4:192.0.2.128/28 -all", passes: ips(129, 130, 140) },
]) {
  test(`checkHost passes those that RFC 7208 A.1 names for '${record}'`, async () => {
    for (const ip of [...ALL, "10.0.0.4"]) {
      const want = passes.includes(ip) || record === "v=spf1 +all" ? "pass" : "fail";
      assert.equal((await askZone(zoneOf(record), { ip })).result, want, ip);
    }
  });
}

test("checkHost gives what RFC 7208 A.2 says of several domains", async () => {
  const zone: Zone = {
    ...zoneOf("v=spf1 mx -all", "v=spf1 include:example.com include:example.net -all"),
    "example.net": { TXT: ["v=spf1 ip4:198.51.100.7 -all"] },
    "la.example.org": { TXT: ["v=spf1 redirect=example.org"] },
    "ny.example.org": { TXT: ["v=spf1 redirect=example.org"] },
  };
  for (const domain of ["example.org", "la.example.org", "ny.example.org"]) {
    for (const [ip, want] of [
      ["192.0.2.129", "pass"],
      ["198.51.100.7", "pass"],
      ["192.0.2.140", "fail"],
    ] as const)
      assert.equal((await askZone(zone, { domain, ip })).result, want, `${domain} ${ip}`);
  }
});

test("checkHost gives what RFC 7208 A.3 says of a list in DNS", async () => {
  const listed = { A: ["127.0.0.2"] };
  const zone: Zone = {
    ...zoneOf("v=spf1 mx include:mobile-users._spf.%{d} include:remote-users._spf.%{d} -all"),
    "mobile-users._spf.example.com": { TXT: ["v=spf1 exists:%{l1r+}.%{d}"] },
    "remote-users._spf.example.com": { TXT: ["v=spf1 exists:%{ir}.%{l1r+}.%{d}"] },
    "mary.mobile-users._spf.example.com": listed,
    "fred.mobile-users._spf.example.com": listed,
    "15.15.168.192.joel.remote-users._spf.example.com": listed,
    "16.15.168.192.joel.remote-users._spf.example.com": listed,
  };
  for (const [localPart, ip, want] of [
    ["mary", "198.51.100.1", "pass"],
    ["mary+news", "198.51.100.1", "pass"],
    ["joel", "192.168.15.15", "pass"],
    ["joel", "192.168.15.17", "fail"],
    ["ann", "198.51.100.1", "fail"],
    ["ann", "192.0.2.129", "pass"],
  ] as const)
    assert.equal((await askZone(zone, { localPart, ip })).result, want, `${localPart} ${ip}`);
});

test("checkHost gives what RFC 7208 A.4 says of several requirements", async () => {
  const zone: Zone = {
    ...zoneOf("v=spf1 -include:ip4._spf.%{d} -include:ptr._spf.%{d} +all"),
    "ip4._spf.example.com": { TXT: ["v=spf1 -ip4:192.0.2.0/24 +all"] },
    "ptr._spf.example.com": { TXT: ["v=spf1 -ptr:example.com +all"] },
  };
  for (const [ip, want] of [
    ["192.0.2.65", "pass"],
    ["192.0.2.140", "fail"],
    ["10.0.0.4", "fail"],
  ] as const)
    assert.equal((await askZone(zone, { ip })).result, want, ip);
});

const STRONG_BAD: { readonly [letter: string]: string } = {
  s: "strong-bad@email.example.com",
  l: "strong-bad",
  o: "email.example.com",
  d: "email.example.com",
  i: "192.0.2.3",
  v: "in-addr",
};
const NIBBLES = "2.0.0.1.0.d.b.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.b.0.1";

for (const [text, want] of [
  ["%{s}", "strong-bad@email.example.com"],
  ["%{o}", "email.example.com"],
  ["%{d}", "email.example.com"],
  ["%{d4}", "email.example.com"],
  ["%{d3}", "email.example.com"],
  ["%{d2}", "example.com"],
  ["%{d1}", "com"],
  ["%{dr}", "com.example.email"],
  ["%{d2r}", "example.email"],
  ["%{l}", "strong-bad"],
  ["%{l-}", "strong.bad"],
  ["%{lr}", "strong-bad"],
  ["%{lr-}", "bad.strong"],
  ["%{l1r-}", "strong"],
  ["%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"],
  ["%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"],
  ["%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"],
  ["%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"],
  ["%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"],
] as const) {
  test(`expandMacros makes '${want}' of '${text}', RFC 7208 7.4`, () => {
    const macros = parseMacroString(text, "slodiphv");
    assert.ok(macros);
    assert.equal(
      expandMacros(macros, (letter) => STRONG_BAD[letter] ?? "", 500, "begin"),
      want,
    );
  });
}

test("checkHost asks for an IPv6 client by its nibbles, RFC 7208 7.4", async () => {
  const name = `${NIBBLES.split(".").reverse().join(".")}.ip6._spf.example.com`;
  assert.ok(name.startsWith("1.0.b.c.0."));
  const zone: Zone = {
    "email.example.com": { TXT: ["v=spf1 exists:%{ir}.%{v}._spf.%{d2} -all"] },
    [name]: { A: ["127.0.0.2"] },
  };
  const answer = await askZone(zone, { domain: "email.example.com", ip: "2001:db8::cb01" });
  assert.equal(answer.result, "pass");
});
