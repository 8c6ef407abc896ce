/** The digest of octets that are in memory. */
import type { Crypto, HashName } from "./services.ts";

/** Of all parts, one behind the other. */
export function digestOf(
  crypto: Crypto,
  hash: HashName,
  ...parts: readonly Uint8Array[]
): Promise<Uint8Array> {
  const digest = crypto.digest(hash);
  for (const part of parts) digest.update(part);
  return digest.finish();
}
