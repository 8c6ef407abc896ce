/** The keys of next hops: the values they take and what becomes of them, and those they refuse. */
import { type GatewayConfig, lmtp, mailbox, smtp } from "../../core/config/mod.ts";
import { given, type Key } from "./schema-keys.ts";

const hop = (key: string) => ({
  at: (value: unknown) => ({
    nextHops: { backend: smtp({ host: "127.0.0.1", ...given(key, value) } as never) },
  }),
  read: (config: GatewayConfig) => (config.nextHops.backend as never as Record<string, unknown>)[key],
});
const KEPT = 'a duration from 1ms to 24d: milliseconds, or "5s", "2m"';

/** Every key of a next hop. */
export const NEXT_HOP_KEYS: readonly Key[] = [
  {
    path: "nextHops",
    read: (config: GatewayConfig) => config.nextHops,
    at: (value) => ({ nextHops: value ?? { backend: mailbox() } }),
    default: { backend: { kind: "mailbox", folder: "mailbox" } },
    takes: [],
    refuses: [[], "smtp", 7],
    expected: "an object of next hops by name, such as { backend: mailbox() }",
  },
  {
    path: "nextHops.backend",
    at: (value) => ({ nextHops: { backend: value === undefined ? mailbox() : value } }),
    read: (config) => config.nextHops.backend,
    default: { kind: "mailbox", folder: "mailbox" },
    takes: [],
    refuses: ["127.0.0.1:25", null, 7],
    expected: "smtp(...), lmtp(...), mx() or mailbox()",
  },
  {
    path: "nextHops.backend.kind",
    at: (value) => ({ nextHops: { backend: { ...mailbox(), ...given("kind", value) } } }),
    read: (config) => config.nextHops.backend?.kind,
    default: "mailbox",
    takes: [],
    refuses: ["lmtp", 7],
    expected: "smtp(...), lmtp(...), mx() or mailbox()",
  },
  {
    path: "nextHops.backend.folder",
    at: (value) => ({
      nextHops: { backend: mailbox(value === undefined ? {} : ({ folder: value } as never)) },
    }),
    read: (config) => (config.nextHops.backend as { folder?: string }).folder,
    default: "mailbox",
    takes: [["a/b.c", "a/b.c"]],
    refuses: ["", "../up", "a/../b", "/abs", ".hidden", "a b", "a".repeat(101)],
    expected: 'a folder in the data folder, such as "mailbox"',
  },
  {
    path: "nextHops.backend.servers",
    ...hop("servers"),
    at: (value) => ({ nextHops: { backend: { ...smtp("127.0.0.1"), ...given("servers", value) } } }),
    default: [{ host: "127.0.0.1", port: 25 }],
    takes: [[[{ host: "a.example", port: 26 }], [{ host: "a.example", port: 26 }]]],
    refuses: ["a.example", {}],
    expected: "a list of servers",
  },
  {
    path: "nextHops.backend.servers[0]",
    at: (value) => ({ nextHops: { backend: smtp((value as string | undefined) ?? "127.0.0.1") } }),
    read: (config) => (config.nextHops.backend as { servers?: readonly unknown[] }).servers?.[0],
    default: { host: "127.0.0.1", port: 25 },
    takes: [
      ["[2001:db8::1]:26", { host: "2001:db8::1", port: 26 }],
      ["mail", { host: "mail", port: 25 }],
      ["unix:/run/smtp.sock", { host: "unix:/run/smtp.sock", port: 0 }],
    ],
    refuses: [
      "",
      "a:0",
      "a:65536",
      "a:b",
      "a b",
      "smtp://a",
      "2001:db8::1",
      "1.2.3",
      "unix:run",
      "unix:/",
      `unix:/${"a".repeat(107)}`,
    ],
    expected:
      '"host:port" with a port from 1 to 65535, such as "192.0.2.1:25" or "[2001:db8::1]:25", or "unix:/path"',
  },
  {
    path: "nextHops.backend.mode",
    ...hop("mode"),
    default: "inline",
    takes: [["inline", "inline"]],
    refuses: ["later", true],
    expected: '"inline" or "queue"',
  },
  {
    path: "nextHops.backend.tls",
    ...hop("tls"),
    default: undefined,
    takes: [
      ["none", "none"],
      ["verified", "verified"],
      [{ fingerprints: ["ab".repeat(32)] }, { fingerprints: ["ab".repeat(32)] }],
      [
        { fingerprints: [Array(32).fill("0F").join(":")] },
        { fingerprints: [Array(32).fill("0F").join(":")] },
      ],
    ],
    refuses: ["always", true],
    expected: '"none" or "opportunistic" or "required" or "verified", or { fingerprints: [...] }',
  },
  {
    path: "nextHops.backend.tls.fingerprints",
    at: (value) => ({
      nextHops: {
        backend: smtp({ host: "a.example", tls: { fingerprints: value ?? ["ab".repeat(32)] } as never }),
      },
    }),
    read: (config) => (config.nextHops.backend as { tls?: { fingerprints: unknown } }).tls?.fingerprints,
    default: ["ab".repeat(32)],
    takes: [],
    refuses: ["ab".repeat(32), {}],
    expected: "a list of fingerprints",
  },
  {
    path: "nextHops.backend.tls.fingerprints[0]",
    at: (value) => ({
      nextHops: {
        backend: smtp({ host: "a.example", tls: { fingerprints: [value ?? "ab".repeat(32)] } as never }),
      },
    }),
    read: (config) => (config.nextHops.backend as { tls?: { fingerprints: unknown[] } }).tls?.fingerprints[0],
    default: "ab".repeat(32),
    takes: [],
    refuses: ["ab", "zz".repeat(32), 7],
    expected: "the SHA-256 of a certificate: 64 hexadecimal digits",
  },
  {
    path: "nextHops.backend.implicitTls",
    ...hop("implicitTls"),
    default: false,
    takes: [[true, true]],
    refuses: ["yes", 1],
    expected: "true or false",
  },
  {
    path: "nextHops.backend.auth",
    ...hop("auth"),
    default: undefined,
    takes: [
      [
        { user: "ann", password: "p" },
        { user: "ann", password: "p" },
      ],
    ],
    refuses: ["ann:p", null],
    expected: "an object with user, password",
  },
  {
    path: "nextHops.backend.passReplyText",
    ...hop("passReplyText"),
    default: true,
    takes: [[false, false]],
    refuses: ["no"],
    expected: "true or false",
  },
  {
    path: "nextHops.backend.connectTimeout",
    ...hop("connectTimeout"),
    default: "10s",
    takes: [
      ["5s", "5s"],
      [1500, 1500],
    ],
    refuses: [0, "0s", "25d", "soon", -5],
    expected: KEPT,
  },
  {
    path: "nextHops.backend.replyTimeout",
    ...hop("replyTimeout"),
    default: undefined,
    takes: [["5m", "5m"]],
    refuses: [0, "25d", "soon"],
    expected: KEPT,
  },
  {
    path: "nextHops.backend.protocol",
    at: (value) => ({ nextHops: { backend: { ...lmtp("unix:/run/lmtp"), ...given("protocol", value) } } }),
    read: (config) => (config.nextHops.backend as { protocol?: string }).protocol,
    default: "lmtp",
    takes: [["smtp", "smtp"]],
    refuses: ["esmtp", true],
    expected: '"smtp" or "lmtp"',
  },
  {
    path: "nextHops.backend.weights",
    ...hop("weights"),
    default: undefined,
    takes: [
      [
        [3, 0],
        [3, 0],
      ],
    ],
    refuses: ["3", 3],
    expected: "a list of whole numbers",
  },
  {
    path: "nextHops.backend.weights[0]",
    at: (value) => ({
      nextHops: { backend: smtp({ host: "127.0.0.1", weights: [(value ?? 1) as number] }) },
    }),
    read: (config) => (config.nextHops.backend as { weights?: readonly number[] }).weights?.[0],
    default: 1,
    takes: [[0, 0]],
    refuses: [-1, 1001, 0.5, "1"],
    expected: "a whole number from 0 to 1000",
  },
  {
    path: "nextHops.backend.messagesPerConnectionMax",
    ...hop("messagesPerConnectionMax"),
    default: undefined,
    takes: [[1, 1]],
    refuses: [0, 1_000_001, 1.5],
    expected: "a whole number from 1 to 1000000",
  },
  {
    path: "nextHops.backend.connectionLifeTime",
    ...hop("connectionLifeTime"),
    default: undefined,
    takes: [["5m", "5m"]],
    refuses: [0, "25d", "soon"],
    expected: KEPT,
  },
  {
    path: "nextHops.backend.messagesPerSecondMax",
    ...hop("messagesPerSecondMax"),
    default: undefined,
    takes: [[10, 10]],
    refuses: [0, 1_000_001, 1.5],
    expected: "a whole number from 1 to 1000000",
  },
  {
    path: "nextHops.backend.forwardClient",
    ...hop("forwardClient"),
    default: undefined,
    takes: [
      ["xclient", "xclient"],
      ["xforward", "xforward"],
    ],
    refuses: ["XCLIENT", true],
    expected: '"xclient" or "xforward"',
  },
  {
    path: "nextHops.backend.connectionsMax",
    ...hop("connectionsMax"),
    default: 20,
    takes: [[1, 1]],
    refuses: [0, 10_001, 1.5, "20", Number.NaN],
    expected: "a whole number from 1 to 10000",
  },
];
