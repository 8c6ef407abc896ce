/** systemResolver against a server on loopback; what all resolvers share is in test/dns/contract.test.ts. */
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { after, before, test } from "node:test";
import type { DnsType, Resolver } from "../../core/mod.ts";
import { systemResolver } from "../../core/store/mod.ts";
import { type FakeDnsServer, startFakeDns, TYPES } from "../dns/fake-dns-server.ts";
import { CONTRACT_ANSWERS } from "../dns/resolver-contract.ts";

let server: FakeDnsServer;
let dns: Resolver;
before(async () => {
  server = await startFakeDns(CONTRACT_ANSWERS);
  dns = systemResolver({ servers: [server.address], tryMs: 100, triesMax: 1 });
});
after(() => server.close());

test("systemResolver gives the least TTL of addresses, and 60 s for what Node tells none of", async () => {
  const ttlOf = async (name: string, type: DnsType) => {
    const answer = await dns.resolve(name, type);
    return answer.status === "found" ? answer.ttlSeconds : answer.status;
  };
  assert.equal(await ttlOf("addresses.example", "A"), 30);
  assert.equal(await ttlOf("mail.example", "MX"), 60);
  assert.equal(await ttlOf("mail.example", "SOA"), 60);
});

test("systemResolver says nxdomain for what is no name, and asks nobody", async () => {
  const names = [
    "",
    ".",
    "a..example",
    ".example",
    "a b.example",
    "a\u200bb.example",
    `${"a".repeat(64)}.example`,
  ];
  const long = `${"a.".repeat(127)}example`;
  const before = server.questions.length;
  for (const name of [...names, long]) {
    assert.deepEqual(await dns.resolve(name, "A"), { status: "nxdomain" }, name);
  }
  assert.equal(server.questions.length, before);
});

test("systemResolver says servfail where no server can be reached", async () => {
  const gone = await startFakeDns({});
  await gone.close();
  const nobody = systemResolver({ servers: [gone.address], tryMs: 100, triesMax: 1 });
  assert.deepEqual(await nobody.resolve("mail.example", "MX"), { status: "servfail" });
});

test("systemResolver asks the next server when one is silent", async () => {
  const mute = await startFakeDns({ "addresses.example": "silent" });
  try {
    const both = systemResolver({ servers: [mute.address, server.address], tryMs: 100, triesMax: 1 });
    assert.equal((await both.resolve("addresses.example", "A")).status, "found");
    assert.deepEqual(mute.questions, [`addresses.example ${TYPES.A}`]);
  } finally {
    await mute.close();
  }
});

test("systemResolver rejects with the signal's reason when it is aborted, before or during a look-up", async () => {
  const reason = new Error("the message is over its deadline");
  const before = server.questions.length;
  await assert.rejects(dns.resolve("mail.example", "MX", AbortSignal.abort(reason)), reason);
  assert.equal(server.questions.length, before);

  const patient = systemResolver({ servers: [server.address], tryMs: 250, triesMax: 1 });
  const controller = new AbortController();
  const look = patient.resolve("silent.example", "A", controller.signal);
  controller.abort(reason);
  await assert.rejects(look, reason);
  assert.equal(getEventListeners(controller.signal, "abort").length, 0);
});

test("systemResolver leaves no listener on the signal of a look-up that ended", async () => {
  const controller = new AbortController();
  for (const name of ["addresses.example", "failing.example", "none.example"]) {
    await dns.resolve(name, "A", controller.signal);
  }
  assert.equal(getEventListeners(controller.signal, "abort").length, 0);
});

test("systemResolver does not start with a server that is no address", () => {
  assert.throws(() => systemResolver({ servers: ["ns.example"] }), TypeError);
});
