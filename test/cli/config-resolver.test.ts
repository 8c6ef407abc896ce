/** configResolver asks whom the config names, and nobody else. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { configResolver } from "../../core/cli/config-resolver.ts";
import { resolveConfig } from "../../core/config/mod.ts";
import { defineGateway, type GatewaySettingsInput, mailbox, pipeline } from "../../core/mod.ts";
import { routes } from "../../plugins/mod.ts";
import { type FakeDnsServer, startFakeDns } from "../dns/fake-dns-server.ts";
import { type FakeDohServer, startFakeDoh } from "../dns/fake-doh-server.ts";
import { CONTRACT_ANSWERS } from "../dns/resolver-contract.ts";

let server: FakeDnsServer;
let doh: FakeDohServer;
before(async () => {
  server = await startFakeDns(CONTRACT_ANSWERS);
  doh = await startFakeDoh(CONTRACT_ANSWERS);
});
after(() => Promise.all([server.close(), doh.close()]));

/** What a resolver of a config with this `dns` says, and whom it asked. */
async function asked(dns: NonNullable<GatewaySettingsInput["dns"]>) {
  const all = pipeline(routes([{ recipient: "*", nextHop: "backend" }]));
  const config = await resolveConfig(
    defineGateway({ nextHops: { backend: mailbox() }, pipeline: all, dns }),
    {},
  );
  const before = [server.questions.length, doh.requests.length];
  const { status } = await configResolver(config).resolve("addresses.example", "A");
  const after = [server.questions.length, doh.requests.length];
  return { status, servers: after[0]! - before[0]!, doh: after[1]! - before[1]! };
}

test("configResolver asks the servers of dns", async () => {
  assert.deepEqual(await asked({ servers: [server.address] }), { status: "found", servers: 1, doh: 0 });
});

test("configResolver asks the DoH server of dns", async () => {
  assert.deepEqual(await asked({ doh: doh.url }), { status: "found", servers: 0, doh: 1 });
});

test("configResolver takes the servers of the system where dns is absent, and asks them nothing by itself", () => {
  assert.equal(typeof configResolver({}).resolve, "function");
});
