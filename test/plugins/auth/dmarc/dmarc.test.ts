/** What `dmarc` makes of the results of SPF and DKIM, as a gateway answers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { defineGateway, definePlugin, type FactValue, mailbox, pipeline } from "postern";
import { createMemorySpool, createTestGateway, type Injection, type TestOptions } from "postern/testing";
import { fixedResolver, type Zone } from "../../../../core/dns/mod.ts";
import { Arc, Dkim, type Dmarc, Spf } from "../../../../plugins/auth/auth-results.ts";
import { type DmarcOptions, dmarc } from "../../../../plugins/auth/dmarc/dmarc.ts";
import { smtpAuth } from "../../../../plugins/mod.ts";
import { assertOptionError, replyText, toBackend } from "../../fakes.ts";

const ZONE: Zone = {
  "_dmarc.rejects.example": { TXT: ["v=DMARC1; p=reject"] },
  "_dmarc.holds.example": { TXT: ["v=DMARC1; p=quarantine"] },
  "_dmarc.tests.example": { TXT: ["v=DMARC1; p=reject; t=y"] },
  "_dmarc.looks.example": { TXT: ["v=DMARC1; p=none"] },
  "_dmarc.down.example": { TXT: "servfail" },
  "_dmarc.xn--bcher-kva.example": { TXT: ["v=DMARC1; p=reject"] },
};

interface Given {
  readonly options?: DmarcOptions;
  readonly from?: string;
  readonly found?: { readonly spf?: string; readonly dkim?: string; readonly sealer?: string };
  readonly injection?: Partial<Injection>;
  readonly test?: TestOptions;
}

/** Says of SPF, DKIM and ARC what a case has found. */
const results = ({ spf, dkim, sealer }: NonNullable<Given["found"]>) =>
  definePlugin({
    name: "results",
    provides: [Spf, Dkim, Arc],
    data(ctx) {
      ctx.provide(Spf, { ...Spf.fallback, ...(spf ? { result: "pass", domain: spf } : {}) });
      const signature = {
        ...{ result: "pass" as const, reason: "", domain: dkim ?? "", selector: "s", identity: `@${dkim}` },
        ...{ algorithm: "rsa-sha256", signature: "abc", unsignedBytes: 0 },
      } as const;
      ctx.provide(Dkim, { signatures: dkim ? [signature] : [], unchecked: 0 });
      const set = {
        sealer: sealer ?? "",
        selector: "s",
        dmarc: "pass",
        headerFrom: "",
        remoteIp: "",
      } as const;
      const chain = { result: "pass" as const, instance: 1, sealer: set.sealer, sets: [set] };
      ctx.provide(Arc, { ...Arc.fallback, ...(sealer ? chain : {}) });
    },
  });

async function inject({
  options = {},
  from = "a@rejects.example",
  found = {},
  injection,
  test: given,
}: Given) {
  const gateway = await createTestGateway(
    defineGateway({
      domains: ["inside.example"],
      listeners: [{ address: "0.0.0.0:0", trustedNetworks: ["198.51.100.0/24"] }],
      pipeline: pipeline(
        smtpAuth({ verify: ({ user }) => ({ user, maySendAs: ["@rejects.example"] }) }),
        results(found),
        dmarc(options),
        toBackend,
      ),
      nextHops: { backend: mailbox() },
    }),
    { dns: fixedResolver(ZONE), ...given },
  );
  const outcome = await gateway.inject({
    client: { ip: "192.0.2.1" },
    reversePath: "a@rejects.example",
    recipients: ["b@inside.example"],
    content: `From: ${from}\n\nHello\n`,
    ...injection,
  });
  return { outcome, fact: outcome.facts.dmarc as FactValue<typeof Dmarc> };
}

const REJECTED = "550 5.7.1 Rejected by the DMARC policy for rejects.example";
const ACCEPTED = "250 2.0.0 Message accepted";
const NO_DOMAIN = "550 5.7.1 The From field must be one, with addresses of one domain";

const CASES: readonly (Given & {
  readonly name: string;
  readonly reply: string;
  readonly want: Partial<FactValue<typeof Dmarc>>;
})[] = [
  {
    name: "a fail of a domain that wants it rejected",
    reply: REJECTED,
    want: { result: "fail", disposition: "reject", override: "" },
  },
  {
    name: "SPF of that domain",
    found: { spf: "rejects.example" },
    reply: ACCEPTED,
    want: { result: "pass", spfAligned: true, dkimAligned: false },
  },
  {
    name: "DKIM of a domain below it",
    found: { dkim: "mail.rejects.example", spf: "x.example" },
    reply: ACCEPTED,
    want: { result: "pass", spfAligned: false, dkimAligned: true },
  },
  {
    name: "SPF and DKIM of other domains",
    found: { spf: "x.example", dkim: "y.example" },
    reply: REJECTED,
    want: { result: "fail" },
  },
  {
    name: "a domain in U-labels",
    from: "a@bücher.example",
    reply: REJECTED.replace("rejects", "xn--bcher-kva"),
    want: { headerFrom: "xn--bcher-kva.example" },
  },
  { name: "a domain without a record", from: "a@plain.example", reply: ACCEPTED, want: { result: "none" } },
  {
    name: "a domain that only looks",
    from: "a@looks.example",
    reply: ACCEPTED,
    want: { result: "fail", disposition: "none" },
  },
  {
    name: "a domain that only tests, where nothing can be held",
    from: "a@tests.example",
    reply: ACCEPTED,
    want: { result: "fail", testing: true, disposition: "none" },
  },
  {
    name: "a domain that wants it held, where nothing can be held",
    from: "a@holds.example",
    reply: ACCEPTED,
    want: { disposition: "none", override: "there is nowhere to hold it" },
  },
  {
    name: "the same, to be rejected then",
    options: { onQuarantine: "reject" },
    from: "a@holds.example",
    reply: REJECTED.replace("rejects", "holds"),
    want: { disposition: "reject", override: "what should be held is rejected here" },
  },
  {
    name: "a fail where they are only recorded",
    options: { policy: "record" },
    reply: ACCEPTED,
    want: { result: "fail", policy: "reject", override: "failures are only recorded here" },
  },
  {
    name: "a fail of a domain with a rule of its own",
    options: { overrides: { "rejects.example": "none" } },
    reply: ACCEPTED,
    want: { result: "fail", override: "this domain has a rule here" },
  },
  {
    name: "a fail by way of a trusted forwarder",
    options: { trustedForwarders: { networks: ["192.0.2.0/24"] } },
    reply: ACCEPTED,
    want: { result: "fail", override: "the client is a trusted forwarder" },
  },
  {
    name: "a fail under the seal of a trusted forwarder",
    options: { trustedForwarders: { sealers: ["list.example"] } },
    found: { sealer: "list.example" },
    reply: ACCEPTED,
    want: { override: "local_policy: arc=pass as[1].d=list.example as[1].s=s" },
  },
  {
    name: "a fail under the seal of somebody else",
    options: { trustedForwarders: { sealers: ["list.example"] } },
    found: { sealer: "liar.example" },
    reply: REJECTED,
    want: { disposition: "reject" },
  },
  {
    name: "failing DNS",
    from: "a@down.example",
    reply: "451 4.7.1 DMARC of the domain in From can not be checked now",
    want: { result: "temperror" },
  },
  {
    name: "failing DNS, to be taken",
    options: { onTemperror: "accept" },
    from: "a@down.example",
    reply: ACCEPTED,
    want: { result: "temperror" },
  },
  {
    name: "a sender that logged in",
    injection: { login: { user: "ann", password: "x" } },
    reply: ACCEPTED,
    want: { result: "none", reason: "the sender is authenticated" },
  },
  {
    name: "a client in a trusted network",
    injection: { client: { ip: "198.51.100.7" } },
    reply: ACCEPTED,
    want: { result: "none", reason: "the client is in a trusted network" },
  },
  // RFC 9989 5.3.1 and 11.5: what nobody can tell the domain of.
  ...[
    { name: "no From field", content: "Subject: x\n\nHello\n" },
    { name: "two From fields", content: "From: a@plain.example\nFrom: a@rejects.example\n\nHello\n" },
    { name: "two domains in From", content: "From: a@plain.example, b@rejects.example\n\nHello\n" },
    { name: "a From field without an address", content: "From: nobody\n\nHello\n" },
    { name: "an encoded word for a domain", content: "From: a@=?utf-8?q?rejects.example?=\n\nHello\n" },
    { name: "an address in a From field that does not parse", content: "From: <a@plain.example\n\nHello\n" },
  ].map(({ name, content }) => ({
    ...{ name, injection: { content }, reply: NO_DOMAIN },
    want: { result: "permerror", disposition: "reject" } as const,
  })),
  {
    name: "two domains in From, to be taken",
    options: { onUnusableFrom: "record" },
    from: "a@plain.example, b@rejects.example",
    reply: ACCEPTED,
    want: { result: "permerror", disposition: "none" },
  },
  {
    name: "several addresses of one domain",
    from: "a@rejects.example, B <b@REJECTS.example>",
    found: { dkim: "rejects.example" },
    reply: ACCEPTED,
    want: { result: "pass" },
  },
];

for (const { name, reply, want, ...given } of CASES) {
  test(`dmarc answers ${reply.slice(0, 3)} to ${name}`, async () => {
    const { outcome, fact } = await inject(given);
    assert.equal(replyText(outcome), reply);
    for (const [key, value] of Object.entries(want))
      assert.equal(fact[key as keyof typeof fact], value, fact.reason);
  });
}

for (const { name, ...given } of [
  { name: "what its domain wants held", from: "a@holds.example" },
  { name: "what its domain tests to have rejected", from: "a@tests.example" },
  { name: "what should be rejected, by option", options: { policy: "quarantine" } },
] as const) {
  test(`dmarc holds ${name}, where there is a durable spool`, async () => {
    const { outcome, fact } = await inject({
      ...given,
      test: { spool: createMemorySpool({ durable: true }) },
    });
    assert.equal(outcome.recipients[0]?.outcome, "quarantined");
    assert.equal(fact.disposition, "quarantine");
  });
}

test("dmarc does not start with 'quarantine' where nothing can be held", async () => {
  await assert.rejects(inject({ options: { policy: "quarantine" } }), /needs a durable spool/);
});

for (const [options, want] of [
  [{ policy: "reject" }, "dmarc: policy: found \"reject\", expected 'obey', 'quarantine' or 'record'"],
  [{ onTemperror: "reject" }, "dmarc: onTemperror: found \"reject\", expected 'tempfail' or 'accept'"],
  [{ onUnusableFrom: 1 }, "dmarc: onUnusableFrom: found 1, expected 'reject' or 'record'"],
  [
    { trustedForwarders: { networks: ["x"] } },
    "dmarc: trustedForwarders.networks[0]: found \"x\", expected an address or a range as '192.0.2.0/24'",
  ],
] as const) {
  test(`dmarc tells the wrong option ${JSON.stringify(options)}`, () => {
    assertOptionError(() => dmarc(options as never), [want]);
  });
}
