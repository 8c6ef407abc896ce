/**
 * The zod schema of a config as users write it. By convention the error text of each schema is what was expected
 * there; for an object it is the list of its keys, from which resolve-config.ts guesses a mistyped one.
 */
import { addressOctets, domainToAscii, isNetwork, isPathFault, parseAddress } from "../mail/mod.ts";
import { z } from "../pipeline/mod.ts";
import { nextHop } from "./next-hop-schema.ts";
import { count, duration, flag, list, object, oneOf, read, size, text } from "./schema-parts.ts";
import { formatSocketAddress, isHost, parseListenerAddress, parseSocketAddress } from "./socket-address.ts";

const DAY_MS = 86_400_000;

const portOnLoopback = (value: unknown) =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 65535
    ? { host: "127.0.0.1", port: Number(value) }
    : undefined;
const address = read('"host:port" such as "127.0.0.1:2525", or a port from 0 to 65535', (value) =>
  typeof value === "string" ? parseSocketAddress(value) : portOnLoopback(value),
);
const listenerAddress = read(
  '"host:port" such as "127.0.0.1:2525", "unix:/path", or a port from 0 to 65535',
  (value) => (typeof value === "string" ? parseListenerAddress(value) : portOnLoopback(value)),
);

const dnsServer = read(
  'the address of a DNS server such as "192.0.2.53", "127.0.0.1:5353" or "[2001:db8::53]:53"',
  (value) => {
    const place = typeof value === "string" ? parseSocketAddress(value, 53) : undefined;
    const isAddress = place !== undefined && place.port > 0 && addressOctets(place.host) !== undefined;
    return isAddress ? formatSocketAddress(place) : undefined;
  },
);

const dohUrl = read(
  'the https URL of a DoH server such as "https://dns.example/dns-query"; http only on loopback',
  (value) => {
    const url = typeof value === "string" ? URL.parse(value) : null;
    if (url === null || url.username !== "" || url.password !== "" || url.hash !== "") return undefined;
    const isLoopback = url.hostname === "127.0.0.1" || url.hostname === "[::1]";
    return url.protocol === "https:" || (url.protocol === "http:" && isLoopback) ? url.href : undefined;
  },
);

const network = (power: string) =>
  read(
    `a network such as "192.0.2.0/24" or "2001:db8::/32", no wider than /8, or /16 of IPv6: whoever is in it may ${power}`,
    (value) =>
      typeof value === "string" && isNetwork(value) && !isTooWide(value) ? value.toLowerCase() : undefined,
  );

/** Two halves of the Internet are the whole of it: nothing wider than the largest private network (RFC 1918 3, RFC 4193 3.1). */
function isTooWide(cidr: string): boolean {
  const [address = "", length] = cidr.split("/");
  const octets = addressOctets(address) ?? [];
  if (length === undefined) return false;
  if (octets.length === 4) return Number(length) < 8;
  const first = ((octets[0] ?? 0) << 8) | (octets[1] ?? 0);
  // fc00::/7 are the unique local addresses, fe80::/10 those of a link (RFC 4291 2.5.6).
  if ((first & 0xfe00) === 0xfc00) return Number(length) < 7;
  return Number(length) < ((first & 0xffc0) === 0xfe80 ? 10 : 16);
}

const certificateName = read('a host name such as "mx.example.com" or "*.example.com"', (value) => {
  if (typeof value !== "string") return undefined;
  const star = value.startsWith("*.") ? "*." : "";
  const name = domainToAscii(value.slice(star.length));
  return name === undefined || name.startsWith("[") ? undefined : star + name;
});

const certificate = object({
  keyFile: text("the path of a PEM file"),
  certFile: text("the path of a PEM file"),
  names: list(certificateName, "a list of host names", 1000)
    .min(1, { error: "at least one name" })
    .optional(),
});

const listener = object({
  name: z
    .string({ error: "a short name" })
    .regex(/^[A-Za-z0-9_.-]{1,40}$/, { error: "a short name of letters, digits, dot and dash" })
    .optional(),
  kind: oneOf("relay", "submission", "submissions", "lmtp").default("relay"),
  address: listenerAddress,
  tls: z
    .union(
      [
        certificate,
        list(certificate, "a list of certificates", 100).min(1, { error: "at least one certificate" }),
      ],
      { error: "an object with keyFile, certFile, names, or a list of such objects" },
    )
    .optional(),
  authRequired: flag.optional(),
  greetingDelay: duration(0, 60_000, "up to 60s").optional(),
  trustedNetworks: list(network("relay"), "a list of networks").optional(),
  proxyProtocol: list(network("say who the client is"), "a list of networks").default([]),
  xclient: list(network("say who the client is"), "a list of networks").default([]),
  xforward: list(network("say of whom it had a message"), "a list of networks").default([]),
  upstreams: list(network("name the client in its Received field"), "a list of networks").default([]),
  earlyTalkers: oneOf("note", "refuse").default("note"),
  bareNewlines: oneOf("refuse", "normalise").default("refuse"),
  lenientAddresses: flag.default(false),
  advertise: object({
    eightBitMime: flag.optional(),
    smtputf8: flag.optional(),
    dsn: flag.optional(),
    requireTls: flag.optional(),
    messageBytesMax: size(1024, "of at least 1KB").optional(),
  }).optional(),
});

const domains = z.preprocess(
  (value) =>
    typeof value === "string"
      ? value
          .split(",")
          .map((name) => name.trim())
          .filter((name) => name !== "")
      : value,
  list(
    text('a mail domain such as "example.com"'),
    'a list of mail domains such as ["example.com"]',
    100_000,
  ).default([]),
);

const oneOrMore = (expected: string, isOne: (text: string) => boolean) =>
  z.preprocess(
    (value) => (typeof value === "string" ? [value] : value),
    list(
      z.string({ error: expected }).refine(isOne, { error: expected }),
      `${expected}, or a list of them`,
    ).min(1, { error: "a list that is not empty" }),
  );

/** "ann@example.com" or "*@example.com". */
function isAddressOrDomain(text: string): boolean {
  const plain = text.startsWith("*@") ? `x${text.slice(1)}` : text;
  // Other stars would be taken for patterns.
  return !plain.includes("*") && !isPathFault(parseAddress(plain));
}

const dialogueRule = object({
  client: oneOrMore('a network such as "192.0.2.0/24"', isNetwork).optional(),
  address: oneOrMore('an address such as "ann@example.com" or "*@example.com"', isAddressOrDomain).optional(),
}).refine(({ client, address }) => client !== undefined || address !== undefined, {
  error: "at least one of client, address",
});

const dsnPolicy = oneOf("authenticated", "spf-aligned", "always");
const dsnOptions = object({
  policy: dsnPolicy.default("spf-aligned"),
  contentBytesMax: size(0, "of at least 0").default(64 * 2 ** 10),
});
const dsn = z
  .union([dsnPolicy.transform((policy) => dsnOptions.parse({ policy })), dsnOptions], {
    error: '"authenticated" or "spf-aligned" or "always", or { policy, contentBytesMax }',
  })
  .prefault({});

/** The schema of a whole config; the pipeline is checked apart. */
export const configSchema = object({
  hostName: z
    .string({ error: 'a host name such as "mail.example.com"' })
    .refine(isHost, { error: 'a host name such as "mail.example.com"' })
    .optional(),
  listeners: list(listener, "a list of listeners", 100)
    .min(1, { error: "at least one listener" })
    .prefault([{ address: "127.0.0.1:2525" }]),
  http: z
    .union(
      [
        z.literal(false),
        object({ address, hostNames: list(text("a host name"), "a list of host names").optional() }),
        address.transform((value) => ({ address: value, hostNames: undefined })),
      ],
      {
        error: '"host:port" such as "127.0.0.1:8025", { address, hostNames }, or false',
      },
    )
    .optional(),
  data: text("the path of a folder").default(".postern"),
  domains,
  postmaster: text('an address such as "admin@example.com"').optional(),
  dns: object({
    servers: list(dnsServer, "a list of DNS servers", 10).min(1, { error: "at least one server" }).optional(),
    doh: dohUrl.optional(),
  })
    .refine(({ servers, doh }) => servers !== undefined || doh !== undefined, {
      error: "'servers' or 'doh'; without 'dns' the servers of the system are asked",
    })
    .refine(({ servers, doh }) => servers === undefined || doh === undefined, {
      error: "either 'servers' or 'doh': of both, one would never be asked",
    })
    .transform(({ servers = [], doh }) => (doh === undefined ? { servers } : { doh }))
    .optional(),
  nextHops: z
    .record(
      z
        .string()
        .regex(/^[A-Za-z][A-Za-z0-9_-]{0,39}$/, { error: "a name of letters, digits, dash and underscore" }),
      nextHop,
      { error: "an object of next hops by name, such as { backend: mailbox() }" },
    )
    .default({}),
  pipeline: z.any(),
  limits: object({
    messageBytesMax: size(1024, "of at least 1KB").default(50 * 2 ** 20),
    recipientsMax: count(1, 100_000).default(1000),
    sessionsMax: count(1, 100_000).default(1000),
    sessionsPerClientMax: count(1, 100_000).default(50),
    messagesPerSessionMax: count(1, 10_000_000).default(1000),
    commandsPerMessageMax: count(10, 1_000_000).default(200),
    failedCommandsMax: count(1, 100_000).default(20),
    unknownRecipientsMax: count(1, 100_000).default(100),
    authFailuresMax: count(1, 100).default(5),
    authFailuresPerClientMax: count(1, 100_000).default(100),
    authFailuresKept: duration(60_000, 7 * DAY_MS, "from 1m to 7d").default(3_600_000),
    authDelay: duration(0, 30_000, "up to 30s").default(1000),
    // RFC 5321 4.5.3.1.4 asks for 512 octets of a command, and each extension for some more.
    lineBytesMax: size(2048, "of at least 2KB").default(16 * 2 ** 10),
    idle: duration(1000, DAY_MS, "from 1s to 1d").default(300_000),
    session: duration(1000, DAY_MS, "from 1s to 1d").default(3_600_000),
    message: duration(1000, DAY_MS, "from 1s to 1d").default(3_600_000),
    contentBytesPerSecondMin: count(0, 1_000_000).default(100),
    dns: duration(100, 60_000, "from 100ms to 1m").default(9_000),
  }).prefault({}),
  onMixedVerdict: oneOf("quarantine", "refuse", "dsn").optional(),
  onMixedTempfail: oneOf("all", "spool").default("all"),
  dsn,
  split: oneOf("later", "spool").default("later"),
  deadline: duration(1000, 600_000, "from 1s to 10m").default(120_000),
  trace: object({
    entriesMax: count(3, 100_000).default(300),
    ageMax: duration(60_000, 3650 * DAY_MS, "from 1m").default(7 * DAY_MS),
    bytesMax: size(2 ** 20, "of at least 1MB").default(256 * 2 ** 20),
    dialogue: list(dialogueRule, "a list of { client, address }", 100).default([]),
  }).prefault({}),
});

/** A config after the schema, before the checks of the whole. */
export type ParsedConfig = z.output<typeof configSchema>;
