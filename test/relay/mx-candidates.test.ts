/** The hosts that mxCandidates gives, by zones written down. */
import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import type { DnsAnswer, Resolver } from "postern";
import { fixedResolver, type Zone } from "../../core/dns/mod.ts";
import { A, type Case, look, shown } from "./mx-looks.ts";

const many = (count: number, one: (n: number) => string): string[] =>
  Array.from({ length: count }, (_, n) => one(n));

/** As from a resolver that does not follow it. */
const alias = (to: string) => ({ A: [], AAAA: [], CNAME: [to] });

const found: readonly Case[] = [
  {
    name: "orders MX by preference, as numbers",
    zone: {
      "a.example": { MX: ["100 mx3.example.", "20 mx2.example.", "3 mx1.example."] },
      ...{ "mx1.example": A("192.0.2.1"), "mx2.example": A("192.0.2.2"), "mx3.example": A("192.0.2.3") },
    },
    want: ["3 mx1.example 192.0.2.1", "20 mx2.example 192.0.2.2", "100 mx3.example 192.0.2.3"],
  },
  {
    name: "takes the domain itself where it has no MX (RFC 5321 5.1)",
    zone: { "a.example": A("192.0.2.1") },
    want: ["0 a.example 192.0.2.1"],
  },
  {
    name: "takes the domain itself by AAAA alone",
    zone: { "a.example": { AAAA: ["2001:db8::1"] } },
    want: ["0 a.example 2001:db8::1"],
  },
  {
    name: "gives both families in turn, IPv6 first, each in the order of the name server",
    zone: {
      "a.example": { MX: ["1 mx.example."] },
      "mx.example": { A: ["192.0.2.9", "192.0.2.1", "192.0.2.5"], AAAA: ["2001:db8::2", "2001:db8::1"] },
    },
    want: ["1 mx.example 2001:db8::2 192.0.2.9 2001:db8::1 192.0.2.1 192.0.2.5"],
  },
  {
    name: "leaves out a host without address, and one that is not there",
    zone: {
      "a.example": { MX: ["1 none.example.", "2 gone.example.", "3 mx.example."] },
      ...{ "none.example": { TXT: ["here"] }, "mx.example": A("192.0.2.1") },
    },
    want: ["3 mx.example 192.0.2.1"],
  },
  {
    name: "leaves out a host whose look-up failed, as another one is known",
    zone: {
      "a.example": { MX: ["1 dead.example.", "2 mx.example."] },
      ...{ "dead.example": { A: "timeout", AAAA: "servfail" }, "mx.example": A("192.0.2.1") },
    },
    want: ["2 mx.example 192.0.2.1"],
  },
  {
    name: "takes the A of a host whose server fails on AAAA, or says that the name is not there (RFC 4074)",
    zone: {
      "a.example": { MX: ["1 mx1.example.", "2 mx2.example."] },
      "mx1.example": { A: ["192.0.2.1"], AAAA: "servfail" },
      "mx2.example": { A: ["192.0.2.2"], AAAA: "nxdomain" },
    },
    want: ["1 mx1.example 192.0.2.1", "2 mx2.example 192.0.2.2"],
  },
  {
    name: "follows an alias that the resolver did not follow",
    zone: {
      "a.example": { MX: ["1 alias.example."] },
      "alias.example": alias("second.example."),
      "second.example": alias("mx.example."),
      "mx.example": A("192.0.2.1"),
    },
    want: ["1 alias.example 192.0.2.1"],
  },
  {
    name: "takes a host named twice once, by its best preference",
    zone: {
      "a.example": { MX: ["20 mx.example.", "10 MX.Example.", "15 other.example."] },
      ...{ "mx.example": A("192.0.2.1"), "other.example": A("192.0.2.2") },
    },
    want: ["10 mx.example 192.0.2.1", "15 other.example 192.0.2.2"],
  },
  {
    name: "leaves out exchanges that are addresses or no names, and a root beside others",
    zone: {
      "a.example": {
        MX: [
          "1 192.0.2.7.",
          "2 [192.0.2.7]",
          "3 -.",
          "0 .",
          "x mx.example.",
          "99999999 mx.example.",
          "4 mx.example.",
        ],
      },
      "mx.example": A("192.0.2.1"),
    },
    want: ["4 mx.example 192.0.2.1"],
  },
  {
    name: "leaves out an address that is none",
    zone: { "a.example": { A: ["192.0.2.300", "192.0.2.1"], AAAA: ["::g"] } },
    want: ["0 a.example 192.0.2.1"],
  },
  {
    name: "asks for U-labels as A-labels",
    domain: "Bücher.example",
    zone: { "xn--bcher-kva.example": A("192.0.2.1") },
    want: ["0 xn--bcher-kva.example 192.0.2.1"],
  },
  {
    name: "takes an IPv4 literal, whatever DNS says",
    domain: "[192.0.2.1]",
    zone: {},
    want: ["0 [192.0.2.1] 192.0.2.1"],
  },
  {
    name: "takes an IPv6 literal",
    domain: "[IPv6:2001:DB8:0::1]",
    zone: {},
    want: ["0 [IPv6:2001:db8::1] 2001:db8::1"],
  },
  {
    name: "tries only better hosts than this gateway (RFC 5321 5.1)",
    zone: {
      "a.example": { MX: ["5 mx.example.", "10 GATE.example.", "10 equal.example.", "20 lesser.example."] },
      ...{ "mx.example": A("192.0.2.1"), "equal.example": A("192.0.2.2"), "lesser.example": A("192.0.2.3") },
    },
    want: ["5 mx.example 192.0.2.1"],
  },
  {
    name: "tries only better hosts than one whose address is this gateway's",
    zone: {
      "a.example": { MX: ["5 mx.example.", "10 here.example.", "20 lesser.example."] },
      "mx.example": A("192.0.2.1"),
      "here.example": { A: ["192.0.2.2"], AAAA: ["::1"] },
      "lesser.example": A("192.0.2.3"),
    },
    want: ["5 mx.example 192.0.2.1"],
  },
];

const none: readonly Case[] = [
  { name: "the domain is not there (RFC 3463 X.1.2)", zone: {}, want: ["rejected 550 5.1.2"] },
  { name: "the domain is none", domain: "a..example", zone: {}, want: ["rejected 550 5.1.2"] },
  {
    name: "a null MX (RFC 7505)",
    zone: { "a.example": { MX: ["0 ."], A: ["192.0.2.1"] } },
    want: ["rejected 556 5.1.10"],
  },
  {
    name: "a null MX of another preference",
    zone: { "a.example": { MX: ["10 ."] } },
    want: ["rejected 556 5.1.10"],
  },
  {
    name: "a servfail for MX",
    zone: { "a.example": { MX: "servfail", A: ["192.0.2.1"] } },
    want: ["tempfailed 451 4.4.3"],
  },
  {
    name: "a timeout for MX",
    zone: { "a.example": { MX: "timeout", A: ["192.0.2.1"] } },
    want: ["tempfailed 451 4.4.3"],
  },
  { name: "neither MX nor address", zone: { "a.example": { TXT: ["here"] } }, want: ["rejected 550 5.4.4"] },
  {
    name: "no MX, and a servfail for AAAA",
    zone: { "a.example": { AAAA: "servfail" } },
    want: ["tempfailed 451 4.4.3"],
  },
  {
    name: "MX without addresses, whatever the domain's own are (RFC 5321 5.1)",
    zone: { "a.example": { MX: ["1 gone.example."], A: ["192.0.2.1"] } },
    want: ["rejected 550 5.4.4"],
  },
  {
    name: "MX that are no host names, whatever the domain's own addresses are",
    zone: { "a.example": { MX: ["1 192.0.2.1."], A: ["192.0.2.1"] } },
    want: ["rejected 550 5.4.4"],
  },
  {
    name: "MX of which one is not there and one can not be looked up",
    zone: {
      "a.example": { MX: ["1 gone.example.", "2 dead.example."] },
      "dead.example": { A: "timeout" },
    },
    want: ["tempfailed 451 4.4.3"],
  },
  {
    name: "an alias that can not be looked up",
    zone: { "a.example": { MX: ["1 mx.example."] }, "mx.example": { CNAME: "servfail" } },
    want: ["tempfailed 451 4.4.3"],
  },
  {
    name: "aliases in a circle",
    zone: {
      "a.example": { MX: ["1 mx.example."] },
      "mx.example": alias("second.example."),
      "second.example": alias("mx.example."),
    },
    want: ["rejected 550 5.4.4"],
  },
  {
    name: "this gateway first (RFC 5321 5.1)",
    zone: { "a.example": { MX: ["1 gate.example.", "2 mx.example."] }, "mx.example": A("192.0.2.1") },
    want: ["rejected 554 5.4.6"],
  },
  {
    name: "this gateway as the implicit MX",
    domain: "gate.example",
    zone: { "gate.example": A("192.0.2.1") },
    want: ["rejected 554 5.4.6"],
  },
  {
    name: "an address of this machine",
    zone: { "a.example": A("127.0.0.53") },
    want: ["rejected 554 5.4.6"],
  },
  {
    name: "the unspecified address, which is this machine too",
    zone: { "a.example": A("0.0.0.0") },
    want: ["rejected 554 5.4.6"],
  },
  { name: "a literal of this machine", domain: "[127.0.0.1]", zone: {}, want: ["rejected 554 5.4.6"] },
  {
    name: "an IPv6 literal that is IPv4 of this machine",
    domain: "[IPv6:::ffff:127.0.0.1]",
    zone: {},
    want: ["rejected 554 5.4.6"],
  },
];

describe("mxCandidates", () => {
  for (const { name, domain = "a.example", zone, want } of found)
    it(name, async () => assert.deepEqual(shown(await look(domain, zone)), want));
  for (const { name, domain = "a.example", zone, want } of none)
    it(`gives no host for ${name}`, async () => assert.deepEqual(shown(await look(domain, zone)), want));
});

test("mxCandidates shuffles hosts of one preference, evenly, and no others", async () => {
  let state = 1;
  const random = {
    bytes: (length: number) =>
      Uint8Array.from({ length }, () => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        return state >>> 24;
      }),
  };
  const zone: Zone = {
    "a.example": { MX: ["1 first.example.", ...many(3, (n) => `10 mx${n}.example.`), "20 last.example."] },
    ...Object.fromEntries(
      ["first", "last", "mx0", "mx1", "mx2"].map((name) => [`${name}.example`, A("192.0.2.1")]),
    ),
  };
  const counts = new Map<string, number>();
  for (let round = 0; round < 3_000; round += 1) {
    const outcome = await look("a.example", zone, { random });
    assert.ok(outcome.status === "found");
    const order = outcome.hosts.map(({ name }) => name.slice(0, name.indexOf(".")));
    assert.equal(order[0], "first");
    assert.equal(order[4], "last");
    const middle = order.slice(1, 4).join(" ");
    counts.set(middle, (counts.get(middle) ?? 0) + 1);
  }
  // Six orders of 500 each; five standard deviations are about 100.
  assert.equal(counts.size, 6);
  for (const [order, count] of counts) assert.ok(count > 400 && count < 600, `${order}: ${count}`);
});

test("mxCandidates gives 10 hosts at most, the best ones, and 8 addresses for each", async () => {
  const zone: Zone = {
    "a.example": { MX: many(300, (n) => `${300 - n} mx${n}.example.`) },
    ...Object.fromEntries(
      many(300, (n) => `mx${n}.example`).map((name) => [
        name,
        { A: many(50, (n) => `192.0.2.${n + 1}`), AAAA: many(50, (n) => `2001:db8::${n + 1}`) },
      ]),
    ),
  };
  const asked: string[] = [];
  const inner = fixedResolver(zone);
  const dns: Resolver = {
    resolve(name, type) {
      asked.push(`${type} ${name}`);
      return inner.resolve(name, type);
    },
  };
  const outcome = await look("a.example", zone, { dns });
  assert.ok(outcome.status === "found");
  assert.deepEqual(
    outcome.hosts.map(({ name }) => name),
    many(10, (n) => `mx${299 - n}.example`),
  );
  for (const { addresses } of outcome.hosts) assert.equal(addresses.length, 8);
  assert.equal(asked.length, 1 + 2 * 10);
});

test("mxCandidates tells the least TTL of all that it used", async () => {
  const answers: { readonly [key: string]: DnsAnswer } = {
    "MX a.example": { status: "found", records: ["1 mx.example.", "2 dead.example."], ttlSeconds: 300 },
    "A mx.example": { status: "found", records: ["192.0.2.1"], ttlSeconds: 40 },
    "AAAA mx.example": { status: "found", records: ["2001:db8::1"], ttlSeconds: 90 },
  };
  const dns: Resolver = {
    resolve: async (name, type) => answers[`${type} ${name}`] ?? { status: "servfail" },
  };
  const outcome = await look("a.example", {}, { dns });
  assert.deepEqual(shown(outcome), ["1 mx.example 2001:db8::1 192.0.2.1"]);
  assert.equal(outcome.status === "found" && outcome.ttlSeconds, 40);
  const literal = await look("[192.0.2.1]", {});
  assert.equal(literal.status === "found" && literal.ttlSeconds, 86_400);
});

test("mxCandidates lets a host on loopback be another machine's where isOwnAddress says so", async () => {
  const outcome = await look("a.example", { "a.example": A("127.0.0.1") }, { isOwnAddress: () => false });
  assert.deepEqual(shown(outcome), ["0 a.example 127.0.0.1"]);
});

test("mxCandidates rejects with the signal's reason", async () => {
  const reason = new Error("too late");
  const signal = AbortSignal.abort(reason);
  await assert.rejects(look("a.example", { "a.example": A("192.0.2.1") }, { signal }), reason);
});
