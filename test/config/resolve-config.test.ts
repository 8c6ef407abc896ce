/** Faults of a whole config in the words users read, and the effective config of a good one. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defineGateway, mailbox, resolveConfig, smtp } from "../../core/config/mod.ts";
import { definePlugin, pipeline } from "../../core/pipeline/mod.ts";
import { good, linesOf, resolveLoose, router } from "./resolve-fixtures.ts";

const loud = definePlugin({ name: "loud", check: () => ["no rule covers example.org"] });
const needy = definePlugin({ name: "needy", needs: ["tcp"] });
const ADDRESS = '"host:port" such as "127.0.0.1:2525", "unix:/path", or a port from 0 to 65535';

const FAULTS: readonly { name: string; input: object; want: readonly (string | RegExp)[] }[] = [
  {
    name: "a port out of range",
    input: { listeners: [{ address: 25252525 }] },
    want: [`listeners[0].address: found 25252525, expected ${ADDRESS}`],
  },
  {
    name: "an address without a port",
    input: { listeners: [{ address: "127.0.0.1" }] },
    want: [`listeners[0].address: found "127.0.0.1", expected ${ADDRESS}`],
  },
  {
    name: "an unknown key with a near one",
    input: { listners: [] },
    want: [
      'listners: found an unknown key, expected one of hostName, listeners, http, data, domains, postmaster, dns, nextHops, pipeline, limits, onMixedVerdict, onMixedTempfail, dsn, split, deadline, trace; did you mean "listeners"?',
    ],
  },
  {
    name: "an unknown key inside",
    input: { limits: { messageByteMax: 5000 } },
    want: [
      'limits.messageByteMax: found an unknown key, expected one of messageBytesMax, recipientsMax, sessionsMax, sessionsPerClientMax, messagesPerSessionMax, commandsPerMessageMax, failedCommandsMax, unknownRecipientsMax, authFailuresMax, authFailuresPerClientMax, authFailuresKept, authDelay, lineBytesMax, idle, session, message, contentBytesPerSecondMin, dns; did you mean "messageBytesMax"?',
    ],
  },
  {
    name: "an unknown key of smtp()",
    input: { nextHops: { backend: smtp({ host: "127.0.0.1", prot: 25 } as never) } },
    want: [
      "nextHops.backend.prot: found an unknown key, expected one of kind, protocol, servers, weights, mode, tls, implicitTls, auth, passReplyText, connectTimeout, replyTimeout, connectionsMax, messagesPerConnectionMax, connectionLifeTime, retry, messagesPerSecondMax, forwardClient",
    ],
  },
  {
    name: "a size that is none",
    input: { limits: { messageBytesMax: "50 apples" } },
    want: [
      'limits.messageBytesMax: found "50 apples", expected a size of at least 1KB: octets, or "64KB", "50MB", "1GB"',
    ],
  },
  {
    name: "a duration that is none",
    input: { deadline: "soon" },
    want: ['deadline: found "soon", expected a duration from 1s to 10m: milliseconds, or "5s", "2m", "4h"'],
  },
  {
    name: "a network that holds every address",
    input: { listeners: [{ address: "127.0.0.1:0", trustedNetworks: ["0.0.0.0/0"] }] },
    want: [
      'listeners[0].trustedNetworks[0]: found "0.0.0.0/0", expected a network such as "192.0.2.0/24" or "2001:db8::/32", no wider than /8, or /16 of IPv6: whoever is in it may relay',
    ],
  },
  {
    name: "a listener off loopback without domains",
    input: { listeners: [{ address: "0.0.0.0:2525" }] },
    want: [
      'domains: found an empty list, expected the mail domains served here, because listeners[0] listens off loopback on 0.0.0.0:2525; set domains: ["example.com"] (POSTERN_DOMAINS=example.com), or listen on 127.0.0.1',
    ],
  },
  {
    name: "a next hop that smtp() could not read",
    input: { nextHops: { backend: smtp("mail.example:smtp") } },
    want: [
      'nextHops.backend.servers[0]: found "mail.example:smtp", expected "host:port" with a port from 1 to 65535, such as "192.0.2.1:25" or "[2001:db8::1]:25", or "unix:/path"',
    ],
  },
  {
    name: "a next hop that no one named",
    input: { nextHops: { backends: mailbox() } },
    want: [
      'pipeline: routes: found the next hop "backend", expected one of nextHops: backends; did you mean "backends"?',
    ],
  },
  {
    name: "mode queue without a durable spool",
    input: { nextHops: { backend: smtp({ host: "127.0.0.1", mode: "queue" }) } },
    want: [
      'nextHops.backend.mode: found "queue", expected "inline": there is no durable spool here, and without one accepted mail could be lost',
    ],
  },
  {
    name: "quarantine, spool and split without a durable spool",
    input: { onMixedVerdict: "quarantine", onMixedTempfail: "spool", split: "spool" },
    want: [
      'onMixedVerdict: found "quarantine", expected "refuse": there is no durable spool here, and without one accepted mail could be lost',
      'onMixedTempfail: found "spool", expected "all": there is no durable spool here, and without one accepted mail could be lost',
      'split: found "spool", expected "later": there is no durable spool here, and without one accepted mail could be lost',
    ],
  },
  {
    name: "a pipeline that does not route",
    input: { pipeline: pipeline(definePlugin({ name: "idle" })) },
    want: ["pipeline: the pipeline has no plugin that routes: add routes(...)"],
  },
  {
    name: "no pipeline",
    input: { pipeline: undefined },
    want: ["pipeline: found nothing, expected pipeline(...) with the plugins in order"],
  },
  {
    name: "what a plugin's check finds",
    input: { pipeline: pipeline(loud, router) },
    want: ["pipeline: loud: no rule covers example.org"],
  },
  {
    name: "a domain that is none",
    input: { domains: ["exa mple.com"] },
    want: ['domains[0]: found "exa mple.com", expected a mail domain such as "example.com"'],
  },
  {
    name: "a folder out of the data folder",
    input: { nextHops: { backend: mailbox({ folder: "../up" }) } },
    want: ['nextHops.backend.folder: found "../up", expected a folder in the data folder, such as "mailbox"'],
  },
  {
    name: "two listeners on one address",
    input: { listeners: [{ address: "127.0.0.1:2525" }, { address: 2525 }] },
    want: [
      'listeners[1].address: found "127.0.0.1:2525", expected an address of its own, because listeners[0].address has this one',
    ],
  },
  {
    name: "the page on the address of a listener",
    input: { http: 2525 },
    want: [
      'http: found "127.0.0.1:2525", expected an address of its own, because listeners[0].address has this one',
    ],
  },
  {
    name: "two listeners of one name",
    input: {
      listeners: [
        { name: "a", address: 1 },
        { name: "a", address: 2 },
      ],
    },
    want: ['listeners[1].name: found "a", expected a name that no other listener has'],
  },
  {
    name: "credentials for a next hop in the clear",
    input: {
      nextHops: { backend: smtp({ host: "a.example", tls: "none", auth: { user: "ann", password: "p" } }) },
    },
    want: [
      'nextHops.backend.tls: found "none", expected "required" or "verified", because credentials never go in the clear',
    ],
  },
  {
    name: "a name of a next hop that is none",
    input: { nextHops: { backend: mailbox(), "a b": mailbox() } },
    want: ['nextHops.a b: found "a b", expected a name of letters, digits, dash and underscore'],
  },
  {
    name: "a server that is out of range, as it was written",
    input: { nextHops: { backend: smtp({ host: "::1", port: 70_000 }) } },
    want: [/^nextHops\.backend\.servers\[0\]: found "\[::1\]:70000", expected "host:port"/],
  },
  {
    name: "a plugin's check that throws",
    input: {
      pipeline: pipeline(
        definePlugin({
          name: "careless",
          check: () => {
            throw new Error("no\nlist");
          },
        }),
        router,
      ),
    },
    want: ["pipeline: careless: the plugin's check failed: no list"],
  },
  {
    name: "a text with line ends and controls, on one line",
    input: { domains: "a\r\nb\u001b[2J\u2028c" },
    want: [/^domains\[0\]: found "a[^\u0000-\u001f\u2028]*c", expected a mail domain/],
  },
  {
    name: "a long text, shortened",
    input: { deadline: "x".repeat(1000) },
    want: [/^deadline: found "x{60}\.\.\.", expected/],
  },
  {
    name: "a fault and one of the whole at once",
    input: { deadline: "soon", nextHops: {} },
    want: [
      'deadline: found "soon", expected a duration from 1s to 10m: milliseconds, or "5s", "2m", "4h"',
      'pipeline: routes: found the next hop "backend", expected one of nextHops, which is empty',
    ],
  },
];

describe("resolveConfig refuses", () => {
  for (const { name, input, want } of FAULTS) {
    it(name, async () => {
      const lines = await linesOf({ ...good, ...input });
      assert.equal(lines.length, want.length, lines.join("\n"));
      for (const [index, expected] of want.entries()) {
        if (typeof expected === "string") assert.equal(lines[index], expected);
        else assert.match(lines[index] ?? "", expected);
      }
    });
  }

  it("a plugin that needs what the host does not have", async () => {
    const input = { ...good, pipeline: pipeline(needy, router) };
    assert.deepEqual(await linesOf(input, { capabilities: new Set(["dns"]) }), [
      "pipeline: needy: the plugin needs 'tcp', which this host does not have",
    ]);
  });

  it("a wrong password without showing it", async () => {
    const auth = { user: "ann", password: 12345 };
    const lines = await linesOf({
      ...good,
      nextHops: { backend: smtp({ host: "127.0.0.1", auth } as never) },
    });
    assert.deepEqual(lines, [
      "nextHops.backend.auth.password: found a value that is not shown, expected a password",
    ]);
    const [line = ""] = await linesOf({ ...good, nextHops: { backend: smtp("ann:hunter2@127.0.0.1:25") } });
    assert.ok(line.includes('found "...@127.0.0.1:25"') && !line.includes("hunter2"), line);
  });

  it("what is no config at all", async () => {
    assert.deepEqual(await linesOf(7), [
      "found 7, expected defineGateway to get, or its function to return, a config object",
    ]);
  });
});

describe("resolveConfig", () => {
  it("fills in every default", async () => {
    const { pipeline: _, hash, ...config } = await resolveConfig(defineGateway(good), {});
    assert.match(hash, /^[0-9a-f]{12}$/);
    assert.deepEqual(config, {
      hostName: "localhost",
      listeners: [
        {
          name: "relay",
          kind: "relay",
          address: { host: "127.0.0.1", port: 2525 },
          authRequired: false,
          greetingDelayMs: 100,
          trustedNetworks: ["127.0.0.0/8", "::1/128"],
          ...{
            bareNewlines: "refuse",
            proxyProtocol: [],
            xclient: [],
            xforward: [],
            upstreams: [],
            earlyTalkers: "note",
          },
          lenientAddresses: false,
        },
      ],
      data: ".postern",
      domains: [],
      nextHops: { backend: { kind: "mailbox", folder: "mailbox" } },
      limits: {
        ...{
          messageBytesMax: 50 * 2 ** 20,
          recipientsMax: 1000,
          sessionsMax: 1000,
          sessionsPerClientMax: 50,
        },
        ...{ messagesPerSessionMax: 1000, commandsPerMessageMax: 200, failedCommandsMax: 20 },
        ...{
          unknownRecipientsMax: 100,
          authFailuresMax: 5,
          authFailuresPerClientMax: 100,
          authFailuresKeptMs: 3_600_000,
          authDelayMs: 1000,
          lineBytesMax: 16_384,
        },
        ...{ idleMs: 300_000, sessionMs: 3_600_000, messageMs: 3_600_000, contentBytesPerSecondMin: 100 },
        dnsMs: 9_000,
      },
      onMixedVerdict: "refuse",
      onMixedTempfail: "all",
      dsn: { policy: "spf-aligned", contentBytesMax: 65_536 },
      split: "later",
      deadlineMs: 120_000,
      trace: { entriesMax: 300, ageMaxMs: 7 * 86_400_000, bytesMax: 256 * 2 ** 20, dialogue: [] },
    });
  });

  it("refuses a mixed message by default, with a durable spool too: its sender hears of it at once", async () => {
    for (const durableSpool of [true, false]) {
      const config = await resolveConfig(defineGateway(good), {}, { durableSpool });
      assert.equal(config.onMixedVerdict, "refuse");
    }
    const kept = defineGateway({ ...good, onMixedVerdict: "quarantine" });
    assert.equal((await resolveConfig(kept, {}, { durableSpool: true })).onMixedVerdict, "quarantine");
  });

  it("calls a config function with the environment and splits domains at commas, as A-labels", async () => {
    const loaded = defineGateway((env) => ({ ...good, domains: env.POSTERN_DOMAINS }));
    const config = await resolveConfig(loaded, { POSTERN_DOMAINS: "Example.com, bücher.example" });
    assert.deepEqual(config.domains, ["example.com", "xn--bcher-kva.example"]);
  });

  it("gives the page the host names of loopback", async () => {
    const config = await resolveLoose({ ...good, http: 8025 });
    assert.deepEqual(config.http, {
      address: { host: "127.0.0.1", port: 8025 },
      hostNames: ["localhost", "127.0.0.1", "[::1]"],
    });
  });
});

describe("smtp", () => {
  const servers = (to: Parameters<typeof smtp>[0]) => smtp(to).servers;
  it("reads host, port and IPv6 brackets, with port 25 by default and 465 for implicit TLS", () => {
    assert.deepEqual(servers("mail.example"), [{ host: "mail.example", port: 25 }]);
    assert.deepEqual(servers("[2001:db8::1]:2525"), [{ host: "2001:db8::1", port: 2525 }]);
    assert.deepEqual(servers({ host: "mail.example", implicitTls: true }), [
      { host: "mail.example", port: 465 },
    ]);
    assert.deepEqual(servers({ servers: ["a.example", "b.example:26"] }), [
      { host: "a.example", port: 25 },
      { host: "b.example", port: 26 },
    ]);
  });
});
