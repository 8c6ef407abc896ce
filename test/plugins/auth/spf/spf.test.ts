import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { defineGateway, type FactValue, mailbox, pipeline } from "postern";
import { createMemorySpool, createTestGateway, type Injection, type TestOptions } from "postern/testing";
import { fixedResolver, type Zone } from "../../../../core/dns/mod.ts";
import type { Spf } from "../../../../plugins/auth/auth-results.ts";
import { type SpfOptions, spf } from "../../../../plugins/auth/spf/spf.ts";
import { headers, smtpAuth } from "../../../../plugins/mod.ts";
import { assertOptionError, faultsOf, hastyClock, replyText, toBackend } from "../../fakes.ts";

const ZONE: Zone = {
  "outside.example": { TXT: ["v=spf1 ip4:192.0.2.1 exp=why.outside.example -all"] },
  "why.outside.example": { TXT: ["not from %{i}, says %{r}"] },
  "mail.helo.example": { TXT: ["v=spf1 ip4:192.0.2.1 -all"] },
  "wrong.example": { TXT: ["v=spf1 nonsense"] },
  "down.example": { TXT: "servfail" },
  "xn--bcher-kva.example": { TXT: ["v=spf1 exists:%{o}.list.example -all"] },
  "xn--bcher-kva.example.list.example": { A: ["127.0.0.2"] },
};

interface Given {
  readonly options?: SpfOptions;
  readonly injection?: Partial<Injection>;
  readonly test?: TestOptions;
  readonly upstreams?: readonly string[];
}

async function inject({ options = {}, injection = {}, test: given = {}, upstreams }: Given) {
  const gateway = await createTestGateway(
    defineGateway({
      domains: ["inside.example"],
      listeners: [
        {
          address: "0.0.0.0:0",
          trustedNetworks: ["198.51.100.0/24"],
          ...(upstreams ? { upstreams: [...upstreams] } : {}),
        },
      ],
      pipeline: pipeline(
        smtpAuth({ verify: ({ user }) => ({ user }) }),
        headers({
          remove: ["Received"],
          allowProtected: ["Received"],
          add: [{ name: "From", value: "x@y.example" }],
        }),
        spf(options),
        toBackend,
      ),
      nextHops: { backend: mailbox() },
    }),
    { dns: fixedResolver(ZONE), ...given },
  );
  const outcome = await gateway.inject({
    client: { ip: "192.0.2.1", ehlo: "mail.helo.example" },
    reversePath: "a@outside.example",
    recipients: ["b@inside.example"],
    content: "From: a@outside.example\n\nHello\n",
    ...injection,
  });
  return { outcome, fact: outcome.facts.spf as FactValue<typeof Spf> };
}

const stranger = { client: { ip: "192.0.2.9", ehlo: "mail.helo.example" } };
const behind = (ip: string) =>
  `Received: from x ([${ip}]) by front.example; Thu, 1 Jan 2026 00:00:00 +0000\nFrom: a@outside.example\n\nHello\n`;

const RESULTS: readonly (Given & { name: string; want: Partial<FactValue<typeof Spf>> })[] = [
  { name: "of the reverse-path", want: { result: "pass", domain: "outside.example", identity: "mailfrom" } },
  { name: "of another client", injection: stranger, want: { result: "fail", explanation: "" } },
  {
    name: "of HELO where the reverse-path is null",
    injection: { reversePath: "" },
    want: { result: "pass", domain: "mail.helo.example", identity: "helo" },
  },
  {
    name: "of a HELO that is an address",
    injection: { reversePath: "", client: { ip: "192.0.2.1", ehlo: "[192.0.2.1]" } },
    want: {
      result: "none",
      domain: "",
      identity: "helo",
      reason: "null reverse-path, and no name of a domain in HELO",
    },
  },
  {
    name: "of a HELO that is hostile",
    injection: { reversePath: "", client: { ip: "192.0.2.1", ehlo: "a b;c" } },
    want: { result: "none", domain: "" },
  },
  {
    name: "of a domain in U-labels",
    injection: { reversePath: "a@b\u00fccher.example", parameters: { smtputf8: true } },
    want: { result: "pass", domain: "xn--bcher-kva.example" },
  },
  {
    name: "of a domain that is an address",
    injection: { reversePath: "a@[192.0.2.1]" },
    want: { result: "none" },
  },
  {
    name: "of a domain without a record",
    injection: { reversePath: "a@plain.example" },
    want: { result: "none" },
  },
  { name: "of a wrong record", injection: { reversePath: "a@wrong.example" }, want: { result: "permerror" } },
  { name: "with failing DNS", injection: { reversePath: "a@down.example" }, want: { result: "temperror" } },
  {
    name: "of a client in a trusted network",
    injection: { client: { ip: "198.51.100.7" } },
    want: { result: "none", reason: "the client is in a trusted network" },
  },
  {
    name: "of a client in a trusted network, where none is skipped",
    options: { skip: [] },
    injection: { client: { ip: "198.51.100.7" } },
    want: { result: "fail" },
  },
  {
    name: "of a sender that logged in",
    injection: { ...stranger, login: { user: "a@outside.example", password: "x" } },
    want: { result: "none", reason: "the sender is authenticated" },
  },
  {
    name: "of the client behind an upstream",
    upstreams: ["203.0.113.5"],
    injection: { client: { ip: "203.0.113.5" }, content: behind("192.0.2.1") },
    want: { result: "pass" },
  },
  {
    name: "of another client behind an upstream",
    upstreams: ["203.0.113.5"],
    injection: { client: { ip: "203.0.113.5" }, content: behind("192.0.2.9") },
    want: { result: "fail" },
  },
  {
    name: "of the HELO of an upstream, which is not the client's",
    upstreams: ["203.0.113.5"],
    injection: {
      client: { ip: "203.0.113.5", ehlo: "mail.helo.example" },
      reversePath: "",
      content: behind("192.0.2.1"),
    },
    want: { result: "none", identity: "helo" },
  },
  {
    name: "with an explanation",
    options: { explanation: "record", receiver: "mx.inside.example" },
    injection: stranger,
    want: { result: "fail", explanation: "not from 192.0.2.9, says mx.inside.example" },
  },
];

for (const { name, want, ...given } of RESULTS) {
  test(`spf provides ${want.result} ${name}`, async () => {
    const { outcome, fact } = await inject(given);
    assert.equal(outcome.reply.code, 250);
    for (const [key, value] of Object.entries(want))
      assert.equal(fact[key as keyof typeof fact], value, fact.reason);
  });
}

const VERDICTS: readonly (Given & { name: string; want: string })[] = [
  { name: "a pass", options: { onFail: "reject" }, want: "250 2.0.0 Message accepted" },
  {
    name: "a fail",
    options: { onFail: "reject" },
    injection: stranger,
    want: "550 5.7.23 SPF of the sender's domain does not allow this client",
  },
  {
    name: "a fail, in the domain's own words",
    options: { onFail: "reject", explanation: "reply" },
    injection: stranger,
    want: "550 5.7.23 SPF of the sender's domain does not allow this client; outside.example explains: not from 192.0.2.9, says unknown",
  },
  {
    name: "a fail without words",
    options: { onFail: "reject", explanation: "record" },
    injection: stranger,
    want: "550 5.7.23 SPF of the sender's domain does not allow this client",
  },
  {
    name: "a permerror",
    options: { onPermerror: "reject" },
    injection: { reversePath: "a@wrong.example" },
    want: "550 5.7.24 The SPF record of the sender's domain can not be read",
  },
  {
    name: "a temperror",
    options: { onTemperror: "tempfail" },
    injection: { reversePath: "a@down.example" },
    want: "451 4.7.24 SPF of the sender's domain can not be checked now",
  },
];

for (const { name, want, ...given } of VERDICTS) {
  test(`spf answers '${want.slice(0, 10)}' to ${name}, RFC 7372 3.2`, async () => {
    assert.equal(replyText((await inject(given)).outcome), want);
  });
}

test("spf holds a fail where it is told to", async () => {
  const spool = createMemorySpool({ durable: true });
  const { outcome } = await inject({
    options: { onFail: "quarantine" },
    injection: stranger,
    test: { spool },
  });
  assert.equal(outcome.recipients[0]?.outcome, "quarantined");
});

test("spf does not start with 'quarantine' where nothing can be held", async () => {
  await assert.rejects(inject({ options: { onFail: "quarantine" } }), /needs a durable spool/);
});

describe("spf, when DNS is dead,", () => {
  const dead: TestOptions = {
    clock: hastyClock(),
    dns: {
      resolve: (_name, _type, signal) =>
        new Promise((_, refuse) => signal?.addEventListener("abort", () => refuse(signal.reason))),
    },
  };

  test("provides temperror within its own time", async () => {
    const { outcome, fact } = await inject({ test: dead });
    assert.equal(outcome.reply.code, 250);
    assert.deepEqual(faultsOf(outcome), []);
    assert.deepEqual([fact.result, fact.reason], ["temperror", "DNS: timeout for TXT of outside.example"]);
  });

  test("does what its options say", async () => {
    const { outcome } = await inject({ options: { onTemperror: "tempfail", dnsTime: "1s" }, test: dead });
    assert.equal(outcome.reply.enhanced, "4.7.24");
  });
});

test("spf tempfails a message when DNS throws what it should not", async () => {
  const dns = { resolve: () => Promise.reject(new Error("rubbish")) };
  const { outcome } = await inject({ test: { dns } });
  assert.equal(outcome.reply.code, 451);
  assert.deepEqual(faultsOf(outcome), ["data spf: rubbish (tempfail)"]);
});

for (const [options, want] of [
  [{ skip: ["all"] }, "spf: skip[0]: found \"all\", expected 'authenticated' or 'trusted'"],
  [{ onFail: "tempfail" }, "spf: onFail: found \"tempfail\", expected 'record', 'reject' or 'quarantine'"],
  [{ onPermerror: 1 }, "spf: onPermerror: found 1, expected 'record' or 'reject'"],
  [{ onTemperror: "reject" }, "spf: onTemperror: found \"reject\", expected 'record' or 'tempfail'"],
  [{ explanation: true }, "spf: explanation: found true, expected 'ignore', 'record' or 'reply'"],
  [{ voidLookUpsMax: 11 }, "spf: voidLookUpsMax: found 11, expected a whole number from 0 to 10"],
  [{ receiver: "a b" }, 'spf: receiver: found "a b", expected the name of a domain'],
  [
    { dnsTime: "10s" },
    "spf: dnsTime: found \"10s\", expected milliseconds, or a time as '3s', from 100ms to 9s",
  ],
  [{ dnsTime: 0 }, "spf: dnsTime: found 0, expected milliseconds, or a time as '3s', from 100ms to 9s"],
  [
    { lookUps: 3 },
    "spf: lookUps: found an unknown option, expected one of: skip, onFail, onPermerror, onTemperror, explanation, voidLookUpsMax, receiver, dnsTime",
  ],
] as const) {
  test(`spf tells the wrong option ${JSON.stringify(options)}`, () => {
    assertOptionError(() => spf(options as never), [want]);
  });
}
