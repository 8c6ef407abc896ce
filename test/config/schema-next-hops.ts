/** The keys of next hops: the values they take and what becomes of them, and those they refuse. */
import { type GatewayConfig, mailbox, smtp } from "../../core/config/mod.ts";
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
    expected: "smtp(...) or mailbox()",
  },
  {
    path: "nextHops.backend.kind",
    at: (value) => ({ nextHops: { backend: { ...mailbox(), ...given("kind", value) } } }),
    read: (config) => config.nextHops.backend?.kind,
    default: "mailbox",
    takes: [],
    refuses: ["lmtp", 7],
    expected: "smtp(...) or mailbox()",
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
    ],
    refuses: ["", "a:0", "a:65536", "a:b", "a b", "smtp://a", "2001:db8::1", "1.2.3"],
    expected: '"host:port" with a port from 1 to 65535, such as "192.0.2.1:25" or "[2001:db8::1]:25"',
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
    ],
    refuses: ["always", true],
    expected: '"none" or "opportunistic" or "required" or "verified"',
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
    default: "60s",
    takes: [["5m", "5m"]],
    refuses: [0, "25d", "soon"],
    expected: KEPT,
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
