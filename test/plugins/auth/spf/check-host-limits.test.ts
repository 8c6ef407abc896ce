import assert from "node:assert/strict";
import { test } from "node:test";
import type { Zone } from "../../../../core/dns/mod.ts";
import type { SpfResult } from "../../../../plugins/auth/spf/check-host.ts";
import { type Asked, ask, askZone, recorded } from "./spf-question.ts";

const spf = (record: string) => ({ TXT: [record] });
const terms = (count: number, term: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => term(n)).join(" ");
const hosts = (count: number): Zone =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`h${n}.example`, { A: ["198.51.100.1"] }]));

interface Limit extends Asked {
  readonly name: string;
  readonly zone: Zone;
  readonly want: SpfResult;
  /** Questions at most. */
  readonly asks: number;
}

const LIMITS: readonly Limit[] = [
  {
    name: "ten terms that ask DNS",
    zone: { ...hosts(10), "example.com": spf(`v=spf1 ${terms(10, (n) => `a:h${n}.example`)} ~all`) },
    want: "softfail",
    asks: 11,
  },
  {
    name: "eleven terms that ask DNS",
    zone: { ...hosts(11), "example.com": spf(`v=spf1 ${terms(11, (n) => `a:h${n}.example`)} ~all`) },
    want: "permerror",
    asks: 11,
  },
  {
    name: "terms beyond the limit after a match",
    zone: { ...hosts(1), "example.com": spf(`v=spf1 ip4:192.0.2.1 ${terms(20, () => "a:h0.example")} -all`) },
    want: "pass",
    asks: 1,
  },
  {
    name: "ip4, ip6 and all ask nothing",
    zone: { "example.com": spf(`v=spf1 ${terms(500, (n) => `ip4:198.51.100.${n % 256}`)} -all`) },
    want: "fail",
    asks: 1,
  },
  {
    name: "a record that includes itself",
    zone: { "example.com": spf("v=spf1 include:example.com -all") },
    want: "permerror",
    asks: 11,
  },
  {
    name: "a record that redirects to itself",
    zone: { "example.com": spf("v=spf1 redirect=example.com") },
    want: "permerror",
    asks: 11,
  },
  {
    name: "records that include each other twice",
    zone: {
      "example.com": spf("v=spf1 include:b.example include:b.example ~all"),
      "b.example": spf("v=spf1 include:example.com include:example.com ?all"),
    },
    want: "permerror",
    asks: 11,
  },
  {
    name: "includes count the terms within them",
    zone: {
      ...hosts(9),
      "example.com": spf("v=spf1 include:b.example a:h0.example ~all"),
      "b.example": spf(`v=spf1 ${terms(9, (n) => `a:h${n}.example`)} ?all`),
    },
    want: "permerror",
    asks: 11,
  },
  {
    name: "%{p} counts as a term that asks",
    zone: {
      ...hosts(10),
      "example.com": spf(`v=spf1 ${terms(9, (n) => `a:h${n}.example`)} exists:%{p}.example.net ~all`),
    },
    want: "permerror",
    asks: 10,
  },
  {
    name: "two void terms",
    zone: { "example.com": spf("v=spf1 a:x.example mx:y.example ~all") },
    want: "softfail",
    asks: 3,
  },
  {
    name: "three void terms",
    zone: { "example.com": spf("v=spf1 a:x.example mx:y.example exists:z.example ~all") },
    want: "permerror",
    asks: 4,
  },
  {
    name: "three void terms where three are forgiven",
    zone: { "example.com": spf("v=spf1 a:x.example mx:y.example exists:z.example ~all") },
    voidLookUpsMax: 3,
    want: "softfail",
    asks: 4,
  },
  {
    name: "names with other records are void too",
    zone: { "example.com": spf("v=spf1 a a:x.example a:y.example ~all") },
    want: "permerror",
    asks: 4,
  },
  {
    name: "the hosts of one mx are not void terms",
    zone: {
      "example.com": spf("v=spf1 mx ~all"),
    },
    want: "softfail",
    asks: 2,
  },
];

for (const { name, zone, want, asks, ...asked } of LIMITS) {
  test(`checkHost gives ${want} after at most ${asks} questions, RFC 7208 4.6.4: ${name}`, async () => {
    const world = recorded(zone);
    const answer = await ask(world.dns, asked);
    assert.equal(answer.result, want, answer.reason);
    assert.ok(world.asked.length <= asks, `${world.asked.length} questions`);
  });
}

test("checkHost asks for ten hosts of each of ten mx, and no more", async () => {
  const zone: Record<string, Zone[string]> = {
    "example.com": spf(`v=spf1 ${terms(10, (n) => `mx:m${n}.example`)} -all`),
  };
  for (let n = 0; n < 10; n++)
    zone[`m${n}.example`] = { MX: Array.from({ length: 10 }, (_, h) => `10 h${n}-${h}.example.`) };
  const world = recorded(zone);
  assert.equal((await ask(world.dns)).result, "fail");
  assert.equal(world.asked.length, 1 + 10 + 100);
});

test("checkHost reads a record of 64 KB, and refuses a longer one", async () => {
  const filled = (length: number) =>
    `v=spf1 ${"ip4:198.51.100.1 ".repeat(5_000)}`.slice(0, length - 5).replace(/ \S*$/, " ");
  for (const [length, want] of [
    [65_000, "fail"],
    [66_000, "permerror"],
  ] as const) {
    const record = `${filled(length).padEnd(length - 4, " ")}-all`;
    assert.equal(record.length, length);
    assert.equal((await askZone({ "example.com": spf(record) })).result, want);
  }
});

test("checkHost does not write out a name of macros that could fill memory", async () => {
  const macros = "%{S}".repeat(8_000);
  const answer = await askZone(
    { "example.com": spf(`v=spf1 exists:${macros} exp=${macros} -all`) },
    { localPart: "x".repeat(64) },
  );
  assert.equal(answer.result, "fail");
});

test("checkHost rejects when a question does: the hook is over", async () => {
  const dns = { resolve: () => Promise.reject(new Error("stopped")) };
  await assert.rejects(ask(dns), /stopped/);
});
