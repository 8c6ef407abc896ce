/** DNS over HTTPS at the edge host, and the client's address where the platform tells it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createEdge, type EdgeOptions, type EmailMessage, resolveEdgeConfig } from "../../core/edge/mod.ts";
import { memoryTraces } from "../../core/gateway/mod.ts";
import {
  ConfigFaults,
  defineGateway,
  definePlugin,
  type GatewaySettingsInput,
  mailbox,
  type Plugin,
  pipeline,
} from "../../core/mod.ts";
import { routes } from "../../plugins/mod.ts";
import { type FakeDohAnswer, sendDns, startFakeDoh } from "../dns/fake-doh-server.ts";
import { CONTRACT_ANSWERS } from "../dns/resolver-contract.ts";
import { emailMessage } from "./email-fixture.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const base = { domains: ["example.com"], nextHops: { backend: mailbox() } };
const toBackend = routes([{ recipient: "*", nextHop: "backend" }]);

function edgeOf(
  plugin: Plugin<never, never, false>,
  dns: NonNullable<GatewaySettingsInput["dns"]>,
  options: EdgeOptions = {},
) {
  const traces = memoryTraces(10);
  const settings = { ...base, dns, pipeline: pipeline(plugin, toBackend) };
  return { edge: createEdge(defineGateway(settings), { log: silent, traces, ...options }), traces };
}

/** Asks one name for each message, and keeps what it heard. */
function asking(name = "addresses.example") {
  const heard: string[] = [];
  const plugin = definePlugin({
    name: "ask",
    needs: ["dns"],
    async data(ctx) {
      heard.push((await ctx.dns.resolve(name, "A", ctx.signal)).status);
    },
  });
  return { heard, plugin };
}

test("email() asks the DoH server of the config, and keeps what it said for the next message", async () => {
  const server = await startFakeDoh(CONTRACT_ANSWERS);
  try {
    const { heard, plugin } = asking();
    const { edge } = edgeOf(plugin, { doh: server.url });
    for (let n = 0; n < 3; n++) await edge.email(emailMessage({}).message);
    assert.deepEqual([heard, server.requests.length], [["found", "found", "found"], 1]);
  } finally {
    await server.close();
  }
});

test("email() waits for no query of another message, which the platform may end", async () => {
  const waiting: Parameters<Exclude<FakeDohAnswer, string | readonly unknown[]>>[] = [];
  const both = Promise.withResolvers<void>();
  const server = await startFakeDoh({
    "slow.example": (...request) => {
      waiting.push(request);
      if (waiting.length === 2) both.resolve();
    },
  });
  try {
    const { heard, plugin } = asking("slow.example");
    const { edge } = edgeOf(plugin, { doh: server.url });
    const runs = [0, 1].map(() => edge.email(emailMessage({}).message));
    await both.promise;
    // No message of DNS: servfail.
    for (const [, response] of waiting) sendDns(response, Buffer.of());
    await Promise.all(runs);
    assert.deepEqual(heard, ["servfail", "servfail"]);
  } finally {
    await server.close();
  }
});

test("email() with a DoH server that is silent goes on when limits.dns is spent", async () => {
  const server = await startFakeDoh({ "*": "silent" });
  try {
    const { heard, plugin } = asking();
    const traces = memoryTraces(10);
    const settings = { ...base, dns: { doh: server.url }, limits: { dns: "100ms" } } as const;
    const config = defineGateway({ ...settings, pipeline: pipeline(plugin, toBackend) });
    const { message, forwarded } = emailMessage({});
    await createEdge(config, { log: silent, traces }).email(message);
    assert.deepEqual([heard, forwarded.length], [["timeout"], 1]);
    const [trace] = await traces.list({ limit: 1 });
    assert.match(JSON.stringify(trace?.entries), /"dnsTimeOver"/);
  } finally {
    await server.close();
  }
});

const clients: readonly { name: string; told: string | undefined; want: string }[] = [
  { name: "an address", told: "192.0.2.7", want: "192.0.2.7" },
  { name: "an address of IPv6 in its short form", told: "2001:DB8:0::7", want: "2001:db8::7" },
  { name: "loopback, which is trusted with nothing", told: "127.0.0.1", want: "127.0.0.1" },
  { name: "what is no address as not known", told: "mail.example\r\n", want: "" },
  { name: "nothing as not known", told: undefined, want: "" },
];
for (const { name, told, want } of clients) {
  test(`clientIp of createEdge tells plugins ${name}`, async () => {
    const seen: unknown[] = [];
    const plugin = definePlugin({
      name: "see",
      needs: ["clientIp"],
      data: ({ client }) => void seen.push([client.ip, client.trusted]),
    });
    const asked: EmailMessage[] = [];
    const clientIp = (message: EmailMessage) => {
      asked.push(message);
      return told;
    };
    const { edge } = edgeOf(plugin, { doh: "https://dns.example/q" }, { clientIp });
    const { message, forwarded } = emailMessage({});
    await edge.email(message);
    assert.deepEqual([seen, asked, forwarded.length], [[[want, false]], [message], 1]);
  });
}

const refused: readonly { name: string; settings: GatewaySettingsInput; want: RegExp }[] = [
  {
    name: "a plugin that needs dns without doh, and says how to have it",
    settings: base,
    want: /^pipeline: lookUp: the plugin needs 'dns', which this host does not have; set dns: \{ doh: "https:\/\/[^"]+" \}, the way in which this host can ask DNS$/m,
  },
  {
    name: "servers that nobody could ask",
    settings: { ...base, dns: { servers: ["192.0.2.53", "[2001:db8::53]:5353"] } },
    want: /pipeline: lookUp: .*needs 'dns'/,
  },
  {
    name: "a plugin that needs clientIp without the option",
    settings: { ...base, dns: { doh: "https://dns.example/q" } },
    want: /^pipeline: lookUp: the plugin needs 'clientIp', which this host does not have; give createEdge the option 'clientIp', if the platform tells it$/m,
  },
];
const lookUp = definePlugin({ name: "lookUp", needs: ["dns", "clientIp"], data: () => undefined });
const faultOf = (settings: GatewaySettingsInput, plugin: Plugin<never, never, false>, options = {}) =>
  resolveEdgeConfig(defineGateway({ ...settings, pipeline: pipeline(plugin, toBackend) }), {}, options).then(
    () => "",
    (error: unknown) => (error instanceof ConfigFaults ? error.message : `not a fault: ${error}`),
  );
for (const { name, settings, want } of refused) {
  test(`resolveEdgeConfig refuses ${name}`, async () => assert.match(await faultOf(settings, lookUp), want));
}

test("resolveEdgeConfig refuses servers also where no plugin asks", async () => {
  const plugin = definePlugin({ name: "idle", data: () => undefined });
  assert.equal(
    await faultOf({ ...base, dns: { servers: ["192.0.2.53"] } }, plugin),
    'dns.servers: found 192.0.2.53:53, expected none, because this host has no sockets to ask servers by; set dns: { doh: "https://dns.example/dns-query" }, the way in which this host can ask DNS',
  );
});

test("resolveEdgeConfig takes a plugin that needs dns and clientIp where both are given", async () => {
  const settings = { ...base, dns: { doh: "https://dns.example/q" } };
  assert.equal(await faultOf(settings, lookUp, { clientIp: () => "192.0.2.1" }), "");
});
