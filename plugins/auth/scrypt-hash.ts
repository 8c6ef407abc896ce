/**
 * Password hashes of the form `scrypt$N$r$p$salt$hash` (RFC 7914; salt and hash in base64), read within bounds, so
 * that a wrong config can not make a login cost gigabytes. Making hashes is not done here.
 */
import { type Crypto, equalInConstantTime, fromBase64 } from "postern";

/** A hash that was read. */
export interface ScryptHash {
  readonly n: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Uint8Array;
  readonly key: Uint8Array;
}

/** Upper bound of the memory of one hash: 128 * N * r octets. */
const MEMORY_BYTES_MAX = 64 * 1024 * 1024;

/** Reads a hash; undefined when it has another form or is out of bounds (N 2^14..2^17, r 1..16, p 1..4, 64 MiB). */
export function parseScryptHash(text: string): ScryptHash | undefined {
  const match = /^scrypt\$(\d{1,7})\$(\d{1,2})\$(\d)\$([^$]{8,128})\$([^$]{22,128})$/.exec(text);
  if (!match) return undefined;
  const [n, r, p] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const salt = fromBase64(match[4] ?? "");
  const key = fromBase64(match[5] ?? "");
  if (n < 2 ** 14 || n > 2 ** 17 || (n & (n - 1)) !== 0) return undefined;
  if (r < 1 || r > 16 || p < 1 || p > 4 || 128 * n * r > MEMORY_BYTES_MAX) return undefined;
  if (!salt || salt.length < 8 || !key || key.length < 16 || key.length > 64) return undefined;
  return { n, r, p, salt, key };
}

/** Whether the password gives this hash. */
export async function matchesScrypt(crypto: Crypto, password: string, hash: ScryptHash): Promise<boolean> {
  const { n, r, p, salt, key } = hash;
  const parameters = { n, r, p, keyBytes: key.length };
  return equalInConstantTime(await crypto.scrypt(new TextEncoder().encode(password), salt, parameters), key);
}
