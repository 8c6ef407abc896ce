/**
 * DMARC by the clauses of RFC 9989, with its published examples: which identifiers are aligned with which Author Domain in
 * each mode, which domain is the organizational one, and which record and policy apply.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Resolver } from "postern";
import { fixedResolver, type Zone } from "../../../../core/dns/mod.ts";
import {
  type DmarcResult,
  evaluateDmarc,
  type Identifier,
} from "../../../../plugins/auth/dmarc/evaluate-dmarc.ts";

const pass = (method: Identifier["method"], domain: string): Identifier => ({
  method,
  domain,
  result: "pass",
});

/** Records by the domain they are of; "exists" for a name without one. */
type Records = { readonly [domain: string]: string };

function zoneOf(records: Records): Zone {
  const zone: { [name: string]: Zone[string] } = {};
  for (const [domain, text] of Object.entries(records)) {
    if (text === "exists") zone[domain] = { A: ["192.0.2.1"] };
    else zone[`_dmarc.${domain}`] = { TXT: [`v=DMARC1; ${text}`] };
  }
  return zone;
}

/** Whether they align where the record of the Author Domain's organization says relaxed, or strict. */
const PAIRS: readonly {
  readonly clause: string;
  readonly author: string;
  readonly identifier: string;
  readonly relaxed: boolean;
  readonly strict: boolean;
}[] = [
  {
    ...{ clause: "4.4, table 1: one domain for both", author: "news.example.com" },
    ...{ identifier: "news.example.com", relaxed: true, strict: true },
  },
  {
    ...{ clause: "4.4, table 1: two below one organization", author: "news.example.com" },
    ...{ identifier: "foo.example.com", relaxed: true, strict: false },
  },
  {
    ...{ clause: "4.4, table 1: two organizations", author: "news.example.com" },
    ...{ identifier: "foo.example.net", relaxed: false, strict: false },
  },
  {
    ...{ clause: "B.1, example 1", author: "example.com" },
    ...{ identifier: "example.com", relaxed: true, strict: true },
  },
  {
    ...{ clause: "B.1.1, example 2: the identifier is below", author: "example.com" },
    ...{ identifier: "child.example.com", relaxed: true, strict: false },
  },
  {
    ...{ clause: "B.1.2, example 2: the identifier is above", author: "child.example.com" },
    ...{ identifier: "example.com", relaxed: true, strict: false },
  },
  {
    ...{ clause: "B.1, example 3", author: "child.example.com" },
    ...{ identifier: "example.net", relaxed: false, strict: false },
  },
  {
    ...{ clause: "4.10.2: a domain that only ends in the same letters", author: "example.com" },
    ...{ identifier: "anexample.com", relaxed: false, strict: false },
  },
  {
    ...{ clause: "4.10.2: the domain above the organization", author: "example.com" },
    ...{ identifier: "com", relaxed: false, strict: false },
  },
  {
    ...{ clause: "4.10.2: another organization below the same suffix", author: "example.com" },
    ...{ identifier: "other.com", relaxed: false, strict: false },
  },
];
/** Tags of the record; the mode of each method. */
const MODES: readonly { readonly tags: string; readonly spf: "r" | "s"; readonly dkim: "r" | "s" }[] = [
  { tags: "p=reject", spf: "r", dkim: "r" },
  { tags: "p=reject; aspf=r; adkim=r", spf: "r", dkim: "r" },
  { tags: "p=reject; aspf=s; adkim=r", spf: "s", dkim: "r" },
  { tags: "p=reject; adkim=s", spf: "r", dkim: "s" },
  { tags: "p=reject; aspf=s; adkim=s", spf: "s", dkim: "s" },
  // 4.8: a value that nobody knows is the default.
  { tags: "p=reject; aspf=strict; adkim=x", spf: "r", dkim: "r" },
];

describe("alignment by RFC 9989", () => {
  for (const { clause, author, identifier, relaxed, strict } of PAIRS) {
    for (const { tags, ...modes } of MODES) {
      it(`evaluateDmarc, ${clause} (${author}, ${identifier}, ${tags})`, async () => {
        for (const method of ["spf", "dkim"] as const) {
          const want = modes[method] === "r" ? relaxed : strict;
          const dns = fixedResolver(zoneOf({ "example.com": tags }));
          const { result, spfAligned, dkimAligned } = await evaluateDmarc(
            author,
            [pass(method, identifier)],
            dns,
          );
          assert.equal(result, want ? "pass" : "fail", method);
          assert.deepEqual(
            { spfAligned, dkimAligned },
            { spfAligned: false, dkimAligned: false, [`${method}Aligned`]: want },
          );
        }
      });
    }
  }
});

/** B.4.3, whose suffix has a record. */
const BANK: Records = { "bank.example": "p=none; psd=y", "giant.bank.example": "p=reject" };
/** 11.8: who may sign for whom hangs on where records are. */
const DEEP: Records = { "mail.example.com": "p=reject", "example.com": "p=none" };

const CASES: readonly {
  readonly clause: string;
  readonly records: Records;
  readonly author: string;
  readonly spf?: string;
  readonly dkim?: string;
  readonly want: Partial<DmarcResult>;
}[] = [
  {
    clause: "B.4.1: the record with the fewest labels is the organization's",
    records: { "example.com": "p=reject", "signing.example.com": "p=none" },
    ...{ author: "example.com", spf: "example.com", dkim: "signing.example.com" },
    want: { spfAligned: true, dkimAligned: true, policyDomain: "example.com" },
  },
  {
    clause: "B.4.2: a deep one",
    records: { "example.com": "p=reject", "signing.example.com": "p=none" },
    author: "a.b.c.d.e.f.g.h.i.j.k.example.com",
    ...{ spf: "example.com", dkim: "signing.example.com" },
    want: { spfAligned: true, dkimAligned: true, policyDomain: "example.com" },
  },
  {
    clause: "B.4.3: organizations below a suffix that has a record",
    ...{ records: BANK, author: "giant.bank.example" },
    ...{ spf: "mail.giant.bank.example", dkim: "mail.mega.bank.example" },
    want: { spfAligned: true, dkimAligned: false, policyDomain: "giant.bank.example", policy: "reject" },
  },
  {
    clause: "4.10.2 1: psd=n is the organization",
    records: { "mail.example.com": "p=reject; psd=n", "example.com": "p=none" },
    ...{ author: "a.mail.example.com", spf: "b.mail.example.com", dkim: "example.com" },
    want: { spfAligned: true, dkimAligned: false, policyDomain: "mail.example.com" },
  },
  {
    clause: "4.10.2 1: the domain above a psd=n does not answer for it, nor that for the one above",
    records: { "mail.example.com": "p=none; psd=n", "example.com": "p=reject" },
    ...{ author: "example.com", spf: "mail.example.com", dkim: "a.mail.example.com" },
    want: { result: "fail", spfAligned: false, dkimAligned: false, policy: "reject" },
  },
  {
    clause: "4.10.2 2: one label below psd=y",
    records: { com: "p=reject; psd=y" },
    ...{ author: "a.mail.example.com", spf: "example.com", dkim: "other.com" },
    want: { spfAligned: true, dkimAligned: false, policyDomain: "com" },
  },
  {
    clause: "4.10.2 2: psd=y where the walk begins is none of its own",
    records: { com: "p=reject; psd=y" },
    ...{ author: "com", spf: "com", dkim: "example.com" },
    want: { spfAligned: true, dkimAligned: false, policyDomain: "com" },
  },
  {
    clause: "4.10.2 2: a suffix does not answer for what is below it",
    records: { com: "p=none; psd=y", "example.com": "p=reject" },
    ...{ author: "example.com", spf: "com", dkim: "com" },
    want: { result: "fail", policyDomain: "example.com" },
  },
  {
    clause: "4.10.2 2: a record below the organization does not make another one",
    records: { com: "p=none; psd=y", "mail.example.com": "p=reject" },
    ...{ author: "mail.example.com", spf: "www.example.com", dkim: "example.com" },
    want: { spfAligned: true, dkimAligned: true, policyDomain: "mail.example.com" },
  },
  {
    clause: "4.10.2 3: without a tag the fewest labels, an organization's own record or not",
    ...{ records: DEEP, author: "a.mail.example.com", spf: "mail.example.com", dkim: "evil.example.com" },
    want: { spfAligned: true, dkimAligned: true, policyDomain: "example.com", policy: "none" },
  },
  {
    clause: "11.8: strict keeps those who have a name below an organization from speaking for it",
    records: { "example.com": "p=reject; aspf=s" },
    ...{ author: "example.com", spf: "evil.example.com" },
    want: { result: "fail", spfAligned: false },
  },
  {
    clause: "4.10.2: the mode is that of the record that applies, and not the organization's",
    records: { "example.com": "p=reject; aspf=s; adkim=s", "mail.example.com": "p=reject" },
    ...{ author: "mail.example.com", spf: "example.com", dkim: "www.example.com" },
    want: { spfAligned: true, dkimAligned: true },
  },
  {
    clause: "4.10.2: an inherited record brings its mode",
    records: { "example.com": "p=reject; aspf=s" },
    ...{ author: "mail.example.com", spf: "example.com", dkim: "example.com" },
    want: { spfAligned: false, dkimAligned: true },
  },
  {
    clause: "4.10.2: no applicable record, no DMARC, also between equals",
    ...{ records: {}, author: "example.com", spf: "example.com", dkim: "example.com" },
    want: { result: "none", spfAligned: false, dkimAligned: false },
  },
  {
    clause: "4.7, sp: its own record has no sp for itself",
    records: { "example.com": "p=none", "sub.example.com": "p=quarantine; sp=reject; np=reject" },
    author: "sub.example.com",
    want: { policy: "quarantine", policyDomain: "sub.example.com" },
  },
  {
    clause: "4.7, sp: a record between is passed over",
    records: {
      ...{ "example.com": "p=none", "sub.example.com": "p=reject; sp=reject" },
      "a.sub.example.com": "exists",
    },
    author: "a.sub.example.com",
    want: { policy: "none", policyDomain: "example.com" },
  },
  {
    clause: "4.7, sp: for names that exist",
    records: { "example.com": "p=none; sp=quarantine; np=reject", "a.example.com": "exists" },
    author: "a.example.com",
    want: { policy: "quarantine" },
  },
  {
    clause: "4.7, np: for names that do not",
    records: { "example.com": "p=none; sp=quarantine; np=reject" },
    author: "a.example.com",
    want: { policy: "reject" },
  },
  {
    clause: "4.7, np: absent, sp stands for it",
    records: { "example.com": "p=none; sp=quarantine" },
    author: "a.example.com",
    want: { policy: "quarantine" },
  },
  {
    clause: "4.7, np: absent with sp, p stands for it",
    records: { "example.com": "p=quarantine" },
    author: "a.example.com",
    want: { policy: "quarantine" },
  },
  {
    clause: "4.7, np: without sp, p stands for names that exist",
    records: { "example.com": "p=quarantine; np=reject", "a.example.com": "exists" },
    author: "a.example.com",
    want: { policy: "quarantine" },
  },
  {
    clause: "4.7, np: not for the domain itself",
    records: { "example.com": "p=none; np=reject" },
    author: "example.com",
    want: { policy: "none" },
  },
  {
    clause: "4.10.1: a suffix's np for an organization that does not exist",
    records: { com: "p=none; np=reject; psd=y" },
    author: "example.com",
    want: { policy: "reject", policyDomain: "com" },
  },
  {
    clause: "4.10.1: a suffix's record is not used where the organization has one, good or bad",
    records: { com: "p=reject; psd=y", "example.com": "p=nothing" },
    author: "a.example.com",
    want: { result: "none" },
  },
  {
    clause: "4.10.1: nor is a record above the suffix",
    records: { "co.example": "p=none; psd=y", example: "p=reject" },
    author: "a.co.example",
    want: { policy: "none", policyDomain: "co.example" },
  },
  {
    clause: "4.7, t: which policy it takes a step off, is told beside it",
    records: { "example.com": "p=none; sp=reject; t=y", "a.example.com": "exists" },
    author: "a.example.com",
    want: { policy: "reject", testing: true },
  },
];

describe("records by RFC 9989", () => {
  for (const { clause, records, author, spf, dkim, want } of CASES) {
    it(`evaluateDmarc, ${clause}`, async () => {
      const found = [...(spf ? [pass("spf", spf)] : []), ...(dkim ? [pass("dkim", dkim)] : [])];
      const result = await evaluateDmarc(author, found, fixedResolver(zoneOf(records)));
      for (const [key, value] of Object.entries(want))
        assert.equal(result[key as keyof DmarcResult], value, `${key}: ${result.reason}`);
    });
  }

  /** What is asked for a domain of so many labels where there is no record at all. */
  async function walked(author: string): Promise<readonly string[]> {
    const asked: string[] = [];
    const dns: Resolver = {
      async resolve(name, type) {
        asked.push(`${type} ${name}`);
        return { status: "nxdomain" };
      },
    };
    await evaluateDmarc(author, [], dns);
    return asked.map((question) => question.replace("TXT _dmarc.", ""));
  }

  it("evaluateDmarc, 4.10: the eight queries of the example", async () => {
    assert.deepEqual(await walked("a.b.c.d.e.f.g.h.i.j.mail.example.com"), [
      "a.b.c.d.e.f.g.h.i.j.mail.example.com",
      ...["g.h.i.j.mail.example.com", "h.i.j.mail.example.com", "i.j.mail.example.com"],
      ...["j.mail.example.com", "mail.example.com", "example.com", "com"],
    ]);
  });

  it("evaluateDmarc, 4.10.1: eight labels go to the parent, nine lose two", async () => {
    const parents = ["b.c.d.e.f.g.h", "c.d.e.f.g.h", "d.e.f.g.h", "e.f.g.h", "f.g.h", "g.h", "h"];
    assert.deepEqual(await walked("a.b.c.d.e.f.g.h"), ["a.b.c.d.e.f.g.h", ...parents]);
    assert.deepEqual(await walked("z.a.b.c.d.e.f.g.h"), ["z.a.b.c.d.e.f.g.h", ...parents]);
  });

  it("evaluateDmarc, 4.7 and 4.8: the version is the first tag, its name in any letter case and its value in one", async () => {
    const resultOf = async (text: string) =>
      (await evaluateDmarc("example.com", [], fixedResolver({ "_dmarc.example.com": { TXT: [text] } })))
        .result;
    for (const text of [
      "v=DMARC1; p=none",
      "V=DMARC1;p=none",
      "v = DMARC1 ; p = none ;",
      "v\t=DMARC1;P=none",
    ])
      assert.equal(await resultOf(text), "fail", text);
    for (const text of [
      "p=none; v=DMARC1",
      "v=dmarc1; p=none",
      "v=DMARC12; p=none",
      "v=DMARC1 p=none",
      "p=none",
    ])
      assert.equal(await resultOf(text), "none", text);
  });
});
