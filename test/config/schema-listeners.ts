/** The keys of listeners: the values they take and what becomes of them, and those they refuse. */
import type { GatewayConfig } from "../../core/config/mod.ts";
import { DURATION, given, type Key } from "./schema-keys.ts";
import { NETWORK_KEYS } from "./schema-networks.ts";

const listener = (key: string, more: object = {}) => ({
  at: (value: unknown) => ({ listeners: [{ address: "127.0.0.1:0", ...more, ...given(key, value) }] }),
});
const ADDRESS = '"host:port" such as "127.0.0.1:2525", "unix:/path", or a port from 0 to 65535';
const PEM = { keyFile: "k.pem", certFile: "c.pem" };

/** Every key of a listener. */
export const LISTENER_KEYS: readonly Key[] = [
  ...NETWORK_KEYS,
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
      ["unix:/run/postern/lmtp", { host: "unix:/run/postern/lmtp", port: 0 }],
    ],
    refuses: [
      "unix:run/lmtp",
      "unix:",
      "unix:/a b",
      `unix:/${"a".repeat(107)}`,
      "/run/lmtp",
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
      ["lmtp", "lmtp"],
    ],
    refuses: ["smtp", "Relay", 25, null],
    expected: '"relay" or "submission" or "submissions" or "lmtp"',
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
    path: "listeners[0].bareNewlines",
    ...listener("bareNewlines"),
    read: (config) => config.listeners[0]?.bareNewlines,
    default: "refuse",
    takes: [["normalise", "normalise"]],
    refuses: ["normalize", true, null],
    expected: '"refuse" or "normalise"',
  },
  {
    path: "listeners[0].lenientAddresses",
    ...listener("lenientAddresses"),
    read: (config) => config.listeners[0]?.lenientAddresses,
    default: false,
    takes: [[true, true]],
    refuses: ["true", 1, null],
    expected: "true or false",
  },
  {
    path: "listeners[0].advertise",
    ...listener("advertise"),
    read: (config) => config.listeners[0]?.advertise,
    default: undefined,
    takes: [
      [{}, {}],
      [
        { eightBitMime: true, smtputf8: false, messageBytesMax: "10MB" },
        { eightBitMime: true, smtputf8: false, messageBytesMax: 10_485_760 },
      ],
    ],
    refuses: ["DSN", ["DSN"], true, null],
    expected: "an object with eightBitMime, smtputf8, dsn, requireTls, messageBytesMax",
  },
  ...["eightBitMime", "smtputf8", "dsn", "requireTls"].map(
    (key): Key => ({
      path: `listeners[0].advertise.${key}`,
      at: (value) => ({ listeners: [{ address: 0, tls: PEM, advertise: given(key, value) }] }),
      read: (config) => config.listeners[0]?.advertise?.[key as "dsn"],
      default: undefined,
      takes: [
        [true, true],
        [false, false],
      ],
      refuses: ["true", 1, null],
      expected: "true or false",
    }),
  ),
  {
    path: "listeners[0].advertise.messageBytesMax",
    at: (value) => ({ listeners: [{ address: 0, advertise: given("messageBytesMax", value) }] }),
    read: (config) => config.listeners[0]?.advertise?.messageBytesMax,
    default: undefined,
    takes: [
      ["1KB", 1024],
      [52_428_800, 52_428_800],
    ],
    refuses: [1023, 0, "10 MB", -1, null, true],
    expected: 'a size of at least 1KB: octets, or "64KB", "50MB", "1GB"',
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
];
