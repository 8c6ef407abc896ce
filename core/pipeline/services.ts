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
  /** How long "there is none" holds (RFC 2308 5); absent where nobody told. */
  | { readonly status: "nxdomain" | "nodata"; readonly ttlSeconds?: number }
  | { readonly status: "servfail" | "timeout" };

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

/** The kinds of key that sign mail (RFC 8301, RFC 8463). */
export type KeyType = "rsa" | "ed25519";

/** The hash of signatures by RSA; SHA-1 must be neither made nor taken (RFC 8301 3.1). */
export type SignatureHash = "sha256";

/** A public key as its engine keeps it. It is of use only to the engine that made it. */
export interface VerifyKey {
  readonly type: KeyType;
  /** Of the modulus, or 256. */
  readonly bits: number;
}

/** A private key as its engine keeps it: the secret does not come out again. */
export interface SigningKey {
  readonly type: KeyType;
  /** Of the modulus, or 256. */
  readonly bits: number;
  /** Its public half, as SubjectPublicKeyInfo in DER (RFC 5280 4.1.2.7). */
  readonly publicKey: Uint8Array;
}

/** Cryptography that hosts do by their own means. */
export interface Crypto {
  digest(name: HashName): Digest;
  scrypt(password: Uint8Array, salt: Uint8Array, parameters: ScryptParameters): Promise<Uint8Array>;
  /**
   * Takes a public key: SubjectPublicKeyInfo in DER, for RSA also RSAPublicKey (RFC 8017 A.1.1), for Ed25519 also the 32
   * octets alone (RFC 8463 4). Undefined where the octets are no such key, or RSA whose modulus has less than 512 or
   * over 8,192 bits or whose exponent has over 33: by long ones it takes too long to verify.
   */
  verifyKey(type: KeyType, octets: Uint8Array): Promise<VerifyKey | undefined>;
  /**
   * Whether a signature is of these octets by that key: RSASSA-PKCS1-v1_5 with the hash (RFC 8017 8.2), or Ed25519 of the
   * octets themselves (RFC 8032 5.1), where DKIM wants the hash given in their place (RFC 8463 3). A signature of a wrong
   * form is none. Rejects where the host can not verify at all.
   */
  verify(key: VerifyKey, hash: SignatureHash, bytes: Uint8Array, signature: Uint8Array): Promise<boolean>;
  /**
   * Takes a private key without a passphrase from a PEM text: PKCS #8 (RFC 5958), or RSAPrivateKey (RFC 8017 A.1.2).
   * Rejects with a TypeError in words that show nothing of it.
   */
  signingKey(pem: string): Promise<SigningKey>;
  /** The signature of these octets, as `verify` takes it. */
  sign(key: SigningKey, hash: SignatureHash, bytes: Uint8Array): Promise<Uint8Array>;
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
