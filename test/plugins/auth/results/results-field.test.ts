import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Arc, Dkim, Dmarc, Iprev, Spf } from "../../../../plugins/auth/auth-results.ts";
import { addressValue, pvalue, resultsLines } from "../../../../plugins/auth/results/results-field.ts";
import { DMARC, type Found, fieldsOf, OUR_ID, SIGNATURE, SPF, sender, unfolded } from "./results-bed.ts";
import { parseStrictly } from "./strict-parser.ts";

const FIELDS: readonly { name: string; found: Found; reversePath?: string; want: readonly string[] }[] = [
  { name: "none where nobody looked (RFC 8601 2.2)", found: {}, want: ["none"] },
  {
    name: "SPF of the reverse-path (RFC 8601 2.7.2)",
    found: { spf: SPF },
    want: ["spf=pass smtp.mailfrom=a@outside.example"],
  },
  {
    name: "SPF of the EHLO name, with its reason",
    found: { spf: { ...SPF, result: "fail", reason: "-all", domain: "helo.example", identity: "helo" } },
    reversePath: "",
    want: ['spf=fail reason="-all" smtp.helo=helo.example'],
  },
  {
    name: "SPF of another domain than the reverse-path's",
    found: { spf: { ...SPF, domain: "other.example" } },
    want: ["spf=pass smtp.mailfrom=other.example"],
  },
  {
    name: "SPF of a quoted local part",
    found: { spf: SPF },
    reversePath: '"a; b\\"c"@outside.example',
    want: ['spf=pass smtp.mailfrom="a; b\\"c"@outside.example'],
  },
  {
    name: "SPF of a local part beyond ASCII: the domain alone",
    found: { spf: { ...SPF, domain: "xn--bcher-kva.example" } },
    reversePath: "bücher@bücher.example",
    want: ["spf=pass smtp.mailfrom=xn--bcher-kva.example"],
  },
  {
    name: "SPF of a local part that reads as an encoded word: the domain alone",
    found: { spf: SPF },
    reversePath: "=?utf-8?q?=22=3B?=@outside.example",
    want: ["spf=pass smtp.mailfrom=outside.example"],
  },
  {
    name: "SPF of an address literal",
    found: { spf: { ...SPF, result: "none", reason: "", domain: "[192.0.2.1]" } },
    reversePath: "a@[192.0.2.1]",
    want: ['spf=none smtp.mailfrom="a@[192.0.2.1]"'],
  },
  {
    name: "SPF that did not run, and no DKIM signature",
    found: { spf: { ...Spf.fallback, reason: "" }, dkim: Dkim.fallback },
    want: ["spf=none;", "dkim=none"],
  },
  {
    name: "a signature (RFC 8601 2.7.1, RFC 6008)",
    found: { dkim: { signatures: [SIGNATURE], unchecked: 0 } },
    want: [
      "dkim=pass header.d=example.net header.i=@example.net header.s=sel",
      "  header.a=rsa-sha256 header.b=dzdVyOfA",
    ],
  },
  {
    name: "a signature's odd values",
    found: {
      dkim: {
        signatures: [
          {
            ...SIGNATURE,
            result: "permerror",
            reason: 'no "key"',
            identity: "a=b@sub.example.net",
            selector: "a b",
            signature: "ab/+cd==",
          },
        ],
        unchecked: 0,
      },
    },
    want: [
      'dkim=permerror reason="no \\"key\\"" header.d=example.net',
      '  header.i=a=b@sub.example.net header.s="a b" header.a=rsa-sha256',
      '  header.b="ab/+cd=="',
    ],
  },
  {
    name: "a signature that could not be read at all",
    found: {
      dkim: {
        signatures: [
          {
            ...SIGNATURE,
            result: "permerror",
            reason: "",
            domain: "",
            selector: "",
            identity: "",
            algorithm: "",
            signature: "",
          },
        ],
        unchecked: 0,
      },
    },
    want: ["dkim=permerror"],
  },
  {
    name: "a signature of a part of the body, and those nobody looked at",
    found: { dkim: { signatures: [{ ...SIGNATURE, unsignedBytes: 12 }], unchecked: 7 } },
    want: [
      'dkim=pass reason="12 octets of the body are not signed" header.d=example.net',
      "  header.i=@example.net header.s=sel header.a=rsa-sha256 header.b=dzdVyOfA;",
      'dkim=policy reason="7 more signatures were not looked at"',
    ],
  },
  { name: "DMARC without a record", found: { dmarc: DMARC }, want: ["dmarc=pass header.from=example.net"] },
  {
    name: "DMARC with the policy that is asked for",
    found: { dmarc: { ...DMARC, result: "fail", policyDomain: "example.net", policy: "reject" } },
    want: ["dmarc=fail header.from=example.net policy.dmarc=reject"],
  },
  {
    name: "DMARC in test, one step less (RFC 9989 4.7)",
    found: {
      dmarc: { ...DMARC, result: "fail", policyDomain: "example.net", policy: "reject", testing: true },
    },
    want: ["dmarc=fail header.from=example.net policy.dmarc=quarantine"],
  },
  {
    name: "DMARC of a message without one From domain",
    found: { dmarc: { ...Dmarc.fallback, result: "permerror", reason: "two From fields" } },
    want: ['dmarc=permerror reason="two From fields"'],
  },
  {
    name: "ARC (RFC 8617 6)",
    found: { arc: { ...Arc.fallback, result: "fail", reason: "seal 2" } },
    want: ['arc=fail reason="seal 2" smtp.remote-ip=203.0.113.9'],
  },
  {
    name: "ARC that passes, with the oldest signature that holds (RFC 8617 5.2)",
    found: { arc: { ...Arc.fallback, result: "pass", reason: "", oldestPass: 2 } },
    want: ["arc=pass header.oldest-pass=2 smtp.remote-ip=203.0.113.9"],
  },
  {
    name: "no ARC chain",
    found: { arc: { ...Arc.fallback, reason: "there is no chain" } },
    want: ['arc=none reason="there is no chain"'],
  },
  {
    name: "iprev (RFC 8601 2.7.3)",
    found: { iprev: { result: "pass", reason: "", name: "client.example", ip: "203.0.113.9" } },
    want: ["iprev=pass policy.iprev=203.0.113.9"],
  },
  {
    name: "iprev of IPv6, quoted as a colon is no token's",
    found: { iprev: { result: "fail", reason: "", name: "", ip: "2001:db8::1" } },
    want: ['iprev=fail policy.iprev="2001:db8::1"'],
  },
  {
    name: "no iprev that is none: RFC 8601 has no such result",
    found: { iprev: { ...Iprev.fallback, ip: "203.0.113.9" } },
    want: ["none"],
  },
  {
    name: "temporary errors, never a missing method",
    found: {
      iprev: { result: "temperror", reason: "DNS did not answer", name: "", ip: "203.0.113.9" },
      spf: { ...SPF, result: "temperror", reason: "DNS did not answer" },
      dkim: {
        signatures: [{ ...SIGNATURE, result: "temperror", reason: "DNS did not answer" }],
        unchecked: 0,
      },
      dmarc: { ...DMARC, result: "temperror", reason: "DNS did not answer" },
      arc: { ...Arc.fallback, result: "temperror", reason: "DNS did not answer" },
    },
    want: [
      'iprev=temperror reason="DNS did not answer" policy.iprev=203.0.113.9;',
      'spf=temperror reason="DNS did not answer" smtp.mailfrom=a@outside.example;',
      'dkim=temperror reason="DNS did not answer" header.d=example.net',
      "  header.i=@example.net header.s=sel header.a=rsa-sha256 header.b=dzdVyOfA;",
      'dmarc=temperror reason="DNS did not answer" header.from=example.net;',
      'arc=temperror reason="DNS did not answer" smtp.remote-ip=203.0.113.9',
    ],
  },
];
for (const { name, found, reversePath = "a@outside.example", want } of FIELDS) {
  test(`authenticationResults writes ${name}`, async () => {
    const send = await sender(found);
    const [field] = fieldsOf(await send({ reversePath }));
    const [first, ...lines] = (field ?? "").split("\r\n");
    assert.equal(first, `Authentication-Results: ${OUR_ID};`);
    assert.deepEqual(
      lines.map((line) => line.slice(1)),
      want,
    );
    assert.equal(parseStrictly(unfolded(field)).authservId, OUR_ID);
    for (const line of lines) assert.ok(line.length <= 78, line);
  });
}

const word = fc.stringMatching(/^[a-z0-9]{1,12}$/);
const domain = fc
  .array(fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,10}[a-z0-9])?$/), { minLength: 2, maxLength: 4 })
  .filter((labels) => !labels.some((label) => label.startsWith("xn--") || /^\d+$/.test(label)))
  .map((labels) => labels.join("."));
/** What can be shown as it is: printable ASCII, without what reads as the begin of an encoded word. */
const shown = (max: number) =>
  fc
    .stringMatching(/^[ -~]+$/, { maxLength: max })
    .filter((text) => !text.includes("=?") && text.trim() === text);

const fieldValue = (lines: readonly string[]): string => lines.join(" ");

test("resultsLines gives what a strict reader reads back: ids, results, reasons, values and addresses", () => {
  const property = fc.oneof(
    shown(80).map((text) => ({ written: pvalue(text), meant: text })),
    fc.tuple(shown(40), domain).map(([local, name]) => ({
      written: addressValue(local, name),
      meant: `${local}@${name}`,
    })),
    domain.map((name) => ({ written: addressValue("", name), meant: `@${name}` })),
    domain.map((name) => ({ written: addressValue(undefined, name), meant: name })),
  );
  const result = fc.record({
    method: word,
    result: word,
    reason: fc.option(shown(60), { nil: undefined }),
    properties: fc.array(fc.tuple(fc.constantFrom("smtp.mailfrom", "header.d", "policy.x"), property), {
      maxLength: 6,
    }),
  });
  fc.assert(
    fc.property(fc.oneof(domain, shown(60)), fc.array(result, { maxLength: 6 }), (id, results) => {
      const lines = resultsLines(
        id,
        results.map(({ method, result, reason, properties }) => ({
          method,
          result,
          ...(reason === undefined ? {} : { reason }),
          properties: properties.map(([name, { written }]) => [name, written] as const),
        })),
      );
      assert.deepEqual(parseStrictly(fieldValue(lines)), {
        authservId: id,
        results: results.map(({ method, result, reason, properties }) => ({
          method,
          result,
          ...(reason === undefined ? {} : { reason }),
          properties: properties.map(([name, { meant }]) => [name, meant]),
        })),
      });
    }),
    { numRuns: 1_000 },
  );
});

test("addressValue quotes a local part that would make an encoded word with the sign before it", () => {
  assert.equal(addressValue("?utf-8?q?x", "x.example"), '"?utf-8?q?x"@x.example');
  assert.equal(addressValue("x?", "x.example"), "x?@x.example");
});

test("resultsLines lets no hostile text out of its place, also for readers that decode words first", () => {
  const hostile = fc
    .array(
      fc.oneof(
        fc.constantFrom(
          ...[
            '"',
            "\\",
            ";",
            "(",
            ")",
            "\r\n",
            "\n",
            "\0",
            "=?utf-8?q?=22=3B_dkim=3Dpass?=",
            "=?",
            "?=",
            "\u2028",
          ],
          ...["; dkim=pass", " ", "ü", "\ud800", "@", "x.example", "=", "none"],
        ),
        fc.string({ maxLength: 5, unit: "binary" }),
      ),
      { maxLength: 40 },
    )
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(
      hostile,
      hostile,
      hostile,
      fc.option(hostile, { nil: undefined }),
      (id, reason, value, local) => {
        const lines = resultsLines(id, [
          {
            method: "spf",
            result: "fail",
            reason,
            properties: [
              ["smtp.helo", pvalue(value)],
              ["smtp.mailfrom", addressValue(local, value)],
            ],
          },
          { method: "dmarc", result: "none", properties: [] },
        ]);
        for (const line of lines) assert.match(line, /^ *[!-~][ -~]*$/);
        const text = fieldValue(lines);
        assert.ok(!text.includes("=?"), text);
        const { results } = parseStrictly(text);
        assert.deepEqual(
          results.map(({ method, result, properties }) => [
            method,
            result,
            ...properties.map(([name]) => name),
          ]),
          [
            ["spf", "fail", "smtp.helo", "smtp.mailfrom"],
            ["dmarc", "none"],
          ],
        );
      },
    ),
    { numRuns: 2_000 },
  );
});

test("resultsLines folds at 78 columns, and breaks a line of more only where one value is longer", () => {
  fc.assert(
    fc.property(fc.array(shown(300), { maxLength: 8 }), (values) => {
      const properties = values.map((value) => ["header.d", pvalue(value)] as const);
      for (const line of resultsLines("mx.example", [{ method: "dkim", result: "pass", properties }])) {
        assert.ok(line.length + 1 <= 78 || line.trim().split(/ (?=header\.d=)/).length === 1, line);
      }
    }),
  );
});
