/**
 * Cryptography by node:crypto: digests fed in pieces, scrypt (RFC 7914) in the thread pool, and signatures. RSA signs in the
 * thread pool, as that takes a quarter of a millisecond and more. All else of signatures is done at once: it takes 25 to
 * 70 us, and the way to a thread and back takes as much again.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  scrypt,
  sign,
  verify,
} from "node:crypto";
import { KeyHandles, readPrivateKey, readPublicKey } from "../gateway/mod.ts";
import type { Crypto, SigningKey, VerifyKey } from "../pipeline/mod.ts";

const verifyKeys = new KeyHandles<VerifyKey, KeyObject>();
const signingKeys = new KeyHandles<SigningKey, KeyObject>();

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
  async verifyKey(type, octets) {
    const info = readPublicKey(type, octets);
    if (!info) return undefined;
    const key = createPublicKey({ key: bufferOf(info.spki), format: "der", type: "spki" });
    return verifyKeys.hold({ type, bits: info.bits }, key);
  },
  async verify(key, hash, bytes, signature) {
    const object = verifyKeys.key(key);
    return verify(key.type === "rsa" ? hash : null, bytes, object, signature);
  },
  async signingKey(pem) {
    const { type, bits, pkcs8 } = readPrivateKey(pem);
    const key = createPrivateKey({ key: bufferOf(pkcs8), format: "der", type: "pkcs8" });
    const spki = createPublicKey(key).export({ format: "der", type: "spki" });
    return signingKeys.hold({ type, bits, publicKey: new Uint8Array(spki) }, key);
  },
  async sign(key, hash, bytes) {
    const object = signingKeys.key(key);
    if (key.type === "ed25519") return new Uint8Array(sign(null, bytes, object));
    return new Promise((resolve, reject) => {
      sign(hash, bytes, object, (error, signature) =>
        error ? reject(error) : resolve(new Uint8Array(signature)),
      );
    });
  },
};

const bufferOf = (bytes: Uint8Array<ArrayBuffer>): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
