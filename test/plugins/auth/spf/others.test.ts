/**
 * What others make of SPF: the test suite of openspf.org, which Debian's python3-spf brings, python3-spf itself, and
 * mailauth. Where one of them is right in another way, or wrong, the case is left out by name.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { spf as mailauthSpf } from "mailauth/lib/spf/index.js";
import type { DnsAnswer, DnsType, Resolver } from "postern";
import { fixedResolver, type Zone } from "../../../../core/dns/mod.ts";
import { ask, askZone } from "./spf-question.ts";

const script = fileURLToPath(new URL("others.py", import.meta.url));
/** Debian's own: modules of its packages are in no other. */
const debian = "/usr/bin/python3";
const suiteFile = "/usr/share/doc/python3-spf/rfc7208-tests.yml.gz";

function python(command: string, input: unknown): unknown {
  const { status, stdout, stderr } = spawnSync(debian, [script, command], {
    input: JSON.stringify(input),
    encoding: "utf8",
    maxBuffer: 64 * 2 ** 20,
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

const has = (module: string): boolean => spawnSync(debian, ["-c", `import ${module}`]).status === 0;
const noSpf = has("spf") ? false : "python3-spf is not installed";
const noSuite =
  noSpf ||
  (!existsSync(suiteFile)
    ? `${suiteFile} is not there`
    : has("yaml")
      ? false
      : "python3-yaml is not installed");

interface Scenario {
  readonly description: string;
  readonly tests: { readonly [name: string]: SuiteTest };
  readonly zonedata: {
    readonly [name: string]: readonly ("TIMEOUT" | { readonly [type: string]: unknown })[];
  };
}
interface SuiteTest {
  readonly host: string;
  readonly helo: string;
  readonly mailfrom: string;
  readonly result: string | readonly string[];
  readonly explanation?: string;
}

/** The suite's zones have SPF where a TXT of the same text is meant, unless the name has TXT of its own. */
function suiteResolver(zonedata: Scenario["zonedata"]): Resolver {
  const names = new Map(Object.entries(zonedata).map(([name, rows]) => [name.toLowerCase(), rows]));
  const rowsOf = (name: string) => names.get(name.toLowerCase().replace(/\.$/, ""));
  const answer = (name: string, type: DnsType, left: number): DnsAnswer => {
    const rows = rowsOf(name);
    if (!rows) return { status: "nxdomain" };
    const records = rows.filter((row) => typeof row === "object");
    const alias = records.find((row) => "CNAME" in row)?.CNAME;
    if (alias !== undefined && left > 0) return answer(String(alias), type, left - 1);
    const written = type === "TXT" && !records.some((row) => "TXT" in row) ? "SPF" : type;
    const found = records
      .filter((row) => written in row && row[written] !== "NONE")
      .map((row) => [row[written]].flat().join(type === "MX" ? " " : ""));
    if (found.length > 0) return { status: "found", records: found, ttlSeconds: 60 };
    return { status: rows.includes("TIMEOUT") ? "timeout" : "nodata" };
  };
  return { resolve: async (name, type) => answer(name, type, 5) };
}

describe("checkHost by the test suite of openspf.org", { skip: noSuite }, () => {
  const scenarios = noSuite === false ? (python("suite", null) as readonly Scenario[]) : [];
  for (const { description, tests, zonedata } of scenarios) {
    const dns = suiteResolver(zonedata);
    for (const [name, { host, helo, mailfrom, result, explanation }] of Object.entries(tests)) {
      test(`${description}: ${name}`, async () => {
        const at = mailfrom.lastIndexOf("@");
        const domain = mailfrom === "" ? helo : mailfrom.slice(at + 1);
        const localPart = mailfrom.slice(0, Math.max(at, 0));
        const answer = await ask(dns, { ip: host.toLowerCase(), helo, domain, localPart });
        assert.ok([result].flat().includes(answer.result), `${answer.result}: ${answer.reason}`);
        if (explanation === undefined) return;
        // The suite writes nibbles in capitals; RFC 7208 7.4 has them small.
        const want = explanation === "DEFAULT" ? "" : explanation.toLowerCase();
        assert.equal(answer.explanation.toLowerCase(), want);
      });
    }
  }

  test("has all of its cases", () => {
    const count = scenarios.reduce((sum, { tests }) => sum + Object.keys(tests).length, 0);
    assert.ok(count >= 200, `${count} cases`);
  });
});

/** Records of many kinds, right and wrong, that do not lead to where others count void look-ups in another way. */
const SOME_ZONE: Zone = {
  "one.example": { A: ["192.0.2.1"], AAAA: ["2001:db8::1"], TXT: ["v=spf1 ip4:192.0.2.1 -all"] },
  "two.example": { A: ["198.51.100.1"], AAAA: ["2001:db8::2"], TXT: ["v=spf1 a:two.example ?all"] },
  "mail.example": {
    A: ["192.0.2.7"],
    AAAA: ["2001:db8::7"],
    MX: ["10 one.example."],
    TXT: ["v=spf1 mx ~all"],
  },
  "bob.example": { A: ["127.0.0.2"], AAAA: ["2001:db8::9"] },
  "1.2.0.192.in-addr.arpa": { PTR: ["one.example."] },
};
const term = fc
  .record({
    qualifier: fc.constantFrom("", "", "+", "-", "~", "?"),
    body: fc.constantFrom(
      ...[
        "all",
        "a",
        "a/24",
        "a:one.example",
        "a:two.example/24",
        "a:one.example//64",
        "mx:mail.example",
        "mx:mail.example/30",
      ],
      ...[
        "ip4:192.0.2.0/24",
        "ip4:192.0.2.1",
        "ip4:198.51.100.1",
        "ip4:192.0.2.1/33",
        "ip4:192.0.2",
        "ip4:",
        "ip6:2001:db8::/32",
      ],
      ...[
        "ip6:2001:db8::1",
        "ip6:2001:db8::/129",
        "ip6:192.0.2.1",
        "include:one.example",
        "include:two.example",
        "include:mail.example",
      ],
      ...[
        "exists:%{l}.example",
        "exists:bob.example",
        "ptr:one.example",
        "ptr",
        "all:x",
        "foo",
        "a:",
        "a:x",
        "include",
        "exists:%{l0}.example",
      ],
      ...["exists:%(l).example", "A:One.Example", "a:one.example."],
    ),
  })
  .map(({ qualifier, body }) => qualifier + body);
const modifier = fc.constantFrom(
  "redirect=one.example",
  "redirect=mail.example",
  "redirect=",
  "moo=x",
  "moo=%",
  "exp=one.example",
  "exp=%{d}",
  "2x=y",
);
const record = fc
  .array(fc.oneof({ weight: 6, arbitrary: term }, { weight: 1, arbitrary: modifier }), { maxLength: 5 })
  .map((terms) => `v=spf1 ${terms.join(" ")}`);
const questions = fc
  .sample(
    fc.record({
      record,
      ip: fc.constantFrom("192.0.2.1", "192.0.2.77", "198.51.100.1", "2001:db8::1", "2001:db8:1::1"),
      localPart: fc.constantFrom("bob", "al"),
    }),
    { numRuns: 600, seed: 7208 },
  )
  .map(({ record: own, ip, localPart }) => ({
    zone: { ...SOME_ZONE, "example.com": { A: ["192.0.2.1"], AAAA: ["2001:db8::1"], TXT: [own] } } as Zone,
    record: own,
    ip,
    localPart,
    domain: "example.com",
    helo: "mail.example",
  }));

/** Where python3-spf is wrong: it takes zero parts (RFC 7208 7.3), and no unknown modifier twice (6). */
const isTheirFault = (own: string): boolean => own.includes("%{l0}") || /moo=\S* .*moo=/.test(own);

test("checkHost gives what python3-spf gives, on 600 records", { skip: noSpf }, async () => {
  const theirs = python("ask", questions) as readonly string[];
  const differ: string[] = [];
  for (const [n, { zone, record: own, ip, localPart }] of questions.entries()) {
    const { result, reason } = await askZone(zone, { ip, localPart, helo: "mail.example" });
    if (result !== theirs[n] && !isTheirFault(own))
      differ.push(`${own} for ${ip}: ${result} (${reason}), theirs ${theirs[n]}`);
  }
  assert.deepEqual(differ, []);
});

const CODES = { nxdomain: "ENOTFOUND", nodata: "ENODATA", servfail: "ESERVFAIL", timeout: "ETIMEOUT" };

/** mailauth's idea of a resolver. */
const forMailauth = (dns: Resolver) => async (name: string, type: string) => {
  const answer = await dns.resolve(name, type as DnsType);
  if (answer.status !== "found")
    throw Object.assign(new Error(answer.status), { code: CODES[answer.status] });
  if (type === "TXT") return answer.records.map((text) => [text]);
  if (type !== "MX") return answer.records.map((name) => name.replace(/\.$/, ""));
  return answer.records.map((mx) => ({
    priority: Number(mx.split(" ")[0]),
    exchange: mx.split(" ")[1]?.replace(/\.$/, ""),
  }));
};

test("checkHost gives what mailauth gives in its strict mode, on 600 records", async () => {
  const differ: string[] = [];
  for (const { zone, record: own, ip, localPart } of questions) {
    const dns = fixedResolver(zone);
    const { result, reason } = await askZone(zone, { ip, localPart, helo: "mail.example" });
    const theirs = await mailauthSpf({
      sender: `${localPart}@example.com`,
      helo: "mail.example",
      mta: "unknown",
      ip,
      strict: true,
      resolver: forMailauth(dns),
    } as never);
    const { status } = theirs as { readonly status: { readonly result: string } };
    if (result !== status.result)
      differ.push(`${own} for ${ip}: ${result} (${reason}), theirs ${status.result}`);
  }
  assert.deepEqual(differ, []);
});
