/**
 * Signatures by Web Crypto, with keys that do not come out again: RSASSA-PKCS1-v1_5 with SHA-256, and Ed25519 (Secure
 * Curves in the Web Cryptography API).
 */
import { decodeBase64 } from "../mail/mod.ts";
import type { Crypto, SigningKey, VerifyKey } from "../pipeline/mod.ts";
import { ed25519Spki, readPrivateKey, readPublicKey } from "./key-der.ts";
import { KeyHandles } from "./key-handles.ts";

const verifyKeys = new KeyHandles<VerifyKey, CryptoKey>();
const signingKeys = new KeyHandles<SigningKey, CryptoKey>();

/** The half of the engine on Web standards that has to do with signatures. */
export const webSignatures: Pick<Crypto, "verifyKey" | "verify" | "signingKey" | "sign"> = {
  async verifyKey(type, octets) {
    const info = readPublicKey(type, octets);
    if (!info) return undefined;
    const key = await crypto.subtle.importKey("spki", info.spki, ALGORITHMS[type], false, ["verify"]);
    return verifyKeys.hold({ type, bits: info.bits }, key);
  },
  verify: async (key, _hash, bytes, signature) =>
    crypto.subtle.verify(ALGORITHMS[key.type], verifyKeys.key(key), owned(signature), owned(bytes)),
  async signingKey(pem) {
    const { type, bits, pkcs8, spki } = readPrivateKey(pem);
    const key = await crypto.subtle.importKey("pkcs8", pkcs8, ALGORITHMS[type], false, ["sign"]);
    return signingKeys.hold({ type, bits, publicKey: spki ?? (await publicHalf(pkcs8)) }, key);
  },
  sign: async (key, _hash, bytes) =>
    new Uint8Array(await crypto.subtle.sign(ALGORITHMS[key.type], signingKeys.key(key), owned(bytes))),
};

const ALGORITHMS = {
  rsa: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  ed25519: { name: "Ed25519" },
} as const;

/** Of an Ed25519 key: Web Crypto computes it, and tells it only of a key that may come out. That one is let go here. */
async function publicHalf(pkcs8: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, ALGORITHMS.ed25519, true, ["sign"]);
  const { x = "" } = (await crypto.subtle.exportKey("jwk", key)) as { readonly x?: string };
  const octets = decodeBase64(x.replaceAll("-", "+").replaceAll("_", "/"));
  if (octets?.length !== 32) throw new TypeError("this host computes no public keys");
  return ed25519Spki(octets);
}

/** Web Crypto takes no views of shared memory; what is none is not copied. */
const owned = (bytes: Uint8Array): Uint8Array<ArrayBuffer> =>
  bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : Uint8Array.from(bytes);
