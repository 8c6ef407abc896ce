/** `dns` of a config: servers or DoH, never both, as the schema and the compiler say it. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { defineGateway, resolveConfig } from "../../core/config/mod.ts";
import { good, linesOf, settings } from "./resolve-fixtures.ts";

const DOH = "https://dns.example/dns-query";
const SERVERS = ["192.0.2.53"];

const cases: readonly { name: string; dns: object; want: RegExp }[] = [
  {
    name: "servers beside doh",
    dns: { servers: SERVERS, doh: DOH },
    want: /^dns: found .*, expected either 'servers' or 'doh': of both, one would never be asked$/,
  },
  {
    name: "neither of them",
    dns: {},
    want: /^dns: found .*, expected 'servers' or 'doh'; without 'dns' the servers of the system are asked$/,
  },
  { name: "no server at all", dns: { servers: [] }, want: /^dns\.servers: .*at least one server$/ },
  {
    name: "another key",
    dns: { doh: DOH, server: "192.0.2.53" },
    want: /^dns\.server: found an unknown key, expected one of servers, doh; did you mean "servers"\?$/,
  },
  {
    name: "DoH in the clear off loopback",
    dns: { doh: "http://dns.example/dns-query" },
    want: /^dns\.doh: found "http:.*expected the https URL of a DoH server/,
  },
];
for (const { name, dns, want } of cases) {
  it(`resolveConfig refuses ${name} in dns, in one line`, async () => {
    const lines = await linesOf(settings({ dns }));
    assert.equal(lines.length, 1, lines.join("\n"));
    assert.match(lines[0]!, want);
  });
}

it("defineGateway takes either of them, and the compiler refuses both", async () => {
  for (const dns of [{ servers: SERVERS }, { doh: DOH }])
    assert.ok((await resolveConfig(defineGateway({ ...good, dns }), {})).dns);
  // @ts-expect-error: of both, one would never be asked
  await assert.rejects(resolveConfig(defineGateway({ ...good, dns: { servers: SERVERS, doh: DOH } }), {}));
});
