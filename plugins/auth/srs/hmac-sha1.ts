/** HMAC with SHA-1 (RFC 2104), of the digests that every host has. That SHA-1 collides does not weaken it (RFC 6151). */
import { type Crypto, digestOf } from "postern";

const BLOCK_BYTES = 64;

/** @param key of any length @param bytes what is signed */
export async function hmacSha1(crypto: Crypto, key: Uint8Array, bytes: Uint8Array): Promise<Uint8Array> {
  const block = new Uint8Array(BLOCK_BYTES);
  block.set(key.length > BLOCK_BYTES ? await digestOf(crypto, "sha1", key) : key);
  const inner = await digestOf(crypto, "sha1", xored(block, 0x36), bytes);
  return digestOf(crypto, "sha1", xored(block, 0x5c), inner);
}

const xored = (block: Uint8Array, octet: number): Uint8Array => block.map((one) => one ^ octet);
