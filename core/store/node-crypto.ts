/** Cryptography by node:crypto: digests fed in pieces, and scrypt (RFC 7914) in the thread pool. */
import { createHash, scrypt } from "node:crypto";
import type { Crypto } from "../pipeline/mod.ts";

// libuv has four threads by default, which files and DNS share: more at once would only use more memory.
const scryptMax = 4;
/** Past this many in line the last would wait for minutes, and its client has long gone. */
const scryptWaitingMax = 1_000;
let running = 0;
const waiting: (() => void)[] = [];

/** The engine on node:crypto. */
export const nodeCrypto: Crypto = {
  digest(name) {
    const hash = createHash(name);
    return {
      update: (bytes) => void hash.update(bytes),
      finish: async () => new Uint8Array(hash.digest()),
    };
  },
  async scrypt(password, salt, { n, r, p, keyBytes }) {
    if (waiting.length >= scryptWaitingMax) throw new Error("too many passwords are checked at once");
    if (running >= scryptMax) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await new Promise<Uint8Array>((resolve, reject) => {
        // Twice what RFC 7914 needs: OpenSSL refuses at the bound itself.
        const maxmem = 256 * r * (n + p + 2);
        scrypt(password, salt, keyBytes, { N: n, r, p, maxmem }, (error, key) =>
          error ? reject(error) : resolve(new Uint8Array(key)),
        );
      });
    } finally {
      // The place goes to the next in line, so that nobody overtakes it.
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  },
};
