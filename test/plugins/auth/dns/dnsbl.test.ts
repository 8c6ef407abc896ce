import assert from "node:assert/strict";
import { test } from "node:test";
import { defineGateway, type FactValue, mailbox, pipeline, type Resolver } from "postern";
import { createTestGateway, type TestOptions } from "postern/testing";
import { fixedResolver, type Zone } from "../../../../core/dns/mod.ts";
import type { Dnsbl } from "../../../../plugins/auth/auth-results.ts";
import { type DnsblOptions, dnsbl } from "../../../../plugins/auth/dns/dnsbl.ts";
import { assertOptionError, hastyClock, replyText, toBackend } from "../../fakes.ts";

const BAD = "192.0.2.9";
const of = (zone: string, answer: Zone[string]["A"]): Zone => ({ [`9.2.0.192.${zone}`]: { A: answer! } });
const v6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bad.example";

interface Given {
  readonly zone: Zone;
  readonly lists: DnsblOptions["lists"];
  readonly options?: Omit<DnsblOptions, "lists">;
  readonly ip?: string;
  readonly content?: string;
  readonly test?: TestOptions;
}

async function inject({ zone, lists, options = {}, ip = BAD, content, test: given }: Given) {
  const asked: string[] = [];
  const fixed = fixedResolver(zone);
  const dns: Resolver = {
    resolve(name, type, signal) {
      asked.push(`${name} ${type}`);
      return fixed.resolve(name, type, signal);
    },
  };
  const gateway = await createTestGateway(
    defineGateway({
      domains: ["inside.example"],
      listeners: [{ address: "0.0.0.0:0", upstreams: ["203.0.113.5"] }],
      pipeline: pipeline(dnsbl({ lists, ...options }), toBackend),
      nextHops: { backend: mailbox() },
    }),
    { dns, ...given },
  );
  const outcome = await gateway.inject({
    client: { ip },
    reversePath: "a@outside.example",
    recipients: ["b@inside.example"],
    content: content ?? "From: a@outside.example\n\nHello\n",
  });
  return { outcome, asked, fact: outcome.facts.dnsbl as FactValue<typeof Dnsbl> | undefined };
}

const one = [{ zone: "bad.example" }];
const withGood = [...one, { zone: "good.example", kind: "allow" }] as const;
const LISTED = "550 5.7.1 The client's address is listed by bad.example";
const LATER = "451 4.7.1 The client's address can not be looked up now";
const TAKEN = "250 2.0.0 Message accepted";

const CASES: readonly (Given & { name: string; want: string })[] = [
  { name: "a client in no list", zone: {}, lists: one, want: TAKEN },
  { name: "a listed client (2.1)", zone: of("bad.example", ["127.0.0.2"]), lists: one, want: LISTED },
  {
    name: "a listed IPv6 client (2.4)",
    zone: { [v6]: { A: ["127.0.0.2"] } },
    ip: "2001:db8::1",
    lists: one,
    want: LISTED,
  },
  {
    name: "an answer that does not count",
    zone: of("bad.example", ["127.0.0.10"]),
    lists: [{ zone: "bad.example", answers: ["127.0.0.2-127.0.0.9"] }],
    want: TAKEN,
  },
  {
    name: "an answer of a range that counts",
    zone: of("bad.example", ["127.0.0.10", "127.0.0.4"]),
    lists: [{ zone: "bad.example", answers: ["127.0.0.2-127.0.0.9"] }],
    want: LISTED,
  },
  ...["127.255.255.254", "127.255.255.0", "127.0.0.1", "192.0.2.1", "rubbish", "::ffff:127.0.0.2"].map(
    (answer) => ({
      name: `the answer ${answer}, which is an error (5)`,
      zone: of("bad.example", ["127.0.0.2", answer]),
      lists: one,
      want: TAKEN,
    }),
  ),
  {
    name: "an error of a list that must answer",
    zone: of("bad.example", ["127.255.255.254"]),
    lists: [{ zone: "bad.example", onError: "tempfail" }],
    want: LATER,
  },
  { name: "a list that is down", zone: of("bad.example", "servfail"), lists: one, want: TAKEN },
  {
    name: "a list that is silent and must answer",
    zone: of("bad.example", "timeout"),
    lists: [{ zone: "bad.example", onError: "tempfail" }],
    want: LATER,
  },
  {
    name: "a client in an allow list too",
    zone: { ...of("bad.example", ["127.0.0.2"]), ...of("good.example", ["127.0.0.3"]) },
    lists: withGood,
    want: TAKEN,
  },
  {
    name: "a listed client while an allow list is down",
    zone: { ...of("bad.example", ["127.0.0.2"]), ...of("good.example", "servfail") },
    lists: withGood,
    want: LISTED,
  },
  {
    name: "a listed client while an allow list that must answer is down",
    zone: { ...of("bad.example", ["127.0.0.2"]), ...of("good.example", "servfail") },
    lists: [...one, { zone: "good.example", kind: "allow", onError: "tempfail" }],
    want: LATER,
  },
  {
    name: "a listed client that is only recorded",
    zone: of("bad.example", ["127.0.0.2"]),
    lists: one,
    options: { onListed: "record" },
    want: TAKEN,
  },
  {
    name: "a listed client that is put off",
    zone: of("bad.example", ["127.0.0.2"]),
    lists: one,
    options: { onListed: "tempfail" },
    want: "451 4.7.1 The client's address is listed by bad.example",
  },
  {
    name: "more answers than a list has",
    zone: of(
      "bad.example",
      Array.from({ length: 4_000 }, () => "127.0.0.2"),
    ),
    lists: one,
    want: TAKEN,
  },
];
for (const { name, want, ...given } of CASES) {
  test(`dnsbl answers '${want.slice(0, 9)}' to ${name}, RFC 5782`, async () => {
    assert.equal(replyText((await inject(given)).outcome), want);
  });
}

test("dnsbl provides what each list says", async () => {
  const { fact } = await inject({
    zone: {
      ...of("bad.example", ["127.0.0.2", "127.0.0.3"]),
      ...of("good.example", ["127.0.0.3"]),
      ...of("gone.example", ["127.255.255.254"]),
    },
    lists: [...withGood, { zone: "gone.example" }],
  });
  assert.deepEqual(fact, {
    listed: [{ zone: "bad.example", answers: ["127.0.0.2", "127.0.0.3"] }],
    allowed: ["good.example"],
    errors: [{ zone: "gone.example", reason: "the answer 127.255.255.254" }],
  });
});

test("dnsbl refuses a client that speaks for itself at MAIL, before any content", async () => {
  const { outcome, asked } = await inject({ zone: of("bad.example", ["127.0.0.2"]), lists: one });
  assert.deepEqual(asked, ["9.2.0.192.bad.example A"]);
  assert.deepEqual(
    (outcome.trace?.entries ?? []).flatMap((entry) => ("stage" in entry ? [entry.stage] : [])),
    ["mail"],
  );
});

test("dnsbl asks nobody about private addresses and loopback", async () => {
  for (const ip of ["10.1.2.3", "127.0.0.1", "fd00::1", "::1", "169.254.1.1"]) {
    const { asked, outcome } = await inject({ zone: {}, lists: one, ip });
    assert.deepEqual([asked, outcome.reply.code], [[], 250], ip);
  }
});

const behind = (ip: string) =>
  `Received: from x ([${ip}]) by front.example; Thu, 1 Jan 2026 00:00:00 +0000\nFrom: a@x.example\n\nHello\n`;

test("dnsbl asks in data about the client behind an upstream, and never about the upstream", async () => {
  const zone = { ...of("bad.example", ["127.0.0.2"]), "5.113.0.203.bad.example": { A: ["127.0.0.2"] } };
  const listed = await inject({ zone, lists: one, ip: "203.0.113.5", content: behind(BAD) });
  assert.equal(replyText(listed.outcome), LISTED);
  assert.deepEqual(listed.asked, ["9.2.0.192.bad.example A"]);
  const own = await inject({ zone, lists: one, ip: "203.0.113.5" });
  assert.deepEqual([own.outcome.reply.code, own.asked], [250, []]);
});

test("dnsbl goes on with an error when DNS is dead, or puts the message off where it must have an answer", async () => {
  const dead: TestOptions = {
    clock: hastyClock(),
    dns: {
      resolve: (_name, _type, signal) =>
        new Promise((_, refuse) => signal?.addEventListener("abort", () => refuse(signal.reason))),
    },
  };
  const { outcome, fact } = await inject({ zone: {}, lists: one, test: dead });
  assert.equal(outcome.reply.code, 250);
  assert.deepEqual(fact?.errors, [{ zone: "bad.example", reason: "DNS: timeout" }]);
  const must = [{ zone: "bad.example", onError: "tempfail" }] as const;
  assert.equal(replyText((await inject({ zone: {}, lists: must, test: dead })).outcome), LATER);
});

for (const [options, want] of [
  [{ lists: [] }, "dnsbl: lists: found an empty list, expected at least one list"],
  [
    { lists: [{ zone: "a b" }] },
    "dnsbl: lists[0].zone: found \"a b\", expected the name of a zone, as 'list.example'",
  ],
  [
    { lists: [{ zone: "a.example", answers: ["192.0.2.1"] }] },
    "dnsbl: lists[0].answers[0]: found \"192.0.2.1\", expected an address of 127.0.0.0/8 such as '127.0.0.2', or a range '127.0.0.2-127.0.0.11'",
  ],
  [
    { lists: [{ zone: "a.example", kind: "good" }] },
    "dnsbl: lists[0].kind: found \"good\", expected 'block' or 'allow'",
  ],
] as const) {
  test(`dnsbl tells the wrong option ${JSON.stringify(options)}`, () => {
    assertOptionError(() => dnsbl(options as never), [want]);
  });
}
