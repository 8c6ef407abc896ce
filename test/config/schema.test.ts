/** Every key of a config: the values it takes and what becomes of them, and those it refuses, with path and words. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { configSchema } from "../../core/config/config-schema.ts";
import { type GatewayConfig, smtp } from "../../core/config/mod.ts";
import { CERTIFICATE_KEYS } from "./schema-certificates.ts";
import { DURATION, given, inside, type Key, testKey } from "./schema-keys.ts";
import { LIMIT_KEYS } from "./schema-limits.ts";
import { LISTENER_KEYS } from "./schema-listeners.ts";
import { MX_KEYS } from "./schema-mx.ts";
import { NEXT_HOP_KEYS } from "./schema-next-hops.ts";
import { RETRY_KEYS } from "./schema-retry.ts";

const top = (key: keyof GatewayConfig) => ({
  at: (value: unknown) => given(key, value),
  read: (config: GatewayConfig) => config[key],
});
const DAY_MS = 86_400_000;

const KEYS: readonly Key[] = [
  ...LISTENER_KEYS,
  ...CERTIFICATE_KEYS,
  ...NEXT_HOP_KEYS,
  ...MX_KEYS,
  ...RETRY_KEYS,
  {
    path: "hostName",
    ...top("hostName"),
    default: "localhost",
    takes: [["mail.example.com", "mail.example.com"]],
    refuses: ["", "mail example", "-a", 7, null, "1.2.3.400"],
    expected: 'a host name such as "mail.example.com"',
  },
  {
    path: "http",
    ...top("http"),
    default: undefined,
    takes: [
      [false, undefined],
      [0, { address: { host: "127.0.0.1", port: 0 }, hostNames: ["localhost", "127.0.0.1", "[::1]"] }],
      ["192.0.2.1:80", { address: { host: "192.0.2.1", port: 80 }, hostNames: ["localhost", "192.0.2.1"] }],
      [
        { address: "[::1]:80", hostNames: ["mail.example"] },
        { address: { host: "::1", port: 80 }, hostNames: ["mail.example"] },
      ],
    ],
    refuses: [true, "80", null, []],
    expected: '"host:port" such as "127.0.0.1:8025", { address, hostNames }, or false',
  },
  {
    path: "data",
    ...top("data"),
    default: ".postern",
    takes: [["/var/lib/postern", "/var/lib/postern"]],
    refuses: ["", 7, null],
    expected: "the path of a folder",
  },
  {
    path: "domains",
    ...top("domains"),
    default: [],
    takes: [
      ["", []],
      [" A.example , b.example,,", ["a.example", "b.example"]],
      [["bücher.example", "BÜCHER.example"], ["xn--bcher-kva.example"]],
    ],
    refuses: [7, {}, null],
    expected: 'a list of mail domains such as ["example.com"]',
  },
  {
    path: "domains[0]",
    at: (value) => ({ domains: value === undefined ? undefined : [value] }),
    read: (config) => config.domains[0],
    default: undefined,
    takes: [["example.com", "example.com"]],
    refuses: ["", "exa mple.com", "*.example.com", "a@b.example", "[192.0.2.1]", ".", "a..b", 7],
    expected: 'a mail domain such as "example.com"',
  },
  {
    path: "postmaster",
    ...top("postmaster"),
    default: undefined,
    takes: [["admin@example.com", "admin@example.com"]],
    refuses: ["", "admin", "<admin@example.com>", "a b@example.com", 7],
    expected: 'an address such as "admin@example.com"',
  },
  ...LIMIT_KEYS,
  {
    path: "onMixedVerdict",
    ...top("onMixedVerdict"),
    default: "refuse",
    takes: [["refuse", "refuse"]],
    refuses: ["all", true],
    expected: '"quarantine" or "refuse" or "dsn"',
  },
  {
    path: "onMixedTempfail",
    ...top("onMixedTempfail"),
    default: "all",
    takes: [["all", "all"]],
    refuses: ["some"],
    expected: '"all" or "spool"',
  },
  {
    path: "dsn",
    ...top("dsn"),
    default: { policy: "spf-aligned", contentBytesMax: 65_536 },
    takes: [
      ["always", { policy: "always", contentBytesMax: 65_536 }],
      [{ policy: "authenticated" }, { policy: "authenticated", contentBytesMax: 65_536 }],
      [{ contentBytesMax: "1MB" }, { policy: "spf-aligned", contentBytesMax: 1_048_576 }],
      [{ contentBytesMax: 0 }, { policy: "spf-aligned", contentBytesMax: 0 }],
    ],
    refuses: ["never", true, 7, []],
    expected: '"authenticated" or "spf-aligned" or "always", or { policy, contentBytesMax }',
  },
  {
    path: "dsn.policy",
    at: (value) => ({ dsn: value === undefined ? undefined : { policy: value } }),
    read: (config) => config.dsn.policy,
    default: "spf-aligned",
    takes: [["always", "always"]],
    refuses: ["never", true],
    expected: '"authenticated" or "spf-aligned" or "always"',
  },
  {
    path: "dsn.contentBytesMax",
    at: (value) => ({ dsn: value === undefined ? undefined : { contentBytesMax: value } }),
    read: (config) => config.dsn.contentBytesMax,
    default: 65_536,
    takes: [
      ["1MB", 1_048_576],
      [0, 0],
    ],
    refuses: [-1, "much", 1.5, true],
    expected: 'a size of at least 0: octets, or "64KB", "50MB", "1GB"',
  },
  {
    path: "split",
    ...top("split"),
    default: "later",
    takes: [["later", "later"]],
    refuses: ["now"],
    expected: '"later" or "spool"',
  },
  {
    path: "deadline",
    at: (value) => given("deadline", value),
    read: (config) => config.deadlineMs,
    default: 120_000,
    takes: [
      ["1s", 1000],
      ["10m", 600_000],
    ],
    refuses: ["999ms", "11m", "soon"],
    expected: `a duration from 1s to 10m: ${DURATION}`,
  },
  {
    ...inside("trace", "entriesMax", (config) => config.trace.entriesMax),
    default: 300,
    takes: [[3, 3]],
    refuses: [2, 100_001],
    expected: "a whole number from 3 to 100000",
  },
  {
    ...inside("trace", "ageMax", (config) => config.trace.ageMaxMs),
    default: 7 * DAY_MS,
    takes: [["1m", 60_000]],
    refuses: ["59s", "4000d"],
    expected: `a duration from 1m: ${DURATION}`,
  },
  {
    ...inside("trace", "bytesMax", (config) => config.trace.bytesMax),
    default: 256 * 2 ** 20,
    takes: [["1MB", 2 ** 20]],
    refuses: ["1023KB", 0],
    expected: 'a size of at least 1MB: octets, or "64KB", "50MB", "1GB"',
  },
  {
    ...inside("trace", "dialogue", (config) => config.trace.dialogue),
    default: [],
    takes: [
      [[{ client: "192.0.2.0/24" }], [{ client: ["192.0.2.0/24"] }]],
      [
        [{ client: ["192.0.2.1", "::/0"], address: "*@bücher.example" }],
        [{ client: ["192.0.2.1", "::/0"], address: ["*@bücher.example"] }],
      ],
      [[{ address: ["ann@example.com"] }], [{ address: ["ann@example.com"] }]],
    ],
    refuses: [true, "dialogue", {}],
    expected: "a list of { client, address }",
  },
  {
    path: "trace.dialogue[0]",
    at: (value) => ({ trace: { dialogue: value === undefined ? [] : [value] } }),
    read: (config) => config.trace.dialogue[0],
    default: undefined,
    takes: [],
    refuses: [{}, { client: undefined }],
    expected: "at least one of client, address",
  },
  {
    path: "trace.dialogue[0].client[0]",
    at: (value) => ({ trace: { dialogue: [{ client: value === undefined ? "::1" : value }] } }),
    read: (config) => config.trace.dialogue[0]?.client?.[0],
    default: "::1",
    takes: [["192.0.2.1", "192.0.2.1"]],
    refuses: ["192.0.2.0/33", "mail.example.com", [7]],
    expected: 'a network such as "192.0.2.0/24"',
  },
  {
    path: "trace.dialogue[0].address[0]",
    at: (value) => ({ trace: { dialogue: [{ address: value === undefined ? "a@b.example" : value }] } }),
    read: (config) => config.trace.dialogue[0]?.address?.[0],
    default: "a@b.example",
    takes: [["*@b.example", "*@b.example"]],
    refuses: ["b.example", "*", "<>", "a*@b.example", "*@*.example", ["a@b.example@"]],
    expected: 'an address such as "ann@example.com" or "*@example.com"',
  },
];

describe("resolveConfig, for each key:", () => {
  for (const key of KEYS) testKey(key);

  it("the tables have every key of the schema", () => {
    const named = new Set(KEYS.map(({ path }) => path.replaceAll(/\[\d+\]|\.backend/g, "")));
    const { shape } = configSchema as unknown as { readonly shape: { readonly [key: string]: unknown } };
    const limits = configSchema.parse({ pipeline: null }).limits;
    const keys = Object.keys(shape).flatMap((key) => {
      if (key === "limits") return Object.keys(limits).map((k) => `limits.${k}`);
      if (key === "trace") return ["entriesMax", "ageMax", "bytesMax"].map((k) => `trace.${k}`);
      return key === "pipeline" ? [] : [key];
    });
    assert.deepEqual(
      keys.filter((key) => !named.has(key)),
      [],
    );
    for (const key of Object.keys(smtp("a.example"))) {
      assert.ok(named.has(`nextHops.${key}`), key);
    }
  });
});
