/**
 * Cryptography by Web standards, for hosts without node:crypto. Web Crypto knows neither streamed digests nor scrypt;
 * both come from @noble/hashes, which is audited and has no dependencies.
 */
import { sha1 } from "@noble/hashes/legacy.js";
import { scryptAsync } from "@noble/hashes/scrypt.js";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import type { Crypto, HashName } from "../pipeline/mod.ts";
import { webSignatures } from "./web-signatures.ts";

const HASHES = { sha1, sha256, sha512 } as const;

/** Cryptography that needs only Web standards. */
export const webCrypto: Crypto = {
  digest(name: HashName) {
    const hash = HASHES[name].create();
    return {
      update: (bytes) => void hash.update(bytes),
      finish: async () => hash.digest(),
    };
  },
  scrypt: (password, salt, { n, r, p, keyBytes }) =>
    scryptAsync(password, salt, { N: n, r, p, dkLen: keyBytes, maxmem: 2 ** 30 }),
  ...webSignatures,
};
