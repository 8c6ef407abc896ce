/** The result of DMARC by the clauses of RFC 9989: which record counts, what is aligned, what DNS does not tell. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { DnsType, Resolver } from "postern";
import { fixedResolver, type Zone } from "../../../../core/dns/mod.ts";
import {
  type DmarcResult,
  evaluateDmarc,
  type Identifier,
  WALKS_MAX,
} from "../../../../plugins/auth/dmarc/evaluate-dmarc.ts";

const record = (text: string) => ({ TXT: [`v=DMARC1; ${text}`] });
const exists = { A: ["192.0.2.1"] };
const ZONE: Zone = {
  "_dmarc.org.example": record("p=reject; sp=quarantine; np=none"),
  "sub.org.example": exists,
  "alias.org.example": { CNAME: ["gone.example."], A: "nxdomain" },
  "_dmarc.strict.example": record("p=reject; adkim=s; aspf=s"),
  "_dmarc.tested.example": record("p=reject; t=y"),
  "_dmarc.bad.example": record("p=nonsense"),
  "_dmarc.reports.example": record("p=nonsense; rua=mailto:a@b.example"),
  "_dmarc.two.example": { TXT: ["v=DMARC1; p=reject", "v=DMARC1; p=none"] },
  "_dmarc.both.example": { TXT: ["v=DMARC1; p=reject; p=none", "v=DMARC1; p=quarantine"] },
  "_dmarc.twice.example": record("p=reject; p=none"),
  "_dmarc.other.example": { TXT: ["v=spf1 -all", "v=DMARC1; p=quarantine"] },
  "_dmarc.old.example": { TXT: ["v=dmarc1; p=reject"] },
  "_dmarc.suffix": record("psd=y; p=reject; sp=reject"),
  "_dmarc.own.suffix": record("p=none"),
  "_dmarc.branch.big.example": record("psd=n; p=quarantine"),
  "_dmarc.big.example": record("p=reject"),
  "_dmarc.down.example": { TXT: "servfail" },
  "_dmarc.slow.example": { TXT: "timeout" },
  "_dmarc.unsure.example": record("p=reject; sp=reject; np=none"),
  "x.unsure.example": { A: "servfail" },
};
type Given = Identifier["result"];
const spf = (domain: string, result: Given = "pass"): Identifier => ({ method: "spf", domain, result });
const dkim = (domain: string, result: Given = "pass"): Identifier => ({ method: "dkim", domain, result });

const CASES: readonly {
  readonly name: string;
  readonly author: string;
  readonly found?: readonly Identifier[];
  readonly want: Partial<DmarcResult>;
}[] = [
  // 4.10.1: which record counts.
  { name: "of no record", author: "nothing.example", want: { result: "none", policyDomain: "" } },
  { name: "of its own record", author: "org.example", want: { result: "fail", policy: "reject" } },
  {
    name: "below, where the name exists (sp)",
    author: "sub.org.example",
    want: { result: "fail", policy: "quarantine", policyDomain: "org.example" },
  },
  { name: "below, where the name does not exist (np)", author: "no.org.example", want: { policy: "none" } },
  {
    name: "below, of an alias that leads nowhere",
    author: "alias.org.example",
    want: { policy: "quarantine" },
  },
  { name: "of a record without a valid policy", author: "bad.example", want: { result: "none" } },
  {
    name: "of such a record that asks for reports",
    author: "reports.example",
    want: { result: "fail", policy: "none", policyDomain: "reports.example" },
  },
  { name: "of two records", author: "two.example", want: { result: "none" } },
  { name: "of two records, one of them with a tag twice", author: "both.example", want: { result: "none" } },
  { name: "of a record with a tag twice", author: "twice.example", want: { result: "none" } },
  { name: "of a record beside other texts", author: "other.example", want: { policy: "quarantine" } },
  { name: "of a record in another letter case", author: "old.example", want: { result: "none" } },
  { name: "of a domain that tests (4.7, t=y)", author: "tested.example", want: { testing: true } },
  {
    name: "of a public suffix, for a domain without a record",
    author: "mine.suffix",
    want: { policy: "reject", policyDomain: "suffix" },
  },
  { name: "of its own below a public suffix", author: "own.suffix", want: { policy: "none" } },
  // 4.10.2 and 4.4: alignment.
  {
    name: "with SPF of the same domain",
    author: "org.example",
    found: [spf("org.example")],
    want: { result: "pass", spfAligned: true, dkimAligned: false },
  },
  {
    name: "with DKIM of a domain of the same organization",
    author: "a.org.example",
    found: [dkim("b.c.org.example")],
    want: { result: "pass", spfAligned: false, dkimAligned: true },
  },
  {
    name: "with both of the organization itself",
    author: "a.org.example",
    found: [spf("org.example"), dkim("org.example")],
    want: { result: "pass", spfAligned: true, dkimAligned: true },
  },
  {
    name: "with SPF of another domain",
    author: "org.example",
    found: [spf("x.example")],
    want: { result: "fail" },
  },
  {
    name: "with DKIM of a name that only ends alike",
    author: "org.example",
    found: [dkim("notorg.example")],
    want: { result: "fail" },
  },
  {
    name: "with DKIM of a domain below, which is strict",
    author: "strict.example",
    found: [dkim("mail.strict.example"), spf("mail.strict.example")],
    want: { result: "fail", dkimAligned: false, spfAligned: false },
  },
  {
    name: "with DKIM of the very domain, which is strict",
    author: "strict.example",
    found: [dkim("strict.example")],
    want: { result: "pass" },
  },
  {
    name: "with DKIM of another domain below the same public suffix",
    author: "mine.suffix",
    found: [dkim("yours.suffix")],
    want: { result: "fail" },
  },
  {
    name: "with DKIM of the domain above a branch of its own (psd=n)",
    author: "branch.big.example",
    found: [dkim("big.example")],
    want: { result: "fail", policy: "quarantine" },
  },
  // 5.3.6: what DNS does not tell.
  { name: "where DNS fails", author: "down.example", want: { result: "temperror" } },
  { name: "where DNS is silent", author: "slow.example", want: { result: "temperror" } },
  {
    name: "where DKIM of the domain may yet pass",
    author: "org.example",
    found: [dkim("org.example", "temperror")],
    want: { result: "temperror" },
  },
  {
    name: "where SPF passes and DKIM may yet",
    author: "org.example",
    found: [dkim("org.example", "temperror"), spf("org.example")],
    want: { result: "pass" },
  },
  {
    name: "where a domain that has nothing to do with it may yet pass",
    author: "org.example",
    found: [dkim("x.example", "temperror")],
    want: { result: "fail" },
  },
  {
    name: "where nobody says whether the name exists",
    author: "x.unsure.example",
    want: { result: "temperror" },
  },
];

describe("evaluateDmarc()", () => {
  for (const { name, author, found = [], want } of CASES) {
    it(`tells ${want.result ?? want.policy ?? "the tags"} ${name}`, async () => {
      const result = await evaluateDmarc(author, found, fixedResolver(ZONE));
      for (const [key, value] of Object.entries(want))
        assert.equal(result[key as keyof DmarcResult], value, key);
    });
  }

  /** Counts what is asked. */
  function counting(zone: Zone): { readonly dns: Resolver; readonly asked: string[] } {
    const inner = fixedResolver(zone);
    const asked: string[] = [];
    const resolve = (name: string, type: DnsType) => {
      asked.push(`${type} ${name}`);
      return inner.resolve(name, type);
    };
    return { dns: { resolve }, asked };
  }

  it("asks once where the domain has a record and has signed", async () => {
    const { dns, asked } = counting(ZONE);
    await evaluateDmarc("org.example", [dkim("org.example")], dns);
    assert.deepEqual(asked, ["TXT _dmarc.org.example"]);
  });

  it("asks eight names of a walk at most (4.10), and none twice", async () => {
    const { dns, asked } = counting({});
    const author = `${"a.".repeat(60)}long.example`;
    await evaluateDmarc(author, [], dns);
    assert.equal(asked.length, 8);
    assert.equal(new Set(asked).size, 8);
    assert.equal(asked[1], "TXT _dmarc.a.a.a.a.a.long.example");
  });

  it("compares a bounded number of domains, and then does not know", async () => {
    const many = Array.from({ length: 100 }, (_, n) => dkim(`s${n}.other.org.example`));
    const branches: Zone = Object.fromEntries(
      many.map(({ domain }) => [`_dmarc.${domain}`, { TXT: ["v=DMARC1; psd=n; p=none"] }]),
    );
    const bounded = counting({ ...ZONE, ...branches });
    const result = await evaluateDmarc("org.example", many, bounded.dns);
    assert.equal(result.result, "temperror");
    assert.ok(bounded.asked.length <= 1 + 8 + WALKS_MAX * 8, String(bounded.asked.length));
  });
});
