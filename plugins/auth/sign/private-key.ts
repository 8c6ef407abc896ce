/**
 * Reads a private key for signatures from a file, an environment variable or a text, once, while the config is loaded;
 * and says in one line what is wrong with it. For Node and its like.
 */
import type { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { PEM_BYTES_MAX, type SignKeySource } from "./sign-options.ts";

/** A key that can be used. */
export interface PrivateKey {
  readonly algorithm: "rsa" | "ed25519";
  /** Of the modulus, or 256. */
  readonly bits: number;
  /** PKCS #8, which all engines read. */
  readonly pem: string;
  /** Base64 of what `p=` in DNS says (RFC 6376 3.6.1, RFC 8463 4). */
  readonly publicKey: string;
  /** The file, or what else it came from, for people. */
  readonly from: string;
  /** What works and should be better. */
  readonly warnings: readonly string[];
}

/** What is wrong with a key: the words after "found", and what to do. */
export interface KeyFault {
  readonly found: string;
  readonly todo: string;
}

/** Verifiers must not take shorter ones (RFC 8301 3.2), and must be able to take up to 4,096. */
const RSA_BITS_MIN = 1024;
const RSA_BITS_GOOD = 2048;
const RSA_BITS_MAX = 4096;

/** @param make the command that makes such a key, for people */
export function readPrivateKey(source: SignKeySource, make: string): PrivateKey | KeyFault {
  const read = readText(source, make);
  if ("found" in read) return read;
  const { text, from, warnings } = read;
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch {
    return faultOfText(text, from, make);
  }
  const type = key.asymmetricKeyType;
  const bits = type === "ed25519" ? 256 : (key.asymmetricKeyDetails?.modulusLength ?? 0);
  if (type !== "ed25519" && type !== "rsa")
    return { found: `${from}, which is a key of the type ${type}`, todo: `make one with: ${make}` };
  if (type === "rsa" && (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)) {
    const bounds = `${RSA_BITS_MIN} to ${RSA_BITS_MAX}`;
    return { found: `${from}, which is RSA of ${bits} bits`, todo: `take ${bounds} bits: ${make}` };
  }
  const short = type === "rsa" && bits < RSA_BITS_GOOD;
  return {
    algorithm: type,
    bits,
    pem: key.export({ type: "pkcs8", format: "pem" }).toString(),
    publicKey: publicKeyOf(key).toString("base64"),
    from,
    warnings: short ? [...warnings, `${from} has ${bits} bits; take ${RSA_BITS_GOOD}: ${make}`] : warnings,
  };
}

/** RSA: SubjectPublicKeyInfo; Ed25519: the 32 octets alone. */
function publicKeyOf(key: KeyObject): Buffer {
  const spki = createPublicKey(key).export({ type: "spki", format: "der" });
  return key.asymmetricKeyType === "ed25519" ? spki.subarray(spki.length - 32) : spki;
}

interface KeyText {
  readonly text: string;
  readonly from: string;
  readonly warnings: readonly string[];
}

function readText(source: SignKeySource, make: string): KeyText | KeyFault {
  if (typeof source === "string") return ofText(source, "a text");
  if ("file" in source) return readFile(source.file, make);
  const value = process.env[source.env];
  const from = `the variable ${source.env}`;
  if (value === undefined || value === "")
    return {
      found: `${from}, which is ${value === undefined ? "not set" : "empty"}`,
      todo: "set it to the text of a PEM file",
    };
  return ofText(value, from);
}

function ofText(text: string, from: string): KeyText | KeyFault {
  if (text.length > PEM_BYTES_MAX)
    return { found: `${from}, which has ${text.length} characters`, todo: "give the text of a PEM file" };
  // Environment files keep a text in one line.
  return { text: text.replaceAll("\\n", "\n"), from, warnings: [] };
}

function readFile(file: string, make: string): KeyText | KeyFault {
  const from = JSON.stringify(file);
  try {
    const { mode, size } = statSync(file);
    if (size > PEM_BYTES_MAX) return { found: `${from}, which has ${size} octets`, todo: "correct the path" };
    // Whoever may write it signs in our name tomorrow.
    if ((mode & OTHERS_WRITE) !== 0)
      return { found: `${from}, which others may write`, todo: `chmod 600 ${file}` };
    const warnings = (mode & OTHERS_READ) === 0 ? [] : [`${from} can be read by others: chmod 600 ${file}`];
    return { text: readFileSync(file, "latin1"), from, warnings };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EACCES")
      return { found: `${from}, which this user can not read`, todo: "give this user the right to read it" };
    if (code === "EISDIR") return { found: `${from}, which is a folder`, todo: "name the file in it" };
    return { found: `${from}, which is no file`, todo: `correct the path, or make one with: ${make}` };
  }
}

const OTHERS_READ = 0o004;
const OTHERS_WRITE = 0o002;

/** A key in a text that is none: in words that show nothing of it. */
function faultOfText(text: string, from: string, make: string): KeyFault {
  if (ENCRYPTED.test(text))
    return { found: `${from}, which needs a passphrase`, todo: "take it off with openssl pkey" };
  if (text.includes("-----BEGIN PUBLIC KEY-----"))
    return { found: `${from}, which is a public key`, todo: "name the file of the private one" };
  return { found: `${from}, which is no PEM text of a key`, todo: `correct it, or make one with: ${make}` };
}

/** The two ways in which PEM says it (RFC 5958 and 1421). */
const ENCRYPTED = /^(?:-----BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED)/m;
