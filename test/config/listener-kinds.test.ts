/** What a kind of listener has when its config does not say, and what it rules out. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { good, linesOf, resolveLoose } from "./resolve-fixtures.ts";

const tls = { keyFile: "k.pem", certFile: "c.pem" };

describe("a listener of kind", () => {
  const cases = [
    { kind: "relay", more: {}, want: { authRequired: false, greetingDelayMs: 100 } },
    { kind: "submission", more: { tls }, want: { authRequired: true, greetingDelayMs: 0 } },
    { kind: "submissions", more: { tls }, want: { authRequired: true, greetingDelayMs: 0 } },
    { kind: "lmtp", more: {}, want: { authRequired: false, greetingDelayMs: 0 } },
  ];
  for (const { kind, more, want } of cases) {
    it(`${kind} has its name, and what fits it`, async () => {
      const config = await resolveLoose({ ...good, listeners: [{ kind, address: 2525, ...more }] });
      const { name, authRequired, greetingDelayMs, trustedNetworks } = config.listeners[0] ?? {};
      assert.deepEqual({ name, authRequired, greetingDelayMs }, { name: kind, ...want });
      assert.deepEqual(trustedNetworks, ["127.0.0.0/8", "::1/128"]);
    });

    it(`${kind} trusts nobody on a unix socket, nor off loopback`, async () => {
      for (const address of ["unix:/run/postern/socket", "192.0.2.1:2525"]) {
        const listeners = [{ kind, address, ...more }];
        const config = await resolveLoose({ ...good, domains: ["example.com"], listeners });
        assert.deepEqual(config.listeners[0]?.trustedNetworks, []);
      }
    });
  }
});

const refused: readonly { name: string; input: object; want: readonly string[] }[] = [
  {
    name: "submissions without TLS",
    input: { listeners: [{ kind: "submissions", address: 465 }] },
    want: [
      "listeners[0].tls: found nothing, expected { keyFile, certFile }, because submissions speaks TLS from the first octet",
    ],
  },
  {
    name: "submission without TLS",
    input: { listeners: [{ kind: "submission", address: 587 }] },
    want: [
      "listeners[0].tls: found nothing, expected { keyFile, certFile }, because a submission listener takes mail under TLS only",
    ],
  },
  {
    name: "submission without TLS, also where AUTH is not required",
    input: { listeners: [{ kind: "submission", address: 587, authRequired: false }] },
    want: [
      "listeners[0].tls: found nothing, expected { keyFile, certFile }, because a submission listener takes mail under TLS only",
    ],
  },
  {
    name: "AUTH demanded of an LMTP client, on the port that LMTP is not for",
    input: { listeners: [{ kind: "lmtp", address: 25, authRequired: true }] },
    want: [
      "listeners[0].authRequired: found true, expected false, because nobody logs in by LMTP",
      'listeners[0].address: found "127.0.0.1:25", expected another port such as 24, or a unix socket: LMTP is not for port 25 (RFC 2033 5)',
    ],
  },
  {
    name: "networks on a unix socket",
    input: {
      domains: ["example.com"],
      listeners: [
        {
          ...{ kind: "lmtp", address: "unix:/run/lmtp", trustedNetworks: ["10.0.0.0/8"] },
          ...{ proxyProtocol: ["10.0.0.0/8"], xclient: ["10.0.0.0/8"] },
          ...{ xforward: ["10.0.0.0/8"], upstreams: ["10.0.0.0/8"] },
        },
      ],
    },
    want: ["trustedNetworks", "proxyProtocol", "xclient", "xforward", "upstreams"].map(
      (key) =>
        `listeners[0].${key}: found a list, expected an empty list, because a client of a unix socket has no address`,
    ),
  },
  {
    name: "a unix socket without domains",
    input: { listeners: [{ kind: "lmtp", address: "unix:/run/lmtp" }] },
    want: [
      'domains: found an empty list, expected the mail domains served here, because listeners[0] listens on unix:/run/lmtp; set domains: ["example.com"] (POSTERN_DOMAINS=example.com), or listen on 127.0.0.1',
    ],
  },
  {
    name: "two listeners on one unix socket",
    input: {
      domains: ["example.com"],
      listeners: [
        { name: "a", address: "unix:/run/lmtp" },
        { name: "b", address: "unix:/run/lmtp" },
      ],
    },
    want: [
      'listeners[1].address: found "unix:/run/lmtp", expected an address of its own, because listeners[0].address has this one',
    ],
  },
  {
    name: "AUTH demanded of a relay without TLS",
    input: { listeners: [{ address: 25, authRequired: true }] },
    want: ["listeners[0].tls: found nothing, expected { keyFile, certFile }, because authRequired needs TLS"],
  },
];

describe("resolveConfig refuses", () => {
  for (const { name, input, want } of refused) {
    it(name, async () => {
      assert.deepEqual(await linesOf({ ...good, ...input }), want);
    });
  }
});
