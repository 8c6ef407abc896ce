import assert from "node:assert/strict";
import { test } from "node:test";
import type { Zone } from "../../../../core/dns/mod.ts";
import type { SpfResult } from "../../../../plugins/auth/spf/check-host.ts";
import { type Asked, ask, askZone, recorded } from "./spf-question.ts";

/** Names that the records of the tables lead to. */
const WORLD: Zone = {
  "one.example": { A: ["192.0.2.1"], AAAA: ["2001:db8::1"], TXT: ["v=spf1 ip4:192.0.2.1 -all"] },
  "two.example": { A: ["192.0.2.2", "192.0.2.1"] },
  "other.example": {
    A: ["198.51.100.1"],
    TXT: ["v=spf1 ip4:198.51.100.1 -all"],
    MX: ["10 mx.other.example."],
  },
  "soft.example": { TXT: ["v=spf1 ~all"] },
  "neutral.example": { TXT: ["v=spf1 ?all"] },
  "text.example": { TXT: ["hello"] },
  "wrong.example": { TXT: ["v=spf1 nonsense -all"] },
  "down.example": { TXT: "servfail", A: "servfail", AAAA: "servfail", MX: "servfail" },
  "silent.example": { TXT: "timeout", A: "timeout", MX: "timeout" },
  "mail.one.example": { A: ["192.0.2.1"], MX: ["10 one.example.", "20 other.example."] },
  "nullmx.example": { MX: ["0 ."] },
  "downmx.example": { MX: ["10 down.example."] },
  "eleven.example": { MX: Array.from({ length: 11 }, (_, n) => `${n} one.example.`) },
  "ten.example": { MX: Array.from({ length: 10 }, (_, n) => `${n} ${n === 9 ? "one" : "other"}.example.`) },
  "1.2.0.192.in-addr.arpa": { PTR: ["host.example.com.", "one.example."] },
  "2.2.0.192.in-addr.arpa": { PTR: "servfail" },
  "3.2.0.192.in-addr.arpa": { PTR: ["forged.example.com."] },
  "4.2.0.192.in-addr.arpa": {
    PTR: [...Array.from({ length: 10 }, (_, n) => `n${n}.example.com.`), "host4.example.com."],
  },
  "host.example.com": { A: ["192.0.2.1"] },
  "forged.example.com": { A: ["198.51.100.3"] },
  "host4.example.com": { A: ["192.0.2.4"] },
  "bob.one.example": { A: ["127.0.0.2"] },
  "words.example": { TXT: ["%{i} may not send as %{s}"] },
};

interface Case extends Asked {
  readonly name: string;
  /** Of example.com; several where it has several. */
  readonly record: string | readonly string[];
  readonly want: SpfResult;
}

const CASES: readonly Case[] = [
  // 3 and 4.5: which record
  { name: "4.5: no record", record: [], want: "none" },
  {
    name: "4.5: other texts are no records",
    record: ["hello", "v=spf10 -all", "spf2.0/pra -all"],
    want: "none",
  },
  { name: "4.5: the version ends with a space", record: "v=spf1\t-all", want: "none" },
  { name: "4.5: nothing before the version", record: " v=spf1 -all", want: "none" },
  { name: "4.5: two records", record: ["v=spf1 +all", "v=spf1 +all"], want: "permerror" },
  {
    name: "4.5: two records that differ in letter case",
    record: ["v=spf1 +all", "V=SPF1 +all"],
    want: "permerror",
  },
  { name: "4.5: a record beside other texts", record: ["x", "v=spf1 -all", "google-site=1"], want: "fail" },
  { name: "4.5: letter case of the version", record: "V=sPf1 -ALL", want: "fail" },
  { name: "4.5: the version alone", record: "v=spf1", want: "neutral" },
  { name: "4.6.1: spaces at the end and several between", record: "v=spf1   -all   ", want: "fail" },
  {
    name: "3.1: other characters than ASCII",
    record: "v=spf1 ip4:192.0.2.1 moo=\u00e9 -all",
    want: "permerror",
  },
  { name: "3.1: a control", record: "v=spf1 ip4:192.0.2.1 \u0007 -all", want: "permerror" },
  // 4.6: syntax errors anywhere
  {
    name: "4.6: an unknown mechanism after a match",
    record: "v=spf1 ip4:192.0.2.1 nonsense",
    want: "permerror",
  },
  { name: "4.6: an unknown mechanism alone", record: "v=spf1 foo:bar -all", want: "permerror" },
  { name: "4.6: a qualifier alone", record: "v=spf1 - all", want: "permerror" },
  { name: "4.6: two qualifiers", record: "v=spf1 --all", want: "permerror" },
  { name: "4.6.2: pass", record: "v=spf1 +all", want: "pass" },
  { name: "4.6.2: pass is the default", record: "v=spf1 all", want: "pass" },
  { name: "4.6.2: softfail", record: "v=spf1 ~all", want: "softfail" },
  { name: "4.6.2: neutral", record: "v=spf1 ?all", want: "neutral" },
  { name: "4.6.2: the first match counts", record: "v=spf1 ?ip4:192.0.2.1 -all", want: "neutral" },
  { name: "4.7: neutral where nothing matches", record: "v=spf1 ip4:198.51.100.1", want: "neutral" },
  // 5.1
  { name: "5.1: all with a value", record: "v=spf1 all:example.com", want: "permerror" },
  { name: "5.1: all with a prefix length", record: "v=spf1 all/8", want: "permerror" },
  { name: "5.1: all with an equals sign is a modifier", record: "v=spf1 all=x ~all", want: "softfail" },
  { name: "5.1: what stands after all is not looked at", record: "v=spf1 -all a:down.example", want: "fail" },
  // 5.2
  { name: "5.2: an include that passes", record: "v=spf1 include:one.example -all", want: "pass" },
  { name: "5.2: an include that fails", record: "v=spf1 include:other.example ~all", want: "softfail" },
  { name: "5.2: an include that softfails", record: "v=spf1 include:soft.example ~all", want: "softfail" },
  { name: "5.2: an include that is neutral", record: "v=spf1 include:neutral.example -all", want: "fail" },
  {
    name: "5.2: an include with another qualifier",
    record: "v=spf1 -include:one.example +all",
    want: "fail",
  },
  { name: "5.2: an include without a record", record: "v=spf1 include:text.example +all", want: "permerror" },
  { name: "5.2: an include of no name", record: "v=spf1 include:gone.example +all", want: "permerror" },
  {
    name: "5.2: an include that breaks the syntax",
    record: "v=spf1 include:wrong.example +all",
    want: "permerror",
  },
  { name: "5.2: an include with failing DNS", record: "v=spf1 include:down.example +all", want: "temperror" },
  {
    name: "5.2: an include with silent DNS",
    record: "v=spf1 include:silent.example +all",
    want: "temperror",
  },
  { name: "5.2: an include without a name", record: "v=spf1 include +all", want: "permerror" },
  { name: "5.2: an include of an empty name", record: "v=spf1 include: +all", want: "permerror" },
  {
    name: "5.2: an include with a prefix length",
    record: "v=spf1 include:one.example/24 -all",
    want: "permerror",
  },
  // 5.3
  { name: "5.3: a name with the address", record: "v=spf1 a:one.example -all", want: "pass" },
  { name: "5.3: the second address of a name", record: "v=spf1 a:two.example -all", want: "pass" },
  {
    name: "5.3: an IPv6 client asks for AAAA",
    record: "v=spf1 a:one.example -all",
    ip: "2001:db8::1",
    want: "pass",
  },
  {
    name: "5.3: an IPv6 client does not match A",
    record: "v=spf1 a:two.example -all",
    ip: "2001:db8::1",
    want: "fail",
  },
  {
    name: "5.3: a prefix length",
    record: "v=spf1 a:other.example/24 -all",
    ip: "198.51.100.77",
    want: "pass",
  },
  { name: "5.3: a prefix length of 0", record: "v=spf1 a:other.example/0 -all", want: "pass" },
  {
    name: "5.3: prefix length 0 of a name without addresses",
    record: "v=spf1 a:text.example/0 -all",
    want: "fail",
  },
  {
    name: "5.3: a prefix length of IPv6 alone",
    record: "v=spf1 a:one.example//64 -all",
    ip: "2001:db8::99",
    want: "pass",
  },
  {
    name: "5.3: both prefix lengths",
    record: "v=spf1 a:one.example/24//64 -all",
    ip: "192.0.2.200",
    want: "pass",
  },
  {
    name: "5.3: the IPv4 length says nothing of IPv6",
    record: "v=spf1 a:one.example/0 -all",
    ip: "2001:db8::2",
    want: "fail",
  },
  { name: "5.3: a prefix length of 33", record: "v=spf1 a:one.example/33 -all", want: "permerror" },
  { name: "5.3: a prefix length of 129", record: "v=spf1 a:one.example//129 -all", want: "permerror" },
  {
    name: "5.3: a prefix length with a zero before",
    record: "v=spf1 a:one.example/024 -all",
    want: "permerror",
  },
  { name: "5.3: a prefix length without digits", record: "v=spf1 a:one.example/ -all", want: "permerror" },
  {
    name: "5.3: prefix lengths in the wrong order",
    record: "v=spf1 a:one.example//64/24 -all",
    want: "permerror",
  },
  { name: "5.3: an empty name", record: "v=spf1 a: -all", want: "permerror" },
  { name: "5.3: failing DNS", record: "v=spf1 a:down.example -all", want: "temperror" },
  { name: "5.3: silent DNS", record: "v=spf1 a:silent.example -all", want: "temperror" },
  {
    name: "5.3: failing DNS after a match",
    record: "v=spf1 ip4:192.0.2.1 a:down.example -all",
    want: "pass",
  },
  { name: "7.1: a top label of digits", record: "v=spf1 a:example.123 -all", want: "permerror" },
  { name: "7.1: one label alone", record: "v=spf1 a:localhost -all", want: "permerror" },
  { name: "7.1: a label that ends with a hyphen", record: "v=spf1 a:one.example- -all", want: "permerror" },
  { name: "7.1: a dot at the end", record: "v=spf1 a:one.example. -all", want: "pass" },
  {
    name: "4.8: a label of 64 octets is no name",
    record: `v=spf1 a:${"a".repeat(64)}.example -all`,
    want: "fail",
  },
  { name: "4.8: an empty label is no name", record: "v=spf1 a:one..example -all", want: "fail" },
  // 5.4
  { name: "5.4: the address of an MX host", record: "v=spf1 mx:mail.one.example -all", want: "pass" },
  {
    name: "5.4: MX hosts by a prefix length",
    record: "v=spf1 mx:mail.one.example/24 -all",
    ip: "198.51.100.9",
    want: "pass",
  },
  { name: "5.4: no MX does not fall back to A", record: "v=spf1 mx:one.example -all", want: "fail" },
  { name: "5.4: a null MX has no hosts", record: "v=spf1 mx:nullmx.example -all", want: "fail" },
  { name: "5.4: an MX host with failing DNS", record: "v=spf1 mx:downmx.example -all", want: "temperror" },
  { name: "5.4: failing DNS", record: "v=spf1 mx:down.example -all", want: "temperror" },
  { name: "4.6.4: ten MX hosts", record: "v=spf1 mx:ten.example -all", want: "pass" },
  { name: "4.6.4: eleven MX hosts", record: "v=spf1 mx:eleven.example -all", want: "permerror" },
  // 5.5
  { name: "5.5: a confirmed name of the domain", record: "v=spf1 ptr -all", want: "pass" },
  { name: "5.5: a confirmed name of another domain", record: "v=spf1 ptr:one.example -all", want: "pass" },
  { name: "5.5: the end of a name is no domain", record: "v=spf1 ptr:ne.example -all", want: "fail" },
  { name: "5.5: a name that is not confirmed", record: "v=spf1 ptr -all", ip: "192.0.2.3", want: "fail" },
  { name: "5.5: failing DNS is no match", record: "v=spf1 ptr -all", ip: "192.0.2.2", want: "fail" },
  {
    name: "4.6.4: the eleventh name does not count",
    record: "v=spf1 ptr -all",
    ip: "192.0.2.4",
    want: "fail",
  },
  { name: "5.5: ptr with a prefix length", record: "v=spf1 ptr/24 -all", want: "permerror" },
  { name: "5.5: ptr of an empty name", record: "v=spf1 ptr: -all", want: "permerror" },
  // 5.6
  { name: "5.6: an address", record: "v=spf1 ip4:192.0.2.1 -all", want: "pass" },
  { name: "5.6: a network", record: "v=spf1 ip4:192.0.2.128/25 -all", want: "fail" },
  {
    name: "5.6: a network with bits beyond its length",
    record: "v=spf1 ip4:192.0.2.77/24 -all",
    want: "pass",
  },
  { name: "5.6: all of IPv4", record: "v=spf1 ip4:0.0.0.0/0 -all", want: "pass" },
  {
    name: "5.6: all of IPv4 holds no IPv6",
    record: "v=spf1 ip4:0.0.0.0/0 -all",
    ip: "2001:db8::1",
    want: "fail",
  },
  { name: "5.6: three octets", record: "v=spf1 ip4:192.0.2 -all", want: "permerror" },
  { name: "5.6: an octet of 256", record: "v=spf1 ip4:192.0.2.256 -all", want: "permerror" },
  { name: "5.6: a prefix length of 33", record: "v=spf1 ip4:192.0.2.0/33 -all", want: "permerror" },
  { name: "5.6: two prefix lengths", record: "v=spf1 ip4:192.0.2.0/24//64 -all", want: "permerror" },
  { name: "5.6: no address", record: "v=spf1 ip4 -all", want: "permerror" },
  { name: "5.6: an IPv6 address in ip4", record: "v=spf1 ip4:2001:db8::1 -all", want: "permerror" },
  { name: "5.6: a macro in ip4", record: "v=spf1 ip4:%{i} -all", want: "permerror" },
  {
    name: "5.6: an IPv6 network",
    record: "v=spf1 ip6:2001:db8::/32 -all",
    ip: "2001:db8:ff::1",
    want: "pass",
  },
  {
    name: "5.6: another IPv6 network",
    record: "v=spf1 ip6:2001:db9::/32 -all",
    ip: "2001:db8:ff::1",
    want: "fail",
  },
  { name: "5.6: IPv6 in capitals", record: "v=spf1 ip6:2001:DB8::1 -all", ip: "2001:db8::1", want: "pass" },
  { name: "5.6: a prefix length of 129", record: "v=spf1 ip6:2001:db8::/129 -all", want: "permerror" },
  { name: "5.6: an IPv4 address in ip6", record: "v=spf1 ip6:192.0.2.1 -all", want: "permerror" },
  { name: "5.6: a scope in ip6", record: "v=spf1 ip6:fe80::1%eth0 -all", want: "permerror" },
  {
    name: "5: an IPv4-mapped client is one of IPv4",
    record: "v=spf1 ip4:192.0.2.1 -all",
    ip: "::ffff:192.0.2.1",
    want: "pass",
  },
  {
    name: "5: an IPv4-mapped network holds no client",
    record: "v=spf1 ip6:::ffff:192.0.2.1 -all",
    ip: "::ffff:192.0.2.1",
    want: "fail",
  },
  { name: "5: all of IPv6 holds no IPv4", record: "v=spf1 ip6:::/0 -all", want: "fail" },
  {
    name: "5: a mapped network of length 0 is all of IPv6",
    record: "v=spf1 ip6:::ffff:1.2.3.4/0 -all",
    ip: "2001:db8::1",
    want: "pass",
  },
  // 5.7
  { name: "5.7: exists", record: "v=spf1 exists:%{l}.one.example -all", want: "pass" },
  {
    name: "5.7: exists asks for A for IPv6 clients too",
    record: "v=spf1 exists:bob.one.example -all",
    ip: "2001:db8::1",
    want: "pass",
  },
  { name: "5.7: a name that does not exist", record: "v=spf1 exists:al.one.example -all", want: "fail" },
  { name: "5.7: exists without a name", record: "v=spf1 exists -all", want: "permerror" },
  {
    name: "5.7: exists with a prefix length",
    record: "v=spf1 exists:one.example/24 -all",
    want: "permerror",
  },
  { name: "5.7: exists with failing DNS", record: "v=spf1 exists:down.example -all", want: "temperror" },
  // 6
  {
    name: "6: redirect twice",
    record: "v=spf1 redirect=one.example redirect=one.example",
    want: "permerror",
  },
  { name: "6: exp twice", record: "v=spf1 exp=a.example exp=a.example +all", want: "permerror" },
  { name: "6: an unknown modifier", record: "v=spf1 moo.cow_far-out=man:dog/cat -all", want: "fail" },
  { name: "6: an unknown modifier without a value", record: "v=spf1 default= -all", want: "fail" },
  { name: "6: an unknown modifier of wrong macros", record: "v=spf1 moo=%x -all", want: "permerror" },
  { name: "6: a modifier that begins with a digit", record: "v=spf1 1up=foo -all", want: "permerror" },
  { name: "6.1: a redirect", record: "v=spf1 redirect=one.example", want: "pass" },
  {
    name: "6.1: a redirect comes last, wherever it stands",
    record: "v=spf1 redirect=one.example ip4:192.0.2.9",
    ip: "192.0.2.9",
    want: "pass",
  },
  {
    name: "6.1: a redirect with all is not looked at",
    record: "v=spf1 redirect=down.example -all",
    want: "fail",
  },
  { name: "6.1: a redirect without a record", record: "v=spf1 redirect=text.example", want: "permerror" },
  { name: "6.1: a redirect with failing DNS", record: "v=spf1 redirect=down.example", want: "temperror" },
  { name: "6.1: a redirect of no value", record: "v=spf1 redirect=", want: "permerror" },
  { name: "6.1: a redirect is no mechanism", record: "v=spf1 redirect:one.example", want: "permerror" },
  // 7
  { name: "7.1: a percent sign alone", record: "v=spf1 exists:a%.one.example -all", want: "permerror" },
  { name: "7.1: an unknown letter", record: "v=spf1 exists:%{z}.one.example -all", want: "permerror" },
  { name: "7.1: zero parts", record: "v=spf1 exists:%{l0}.one.example -all", want: "permerror" },
  { name: "7.1: an unknown delimiter", record: "v=spf1 exists:%{l!}.one.example -all", want: "permerror" },
  { name: "7.1: a macro that does not end", record: "v=spf1 exists:%{l.one.example -all", want: "permerror" },
  {
    name: "7.1: literal characters before a macro",
    record: "v=spf1 exists:x%{l}com -all",
    want: "permerror",
  },
  {
    name: "7.2: c, r and t are for explanations",
    record: "v=spf1 exists:%{t}.one.example -all",
    want: "permerror",
  },
  { name: "7.3: %{p} is a confirmed name", record: "v=spf1 exists:%{p} -all", want: "pass" },
  {
    name: "8616 4: a local part beyond ASCII matches nothing",
    record: "v=spf1 exists:%{l}.one.example -all",
    localPart: "b\u00f6b",
    want: "fail",
  },
  {
    name: "8616 4: in an include",
    record: "v=spf1 include:%{l}.one.example -all",
    localPart: "b\u00f6b",
    want: "fail",
  },
  // 4.3
  {
    name: "4.3: an empty local part is postmaster's",
    record: "v=spf1 exists:%{l}.one.example ?all",
    localPart: "",
    want: "neutral",
  },
  { name: "4.3: the client's address is needed", record: "v=spf1 +all", ip: "", want: "none" },
];

for (const { name, record, want, ...asked } of CASES) {
  test(`checkHost gives ${want}, RFC 7208 ${name}`, async () => {
    const TXT = typeof record === "string" ? [record] : record;
    const answer = await askZone({ ...WORLD, "example.com": { TXT } }, asked);
    assert.equal(answer.result, want, answer.reason);
  });
}

for (const domain of [
  "",
  "localhost",
  "[192.0.2.1]",
  "a..example",
  ".example",
  `${"a".repeat(64)}.example`,
]) {
  test(`checkHost gives none for the domain '${domain.slice(0, 20)}', RFC 7208 4.3`, async () => {
    const { asked, dns } = recorded({});
    assert.equal((await ask(dns, { domain })).result, "none");
    assert.ok(asked.length === 0 || domain === "[192.0.2.1]");
  });
}

for (const [status, want] of [
  ["servfail", "temperror"],
  ["timeout", "temperror"],
  ["nxdomain", "none"],
] as const) {
  test(`checkHost gives ${want} where DNS answers ${status} to the first question, RFC 7208 4.4`, async () => {
    const { result } = await askZone({ "example.com": { TXT: status } });
    assert.equal(result, want);
  });
}
