/**
 * The outside world as plugins see it. All of a plugin's input comes through these, so that a run can be recorded,
 * replayed and tested. Hosts give the engines.
 */

/** Time, in milliseconds. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Milliseconds of a clock that never goes back; only differences mean something. */
  monotonic(): number;
  /** Resolves after `ms`, or rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Randomness fit for secrets. */
export interface Random {
  bytes(length: number): Uint8Array<ArrayBuffer>;
}

/** Values that may stand in a log line. */
export type LogFields = {
  readonly [key: string]: string | number | boolean | null | undefined | readonly string[];
};

/** The log. `event` is a short constant such as "nextHopDown"; all that varies is in the fields. */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

/** The kinds of DNS record that mail needs. */
export type DnsType = "A" | "AAAA" | "MX" | "TXT" | "PTR" | "CNAME" | "NS" | "SOA" | "TLSA";

/** Records of one answer. MX reads "10 mx.example.", TXT strings are joined (RFC 7208 3.3), the rest as in zone files. */
export type DnsAnswer =
  | { readonly status: "found"; readonly records: readonly string[]; readonly ttlSeconds: number }
  | { readonly status: "nxdomain" | "nodata" | "servfail" | "timeout" };

/** DNS look-ups. Outcomes are values; it rejects only when the signal aborts. */
export interface Resolver {
  resolve(name: string, type: DnsType, signal?: AbortSignal): Promise<DnsAnswer>;
}

/** Keyed state with expiry: greylists, limits, caches. Shared by all workers of a gateway; JSON values. */
export interface Store {
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown, ttlMs: number): Promise<void>;
  delete(key: string): Promise<void>;
  /** Adds to a counter (0 when absent or expired) and returns the sum; the expiry is set when it is created. */
  increment(key: string, by: number, ttlMs: number): Promise<number>;
  /** Sets only when the present value equals `expected` (absent: undefined) as JSON; tells whether it did. */
  compareAndSet(key: string, expected: unknown, value: unknown, ttlMs: number): Promise<boolean>;
}

/** Hash functions of mail. */
export const HASH_NAMES = ["sha1", "sha256", "sha512"] as const;

/** One of them. */
export type HashName = (typeof HASH_NAMES)[number];

/** A digest fed in pieces. */
export interface Digest {
  update(bytes: Uint8Array): void;
  /** The hash; the digest can not be used afterwards. */
  finish(): Promise<Uint8Array>;
}

/** Parameters of scrypt (RFC 7914). */
export interface ScryptParameters {
  /** Cost factor: a power of two of iterations, each of 128 * r octets. */
  readonly n: number;
  /** Block size, in units of 128 octets. */
  readonly r: number;
  /** How many times the whole is done. */
  readonly p: number;
  readonly keyBytes: number;
}

/** Cryptography that hosts do by their own means. */
export interface Crypto {
  digest(name: HashName): Digest;
  scrypt(password: Uint8Array, salt: Uint8Array, parameters: ScryptParameters): Promise<Uint8Array>;
}

/** All that a plugin may need of a host. */
export const CAPABILITIES = [
  "clientIp",
  "ehlo",
  "tls",
  "auth",
  "dns",
  "fetch",
  "tcp",
  "files",
  "rewriteBody",
  "manyRecipients",
] as const;

/** What a plugin may need of a host; a host that lacks one stops the start, naming plugin and lack. */
export type Capability = (typeof CAPABILITIES)[number];
