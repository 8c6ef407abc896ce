import assert from "node:assert/strict";
import { test } from "node:test";
import { defineGateway, type FactValue, mailbox, pipeline, type Resolver } from "postern";
import { createTestGateway } from "postern/testing";
import { fixedResolver, type Zone } from "../../../../core/dns/mod.ts";
import type { Iprev } from "../../../../plugins/auth/auth-results.ts";
import { type IprevOptions, iprev } from "../../../../plugins/auth/dns/iprev.ts";
import { assertOptionError, faultsOf, hastyClock, replyText, toBackend } from "../../fakes.ts";

const v6Reverse = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
const many = Array.from({ length: 5_000 }, (_, n) => `h${n}.example.`);
const ZONE: Zone = {
  "1.2.0.192.in-addr.arpa": { PTR: ["other.example.", "Mail.example."] },
  "mail.example": { A: ["192.0.2.7", "192.0.2.1"], AAAA: ["2001:db8::1"] },
  [v6Reverse]: { PTR: ["mail.example."] },
  "2.2.0.192.in-addr.arpa": { PTR: ["other.example."] },
  "other.example": { A: ["192.0.2.99"] },
  "4.2.0.192.in-addr.arpa": { PTR: "servfail" },
  "5.2.0.192.in-addr.arpa": { PTR: ["other.example.", "down.example."] },
  "down.example": { A: "timeout" },
  "6.2.0.192.in-addr.arpa": { PTR: many },
  "7.2.0.192.in-addr.arpa": { PTR: ["none.example."] },
  "8.2.0.192.in-addr.arpa": { PTR: ["a b.example.", "\\000.example.", ".", "[192.0.2.8]."] },
  "9.2.0.192.in-addr.arpa": { PTR: [] },
};

async function inject(
  ip: string,
  options: IprevOptions = {},
  dns: Resolver = fixedResolver(ZONE),
  clock = {},
) {
  const gateway = await createTestGateway(
    defineGateway({
      domains: ["inside.example"],
      pipeline: pipeline(iprev(options), toBackend),
      nextHops: { backend: mailbox() },
    }),
    { dns, ...clock },
  );
  const outcome = await gateway.inject({
    client: { ip },
    reversePath: "a@outside.example",
    recipients: ["b@inside.example"],
    content: "From: a@outside.example\n\nHello\n",
  });
  return { outcome, fact: outcome.facts.iprev as FactValue<typeof Iprev> };
}

for (const { name, ip, want } of [
  { name: "pass: a name points back", ip: "192.0.2.1", want: ["pass", "mail.example"] },
  { name: "pass: IPv6", ip: "2001:db8::1", want: ["pass", "mail.example"] },
  { name: "fail: no name points back", ip: "192.0.2.2", want: ["fail", ""] },
  { name: "fail: the name is not there", ip: "192.0.2.7", want: ["fail", ""] },
  { name: "fail: the names are none", ip: "192.0.2.8", want: ["fail", ""] },
  { name: "permerror: nxdomain for PTR", ip: "192.0.2.3", want: ["permerror", ""] },
  { name: "permerror: nodata for PTR", ip: "192.0.2.9", want: ["permerror", ""] },
  { name: "temperror: servfail for PTR", ip: "192.0.2.4", want: ["temperror", ""] },
  { name: "temperror: no answer for a name", ip: "192.0.2.5", want: ["temperror", ""] },
  { name: "none: a private address", ip: "10.0.0.1", want: ["none", ""] },
  { name: "none: loopback", ip: "127.0.0.1", want: ["none", ""] },
  { name: "none: an address that is not known", ip: "", want: ["none", ""] },
] as const) {
  test(`iprev provides ${name} (RFC 8601 2.7.3)`, async () => {
    const { outcome, fact } = await inject(ip, { skip: [] });
    assert.equal(outcome.reply.code, 250);
    assert.deepEqual([fact.result, fact.name, fact.ip], [...want, ip]);
  });
}

test("iprev looks at ten names of an address that has thousands", async () => {
  const asked: string[] = [];
  const zone = fixedResolver(ZONE);
  const dns: Resolver = {
    resolve(name, type, signal) {
      asked.push(name);
      return zone.resolve(name, type, signal);
    },
  };
  const { fact } = await inject("192.0.2.6", {}, dns);
  assert.equal(fact.reason, "no name of the address points back; 10 names were looked at");
  assert.equal(asked.length, 11);
});

for (const { ip, options, want } of [
  { ip: "192.0.2.2", options: { onFail: "reject" }, want: /^550 5\.7\.25 / },
  { ip: "192.0.2.2", options: { onFail: "tempfail" }, want: /^451 4\.7\.25 / },
  { ip: "192.0.2.3", options: { onPermerror: "reject" }, want: /^550 5\.7\.25 / },
  { ip: "192.0.2.3", options: { onFail: "reject" }, want: /^250 / },
  { ip: "192.0.2.4", options: { onTemperror: "tempfail" }, want: /^451 4\.7\.25 / },
  { ip: "192.0.2.4", options: { onFail: "reject", onPermerror: "reject" }, want: /^250 / },
  { ip: "192.0.2.1", options: { onFail: "reject", onPermerror: "reject" }, want: /^250 / },
] as const) {
  test(`iprev answers ${want} to ${ip} with ${JSON.stringify(options)} (RFC 7372 3.3)`, async () => {
    assert.match(replyText((await inject(ip, options)).outcome), want);
  });
}

test("iprev provides temperror within its own time when DNS is dead", async () => {
  const dns: Resolver = {
    resolve: (_name, _type, signal) =>
      new Promise((_, refuse) => signal?.addEventListener("abort", () => refuse(signal.reason))),
  };
  const { outcome, fact } = await inject("192.0.2.1", {}, dns, { clock: hastyClock() });
  assert.deepEqual(faultsOf(outcome), []);
  assert.deepEqual([outcome.reply.code, fact.result], [250, "temperror"]);
});

for (const [options, want] of [
  [{ onFail: 1 }, "iprev: onFail: found 1, expected 'record', 'tempfail' or 'reject'"],
  [{ onTemperror: "reject" }, "iprev: onTemperror: found \"reject\", expected 'record' or 'tempfail'"],
] as const) {
  test(`iprev tells the wrong option ${JSON.stringify(options)}`, () => {
    assertOptionError(() => iprev(options as never), [want]);
  });
}
