/** The keys of listeners: the values they take and what becomes of them, and those they refuse. */
import type { GatewayConfig } from "../../core/config/mod.ts";
import { DURATION, given, type Key } from "./schema-keys.ts";

const listener = (key: string, more: object = {}) => ({
  at: (value: unknown) => ({ listeners: [{ address: "127.0.0.1:0", ...more, ...given(key, value) }] }),
});
const ADDRESS = '"host:port" such as "127.0.0.1:2525", or a port from 0 to 65535';
const PEM = { keyFile: "k.pem", certFile: "c.pem" };

/** Every key of a listener. */
export const LISTENER_KEYS: readonly Key[] = [
  {
    path: "listeners",
    at: (value) => given("listeners", value),
    read: (config) => config.listeners.length,
    default: 1,
    takes: [[[{ address: 1 }, { address: 2 }], 2]],
    refuses: ["127.0.0.1:25", {}, null],
    expected: "a list of listeners",
  },
  {
    path: "listeners",
    at: (value) => given("listeners", value),
    read: (config: GatewayConfig) => config.listeners,
    default: [
      {
        ...{ name: "relay", kind: "relay", address: { host: "127.0.0.1", port: 2525 } },
        ...{ authRequired: false, greetingDelayMs: 100, trustedNetworks: ["127.0.0.0/8", "::1/128"] },
        ...{ bareNewlines: "refuse", proxyProtocol: [], xclient: [], earlyTalkers: "note" },
      },
    ],
    takes: [],
    refuses: [[]],
    expected: "at least one listener",
  },
  {
    path: "listeners[0].address",
    at: (value) => ({
      domains: ["example.com"],
      listeners: value === undefined ? undefined : [{ address: value }],
    }),
    read: (config) => config.listeners[0]?.address,
    default: { host: "127.0.0.1", port: 2525 },
    takes: [
      [0, { host: "127.0.0.1", port: 0 }],
      ["[::1]:25", { host: "::1", port: 25 }],
      ["mail.example:587", { host: "mail.example", port: 587 }],
    ],
    refuses: [
      "127.0.0.1",
      ":25",
      "::1:25",
      "[127.0.0.1]:25",
      "a:b",
      "a:65536",
      -1,
      65536,
      1.5,
      "",
      null,
      true,
    ],
    expected: ADDRESS,
  },
  {
    path: "listeners[0].kind",
    ...listener("kind", { tls: PEM }),
    read: (config) => config.listeners[0]?.kind,
    default: "relay",
    takes: [
      ["submission", "submission"],
      ["submissions", "submissions"],
    ],
    refuses: ["smtp", "Relay", 25, null],
    expected: '"relay" or "submission" or "submissions"',
  },
  {
    path: "listeners[0].name",
    ...listener("name"),
    read: (config) => config.listeners[0]?.name,
    default: "relay",
    takes: [["in-side_1.b", "in-side_1.b"]],
    refuses: ["", "a b", "a".repeat(41), "ä"],
    expected: "a short name of letters, digits, dot and dash",
  },
  {
    path: "listeners[0].tls",
    ...listener("tls"),
    read: (config) => config.listeners[0]?.tls,
    default: undefined,
    takes: [[PEM, PEM]],
    refuses: ["k.pem", null, []],
    expected: "an object with keyFile, certFile",
  },
  {
    path: "listeners[0].tls.keyFile",
    at: (value) => ({
      listeners: [{ address: 0, tls: value === undefined ? undefined : { ...PEM, keyFile: value } }],
    }),
    read: (config) => config.listeners[0]?.tls?.keyFile,
    default: undefined,
    takes: [["other.pem", "other.pem"]],
    refuses: ["", 7],
    expected: "the path of a PEM file",
  },
  {
    path: "listeners[0].authRequired",
    ...listener("authRequired", { tls: PEM }),
    read: (config) => config.listeners[0]?.authRequired,
    default: false,
    takes: [[true, true]],
    refuses: ["true", 1, null],
    expected: "true or false",
  },
  {
    path: "listeners[0].greetingDelay",
    ...listener("greetingDelay"),
    read: (config) => config.listeners[0]?.greetingDelayMs,
    default: 100,
    takes: [
      [0, 0],
      ["2s", 2000],
      ["1m", 60_000],
    ],
    refuses: ["61s", -1, "soon", Number.NaN, "1 s"],
    expected: `a duration up to 60s: ${DURATION}`,
  },
  {
    path: "listeners[0].trustedNetworks",
    ...listener("trustedNetworks"),
    read: (config) => config.listeners[0]?.trustedNetworks,
    default: ["127.0.0.0/8", "::1/128"],
    takes: [
      [[], []],
      [
        ["10.0.0.0/8", "192.0.2.1", "2001:DB8::/32", "fc00::/7", "fe80::/10"],
        ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "fc00::/7", "fe80::/10"],
      ],
    ],
    refuses: ["10.0.0.0/8", {}],
    expected: "a list of networks",
  },
  {
    path: "listeners[0].bareNewlines",
    ...listener("bareNewlines"),
    read: (config) => config.listeners[0]?.bareNewlines,
    default: "refuse",
    takes: [["normalise", "normalise"]],
    refuses: ["normalize", true, null],
    expected: '"refuse" or "normalise"',
  },
  {
    path: "listeners[0].proxyProtocol",
    ...listener("proxyProtocol"),
    read: (config) => config.listeners[0]?.proxyProtocol,
    default: [],
    takes: [
      [
        ["10.0.0.0/8", "2001:DB8::/32"],
        ["10.0.0.0/8", "2001:db8::/32"],
      ],
    ],
    refuses: ["10.0.0.0/8", true, null],
    expected: "a list of networks",
  },
  {
    path: "listeners[0].earlyTalkers",
    ...listener("earlyTalkers"),
    read: (config) => config.listeners[0]?.earlyTalkers,
    default: "note",
    takes: [["refuse", "refuse"]],
    refuses: ["reject", false, null],
    expected: '"note" or "refuse"',
  },
  {
    path: "listeners[0].xclient",
    ...listener("xclient"),
    read: (config) => config.listeners[0]?.xclient,
    default: [],
    takes: [[["192.0.2.1"], ["192.0.2.1"]]],
    refuses: ["192.0.2.1", true, null],
    expected: "a list of networks",
  },
  {
    path: "listeners[0].xclient[0]",
    at: (value) => listener("xclient").at(value === undefined ? undefined : [value]),
    read: (config) => config.listeners[0]?.xclient[0],
    default: undefined,
    takes: [["::1", "::1"]],
    refuses: ["::/0", "*", 7],
    expected:
      'a network such as "192.0.2.0/24" or "2001:db8::/32", no wider than /8, or /16 of IPv6: whoever is in it may say who the client is',
  },
  {
    path: "listeners[0].proxyProtocol[0]",
    at: (value) => listener("proxyProtocol").at(value === undefined ? undefined : [value]),
    read: (config) => config.listeners[0]?.proxyProtocol[0],
    default: undefined,
    takes: [["127.0.0.1", "127.0.0.1"]],
    refuses: ["0.0.0.0/0", "*", "proxy.example"],
    expected:
      'a network such as "192.0.2.0/24" or "2001:db8::/32", no wider than /8, or /16 of IPv6: whoever is in it may say who the client is',
  },
  {
    path: "listeners[0].trustedNetworks[0]",
    at: (value) => listener("trustedNetworks").at(value === undefined ? undefined : [value]),
    read: (config) => config.listeners[0]?.trustedNetworks[0],
    default: "127.0.0.0/8",
    takes: [["10.0.0.0/8", "10.0.0.0/8"]],
    refuses: [
      ...["10.0.0/8", "10.0.0.0/33", "10.0.0.0/", "example.com", 7],
      ...["0.0.0.0/0", "0.0.0.0/00", "0.0.0.0/1", "128.0.0.0/1", "64.0.0.0/7", "::/0", "::/1", "2000::/3"],
      ...["2001::/15", "fc00::/6", "::ffff:0.0.0.0/0", "::ffff:0:0/96"],
    ],
    expected:
      'a network such as "192.0.2.0/24" or "2001:db8::/32", no wider than /8, or /16 of IPv6: whoever is in it may relay',
  },
];
