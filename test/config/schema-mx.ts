/** The keys of mx() and of dns: the values they take and what becomes of them, and those they refuse. */
import { type GatewayConfig, mx } from "../../core/config/mod.ts";
import { given, type Key } from "./schema-keys.ts";

const hop = (key: string) => ({
  path: `nextHops.backend.${key}`,
  at: (value: unknown) => ({ nextHops: { backend: mx(given(key, value)) } }),
  read: (config: GatewayConfig) => (config.nextHops.backend as never as Record<string, unknown>)[key],
});
const serversOf = ({ dns }: GatewayConfig) => (dns && "servers" in dns ? dns.servers : undefined);
const DOH = "https://dns.example/dns-query";
const KEPT = 'a duration from 1ms to 24d: milliseconds, or "5s", "2m"';
const FLAG = { refuses: ["yes", 1], expected: "true or false" };

/** Every key of a next hop that DNS names, and of the resolver. */
export const MX_KEYS: readonly Key[] = [
  {
    path: "nextHops.backend",
    at: (value) => ({ nextHops: { backend: value === undefined ? mx() : value } }),
    read: (config) => config.nextHops.backend,
    default: {
      ...{ kind: "mx", mode: "inline", port: 25, tls: "opportunistic", passReplyText: true },
      ...{ connectTimeout: "10s", connectionsMax: 20, allowPrivateAddresses: false },
    },
    takes: [],
    refuses: ["mx", null],
    expected: "smtp(...), lmtp(...), mx() or mailbox()",
  },
  {
    ...hop("mode"),
    ...{ default: "inline", takes: [["inline", "inline"]] },
    ...{ refuses: ["later", true], expected: '"inline" or "queue"' },
  },
  {
    ...hop("port"),
    ...{ default: 25, takes: [[2525, 2525]] },
    ...{ refuses: [0, 65_536, "25"], expected: "a whole number from 1 to 65535" },
  },
  {
    ...hop("tls"),
    default: "opportunistic",
    takes: [
      ["none", "none"],
      ["verified", "verified"],
    ],
    refuses: ["always", { fingerprints: ["ab".repeat(32)] }],
    expected: '"none" or "opportunistic" or "required" or "verified"',
  },
  { ...hop("passReplyText"), default: true, takes: [[false, false]], ...FLAG },
  { ...hop("allowPrivateAddresses"), default: false, takes: [[true, true]], ...FLAG },
  {
    ...hop("connectTimeout"),
    ...{ default: "10s", takes: [[1500, 1500]], refuses: [0, "25d", "soon"], expected: KEPT },
  },
  {
    ...hop("replyTimeout"),
    ...{ default: undefined, takes: [["5m", "5m"]], refuses: [0, "25d"], expected: KEPT },
  },
  {
    ...hop("connectionsMax"),
    ...{ default: 20, takes: [[1, 1]] },
    ...{ refuses: [0, 10_001, "20"], expected: "a whole number from 1 to 10000" },
  },
  {
    ...hop("messagesPerConnectionMax"),
    ...{ default: undefined, takes: [[1, 1]] },
    ...{ refuses: [0, 1.5], expected: "a whole number from 1 to 1000000" },
  },
  {
    ...hop("connectionLifeTime"),
    ...{ default: undefined, takes: [["5m", "5m"]], refuses: [0, "soon"], expected: KEPT },
  },
  {
    path: "dns",
    at: (value) => given("dns", value),
    read: (config) => config.dns,
    default: undefined,
    takes: [[{ servers: ["192.0.2.53"] }, { servers: ["192.0.2.53:53"] }]],
    refuses: ["192.0.2.53", null],
    expected: "an object with servers",
  },
  {
    path: "dns.servers",
    at: (value) => ({ dns: { servers: value ?? ["192.0.2.53"] } }),
    read: (config) => serversOf(config),
    default: ["192.0.2.53:53"],
    takes: [
      [
        ["127.0.0.1:5353", "[2001:DB8::53]", "[::1]:5353"],
        ["127.0.0.1:5353", "[2001:db8::53]:53", "[::1]:5353"],
      ],
    ],
    refuses: ["192.0.2.53", {}],
    expected: "a list of DNS servers",
  },
  {
    path: "dns.servers[0]",
    at: (value) => ({ dns: { servers: [value ?? "192.0.2.53"] } }),
    read: (config) => serversOf(config)?.[0],
    default: "192.0.2.53:53",
    takes: [],
    refuses: ["", "dns.example", "192.0.2.53:0", "192.0.2.53:65536", "2001:db8::53", "[::g]:53", 53],
    expected: 'the address of a DNS server such as "192.0.2.53", "127.0.0.1:5353" or "[2001:db8::53]:53"',
  },
  {
    path: "dns.doh",
    at: (value) => ({ dns: { doh: value ?? DOH } }),
    read: ({ dns }) => (dns && "doh" in dns ? dns.doh : undefined),
    default: DOH,
    takes: [
      ["https://DNS.example/q?ct", "https://dns.example/q?ct"],
      ["http://127.0.0.1:8053/q", "http://127.0.0.1:8053/q"],
    ],
    refuses: [
      "",
      "dns.example",
      "http://dns.example/q",
      "https://u:p@dns.example/q",
      "https://dns.example/#a",
      53,
    ],
    expected: 'the https URL of a DoH server such as "https://dns.example/dns-query"; http only on loopback',
  },
];
