/** The zod schema of next hops, as `smtp()`, `lmtp()`, `mx()` and `mailbox()` describe them. */
import { z } from "../pipeline/mod.ts";
import { retry } from "./retry-schema.ts";
import { count, flag, keptDuration, list, object, oneOf, text } from "./schema-parts.ts";
import { isHost, isUnixSocket } from "./socket-address.ts";

const server = z.custom<{ host: string; port: number }>(
  (value) => {
    const { host, port } = (value ?? {}) as { host?: unknown; port?: unknown };
    if (typeof host === "string" && isUnixSocket(host)) return port === 0;
    return (
      typeof host === "string" &&
      isHost(host) &&
      Number.isInteger(port) &&
      Number(port) >= 1 &&
      Number(port) <= 65535
    );
  },
  {
    error:
      '"host:port" with a port from 1 to 65535, such as "192.0.2.1:25" or "[2001:db8::1]:25", or "unix:/path"',
  },
);

const fingerprint = "the SHA-256 of a certificate: 64 hexadecimal digits";
const tlsPolicy = z.union(
  [
    z.enum(["none", "opportunistic", "required", "verified"]),
    object({
      fingerprints: list(
        z
          .string({ error: fingerprint })
          .regex(/^[0-9A-Fa-f]{2}(?::?[0-9A-Fa-f]{2}){31}$/, { error: fingerprint }),
        "a list of fingerprints",
        100,
      ).min(1, { error: "at least one fingerprint" }),
    }),
  ],
  { error: '"none" or "opportunistic" or "required" or "verified", or { fingerprints: [...] }' },
);

/** Of next hops whose connections are kept. */
const keptConnections = {
  passReplyText: flag,
  connectTimeout: keptDuration,
  replyTimeout: keptDuration.optional(),
  connectionsMax: count(1, 10_000),
  messagesPerConnectionMax: count(1, 1_000_000).optional(),
  connectionLifeTime: keptDuration.optional(),
  retry: retry.optional(),
};

/** A next hop of any kind. */
export const nextHop = z.discriminatedUnion(
  "kind",
  [
    object({
      kind: z.literal("smtp"),
      protocol: oneOf("smtp", "lmtp").optional(),
      servers: list(server, "a list of servers", 100).min(1, {
        error: 'at least one server: smtp("host:port")',
      }),
      weights: list(count(0, 1000), "a list of whole numbers", 100).optional(),
      mode: oneOf("inline", "queue"),
      tls: tlsPolicy.optional(),
      implicitTls: flag,
      auth: object({ user: text("a user name"), password: text("a password") }).optional(),
      ...keptConnections,
      messagesPerSecondMax: count(1, 1_000_000).optional(),
      forwardClient: oneOf("xclient", "xforward").optional(),
    }),
    object({
      kind: z.literal("mx"),
      mode: oneOf("inline", "queue"),
      port: count(1, 65_535),
      tls: oneOf("none", "opportunistic", "required", "verified"),
      ...keptConnections,
      allowPrivateAddresses: flag,
    }),
    object({
      kind: z.literal("mailbox"),
      folder: z
        .string({ error: "a folder in the data folder" })
        .regex(/^(?!.*\.\.)(?![./])[A-Za-z0-9_./-]{1,100}$/, {
          error: 'a folder in the data folder, such as "mailbox"',
        }),
    }),
  ],
  { error: "smtp(...), lmtp(...), mx() or mailbox()" },
);
