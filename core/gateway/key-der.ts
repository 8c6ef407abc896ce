/**
 * Reads the keys that sign mail from their DER (X.690) and PEM (RFC 7468) forms, so that all engines take the same ones,
 * and writes them in the one form that every engine imports. Any fault makes it no key. Not for certificates.
 */
import { decodeBase64 } from "../mail/mod.ts";
import type { KeyType } from "../pipeline/mod.ts";

/** A public key in the form for import. */
export interface PublicKeyInfo {
  readonly bits: number;
  /** SubjectPublicKeyInfo in DER, written anew. */
  readonly spki: Uint8Array<ArrayBuffer>;
}

/** A private key in the form for import. */
export interface PrivateKeyInfo {
  readonly type: KeyType;
  readonly bits: number;
  /** PKCS #8 in DER, version 1, written anew. */
  readonly pkcs8: Uint8Array<ArrayBuffer>;
  /** SubjectPublicKeyInfo; undefined for Ed25519, whose public half has to be computed. */
  readonly spki: Uint8Array<ArrayBuffer> | undefined;
}

/** Octets of a PEM text: keys of 8,192 bits have some 6,500. */
const PEM_CHARACTERS_MAX = 65_536;
/** Not every engine takes shorter ones, and each mail client can break them. */
const MODULUS_BITS_MIN = 512;
/** Larger ones take an engine milliseconds to verify with. */
const MODULUS_BITS_MAX = 8_192;
/** A long exponent makes verifying as slow as signing; BoringSSL has the same bound. */
const EXPONENT_BITS_MAX = 33;
const ED25519_BYTES = 32;

/** A public key of a type; undefined where it is none, or too large. */
export function readPublicKey(type: KeyType, octets: Uint8Array): PublicKeyInfo | undefined {
  return orUndefined(() => {
    if (type === "ed25519") return ed25519Public(octets);
    const outer = new DerReader(octets);
    const first = outer.take(SEQUENCE);
    outer.end();
    // RSAPublicKey begins with a number, SubjectPublicKeyInfo with the name of the algorithm.
    if (first.next === INTEGER) return rsaPublic(first);
    expectAlgorithm(first.take(SEQUENCE), RSA_ENCRYPTION);
    const inner = new DerReader(wholeOctets(first.takeBytes(BIT_STRING)));
    first.end();
    const key = inner.take(SEQUENCE);
    inner.end();
    return rsaPublic(key);
  });
}

/**
 * A private key in a PEM text.
 *
 * @throws TypeError in words that show nothing of it
 */
export function readPrivateKey(pem: string): PrivateKeyInfo {
  const { label, octets } = readPem(pem);
  const info = orUndefined(() => {
    const outer = new DerReader(octets);
    const key = outer.take(SEQUENCE);
    outer.end();
    return label === "RSA PRIVATE KEY" ? rsaPrivate(octets, key) : ofPkcs8(key);
  });
  if (!info) throw new TypeError("it holds no RSA or Ed25519 key");
  return info;
}

function ofPkcs8(key: DerReader): PrivateKeyInfo {
  const [version] = key.takeBytes(INTEGER);
  if (version !== 0 && version !== 1) throw new NoKey();
  const algorithm = key.take(SEQUENCE);
  const inner = key.takeBytes(OCTET_STRING);
  if (algorithm.next === OBJECT && same(algorithm.peekBytes(OBJECT), ED25519)) {
    expectAlgorithm(algorithm, ED25519);
    const seedReader = new DerReader(inner);
    const seed = seedReader.takeBytes(OCTET_STRING);
    seedReader.end();
    if (seed.length !== ED25519_BYTES) throw new NoKey();
    const pkcs8 = der(SEQUENCE, NUMBER_0, der(SEQUENCE, der(OBJECT, ED25519)), der(OCTET_STRING, inner));
    return { type: "ed25519", bits: 256, pkcs8, spki: undefined };
  }
  expectAlgorithm(algorithm, RSA_ENCRYPTION);
  const outer = new DerReader(inner);
  const rsa = outer.take(SEQUENCE);
  outer.end();
  return rsaPrivate(inner, rsa);
}

function rsaPrivate(octets: Uint8Array, key: DerReader): PrivateKeyInfo {
  // RFC 8017 A.1.2: version 0 has two primes.
  if (!same(key.takeBytes(INTEGER), ZERO)) throw new NoKey();
  const { bits, spki } = rsaPublicOf(key.takeNumber(), key.takeNumber());
  for (let n = 0; n < RSA_SECRET_NUMBERS; n++) key.takeNumber();
  key.end();
  const pkcs8 = der(SEQUENCE, NUMBER_0, RSA_ALGORITHM, der(OCTET_STRING, octets));
  return { type: "rsa", bits, pkcs8, spki };
}

function rsaPublic(key: DerReader): PublicKeyInfo {
  const [modulus, exponent] = [key.takeNumber(), key.takeNumber()];
  key.end();
  return rsaPublicOf(modulus, exponent);
}

function rsaPublicOf(modulus: Uint8Array, exponent: Uint8Array): PublicKeyInfo {
  const bits = bitsOf(modulus);
  const isOdd = (number: Uint8Array): boolean => ((number.at(-1) ?? 0) & 1) === 1;
  if (bits < MODULUS_BITS_MIN || bits > MODULUS_BITS_MAX || !isOdd(modulus) || !isOdd(exponent))
    throw new NoKey();
  if (bitsOf(exponent) > EXPONENT_BITS_MAX || bitsOf(exponent) < 2) throw new NoKey();
  const key = der(SEQUENCE, der(INTEGER, signed(modulus)), der(INTEGER, signed(exponent)));
  return { bits, spki: der(SEQUENCE, RSA_ALGORITHM, der(BIT_STRING, ZERO, key)) };
}

function ed25519Public(octets: Uint8Array): PublicKeyInfo {
  let key = octets;
  if (octets.length !== ED25519_BYTES) {
    const outer = new DerReader(octets);
    const info = outer.take(SEQUENCE);
    outer.end();
    expectAlgorithm(info.take(SEQUENCE), ED25519);
    key = wholeOctets(info.takeBytes(BIT_STRING));
    info.end();
    if (key.length !== ED25519_BYTES) throw new NoKey();
  }
  return { bits: 256, spki: ed25519Spki(key) };
}

/** SubjectPublicKeyInfo of the 32 octets of an Ed25519 key (RFC 8410 4). */
export function ed25519Spki(key: Uint8Array): Uint8Array<ArrayBuffer> {
  return der(SEQUENCE, der(SEQUENCE, der(OBJECT, ED25519)), der(BIT_STRING, ZERO, key));
}

function readPem(pem: string): { readonly label: string; readonly octets: Uint8Array } {
  if (typeof pem !== "string" || pem.length > PEM_CHARACTERS_MAX) throw new TypeError("it is no PEM text");
  const begin = /-----BEGIN ([A-Z0-9 ]{1,40})-----/.exec(pem);
  const label = begin?.[1] ?? "";
  if (label === "ENCRYPTED PRIVATE KEY" || pem.includes("Proc-Type: 4,ENCRYPTED"))
    throw new TypeError("it needs a passphrase");
  if (label === "PUBLIC KEY" || label === "RSA PUBLIC KEY") throw new TypeError("it is a public key");
  const start = (begin?.index ?? 0) + (begin?.[0].length ?? 0);
  const end = pem.indexOf(`-----END ${label}-----`, start);
  if (begin === null || end < 0) throw new TypeError("it is no PEM text");
  if (label !== "PRIVATE KEY" && label !== "RSA PRIVATE KEY") throw new TypeError("it holds no private key");
  const octets = decodeBase64(pem.slice(start, end));
  if (!octets) throw new TypeError("its base64 is broken");
  return { label, octets };
}

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const NULL = 0x05;
const OBJECT = 0x06;
const SEQUENCE = 0x30;
const ZERO = Uint8Array.of(0);
const NUMBER_0 = der(INTEGER, ZERO);
/** 1.2.840.113549.1.1.1 (RFC 8017 A.1) and 1.3.101.112 (RFC 8410 3). */
const RSA_ENCRYPTION = Uint8Array.of(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01);
const ED25519 = Uint8Array.of(0x2b, 0x65, 0x70);
const RSA_ALGORITHM = der(SEQUENCE, der(OBJECT, RSA_ENCRYPTION), der(NULL));
/** d, p, q, d mod p-1, d mod q-1, 1/q mod p. */
const RSA_SECRET_NUMBERS = 6;

class NoKey extends Error {}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof NoKey) return undefined;
    throw error;
  }
}

/** The values of one constructed value, in order. Lengths are definite and shortest, as DER has them. */
class DerReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The tag of the next value; undefined at the end. */
  get next(): number | undefined {
    return this.#bytes[this.#at];
  }

  take(tag: number): DerReader {
    return new DerReader(this.takeBytes(tag));
  }

  peekBytes(tag: number): Uint8Array {
    const at = this.#at;
    const bytes = this.takeBytes(tag);
    this.#at = at;
    return bytes;
  }

  takeBytes(tag: number): Uint8Array {
    if (this.#bytes[this.#at] !== tag) throw new NoKey();
    const start = this.#at + 2;
    const first = this.#bytes[this.#at + 1] ?? 0x80;
    // Three octets of length are 16 MB, far past any key.
    const more = first < 0x80 ? 0 : first - 0x80;
    if (first === 0x80 || more > 3) throw new NoKey();
    let length = more === 0 ? first : 0;
    for (let n = 0; n < more; n++) length = length * 256 + (this.#bytes[start + n] ?? 0);
    if (more > 0 && (length < 0x80 || length < 256 ** (more - 1))) throw new NoKey();
    const end = start + more + length;
    if (end > this.#bytes.length) throw new NoKey();
    this.#at = end;
    return this.#bytes.subarray(start + more, end);
  }

  /** A number above zero, without the octet of its sign. */
  takeNumber(): Uint8Array {
    const bytes = this.takeBytes(INTEGER);
    const [first = 0x80, second = 0] = bytes;
    if (first >= 0x80 || (first === 0 && second < 0x80)) throw new NoKey();
    return first === 0 ? bytes.subarray(1) : bytes;
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new NoKey();
  }
}

/** Throws but for that algorithm without parameters, or with NULL as RSA has it (RFC 3279 2.3.1). */
function expectAlgorithm(algorithm: DerReader, object: Uint8Array): void {
  if (!same(algorithm.takeBytes(OBJECT), object)) throw new NoKey();
  if (algorithm.next === NULL && object === RSA_ENCRYPTION) algorithm.takeBytes(NULL);
  algorithm.end();
}

/** The octets of a bit string that has no bits left over. */
function wholeOctets(bits: Uint8Array): Uint8Array {
  if (bits[0] !== 0) throw new NoKey();
  return bits.subarray(1);
}

const bitsOf = (number: Uint8Array): number =>
  number.length === 0 ? 0 : number.length * 8 - Math.clz32(number[0]!) + 24;

/** With the octet that keeps a high bit from being the sign. */
const signed = (number: Uint8Array): Uint8Array => (number[0]! < 0x80 ? number : Uint8Array.of(0, ...number));

const same = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((n, i) => n === b[i]);

/** One value of these parts. */
function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const head = [tag, ...lengthOf(length)];
  const out = new Uint8Array(head.length + length);
  out.set(head);
  let at = head.length;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function lengthOf(length: number): readonly number[] {
  if (length < 0x80) return [length];
  if (length < 0x100) return [0x81, length];
  if (length < 0x1_0000) return [0x82, length >> 8, length & 0xff];
  return [0x83, length >> 16, (length >> 8) & 0xff, length & 0xff];
}
