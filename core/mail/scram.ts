/**
 * The cryptography of SCRAM-SHA-256 (RFC 5802 3, RFC 7677) for both sides, and the form in which its keys are stored.
 * By Web Crypto. The messages of an exchange are not here: the client's are in core/relay, the server's in core/smtp.
 */
import { toBase64 } from "./base64.ts";
import { octetsOf } from "./octets.ts";
import { saslPrep } from "./sasl-prep.ts";

/** RFC 7677 4 asks for at least this many. */
export const scramIterationsMin = 4096;
/** More would cost each log-in seconds, on our side or the client's. */
export const scramIterationsMax = 1_000_000;

/** What a password is derived with. The salt has 8 to 64 octets. */
export interface ScramCost {
  readonly salt: Uint8Array;
  /** Rounds of PBKDF2. */
  readonly iterations: number;
}

/** What a server keeps of a password: enough to know a client that has it, not enough to be one. */
export interface ScramKeys extends ScramCost {
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

const KEY_BYTES = 32;
const SALT_BYTES_MIN = 8;
const SALT_BYTES_MAX = 64;
const FORM =
  /^SCRAM-SHA-256\$([1-9]\d{3,6}):([A-Za-z0-9+/=]{12,88})\$([A-Za-z0-9+/=]{44}):([A-Za-z0-9+/=]{44})$/;

/**
 * Reads `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, all but the number in base64, the form that
 * PostgreSQL stores. Undefined when it has another form or is out of bounds.
 */
export function parseScramKeys(text: string): ScramKeys | undefined {
  const [, iterations, ...rest] = FORM.exec(text) ?? [];
  const [salt, storedKey, serverKey] = rest.map(fromBase64);
  const keys = { iterations: Number(iterations), salt, storedKey, serverKey };
  return isScramKeys(keys) ? keys : undefined;
}

/** Writes what `parseScramKeys` reads. */
export function formatScramKeys({ iterations, salt, storedKey, serverKey }: ScramKeys): string {
  return `SCRAM-SHA-256$${iterations}:${toBase64(salt)}$${toBase64(storedKey)}:${toBase64(serverKey)}`;
}

/** Whether a value holds keys within bounds: JavaScript may give anything. */
export function isScramKeys(value: unknown): value is ScramKeys {
  const { iterations, salt, storedKey, serverKey } = (value ?? {}) as { readonly [key: string]: unknown };
  if (!isScramIterations(iterations)) return false;
  if (!(salt instanceof Uint8Array) || !isScramSaltLength(salt.length)) return false;
  return [storedKey, serverKey].every((key) => key instanceof Uint8Array && key.length === KEY_BYTES);
}

/** Whether a value is a number of iterations within bounds. */
export function isScramIterations(value: unknown): value is number {
  return (
    Number.isInteger(value) && Number(value) >= scramIterationsMin && Number(value) <= scramIterationsMax
  );
}

/** Whether a salt may have this many octets. */
export function isScramSaltLength(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= SALT_BYTES_MIN && Number(value) <= SALT_BYTES_MAX;
}

/** The keys of a password. */
export async function scramKeysOf(password: string, { salt, iterations }: ScramCost): Promise<ScramKeys> {
  const { clientKey, serverKey } = await derive(password, { salt, iterations });
  return { salt, iterations, storedKey: await sha256(clientKey), serverKey };
}

/** Whether a password is the one that keys were made of: for mechanisms that send it. */
export async function matchesScram(password: string, keys: ScramKeys): Promise<boolean> {
  const { storedKey } = await scramKeysOf(password, keys);
  return equalInConstantTime(storedKey, keys.storedKey);
}

/** The client's proof that it knows the password, and the signature by which the server has to prove the same. */
export async function scramProof(
  password: string,
  cost: ScramCost,
  authMessage: string,
): Promise<{ readonly proof: Uint8Array; readonly serverSignature: Uint8Array }> {
  const { clientKey, serverKey } = await derive(password, cost);
  const clientSignature = await hmacSha256(await sha256(clientKey), authMessage);
  return {
    proof: xor(clientKey, clientSignature),
    serverSignature: await hmacSha256(serverKey, authMessage),
  };
}

/** The server's signature where the proof of a client is right; undefined where it is not. */
export async function acceptScramProof(
  { storedKey, serverKey }: ScramKeys,
  authMessage: string,
  proof: Uint8Array,
): Promise<Uint8Array | undefined> {
  const clientKey = xor(proof, await hmacSha256(storedKey, authMessage));
  const serverSignature = await hmacSha256(serverKey, authMessage);
  return equalInConstantTime(await sha256(clientKey), storedKey) && proof.length === KEY_BYTES
    ? serverSignature
    : undefined;
}

/** HMAC-SHA-256 (RFC 2104). The key has at least one octet. */
export async function hmacSha256(key: Uint8Array, text: string): Promise<Uint8Array> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", Uint8Array.from(key), algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, new TextEncoder().encode(text)));
}

/** Compares without telling by time where the difference is. */
export function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

/** The octets of a base64 text (RFC 4648 4) with its padding; undefined when it is none. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  return octetsOf(atob(text));
}

/** RFC 5802 3. A password that SASLprep can not prepare is taken as it is, as PostgreSQL does: both sides must agree. */
async function derive(
  password: string,
  { salt, iterations }: ScramCost,
): Promise<{ readonly clientKey: Uint8Array; readonly serverKey: Uint8Array }> {
  const octets = new TextEncoder().encode(saslPrep(password) ?? password);
  const imported = await crypto.subtle.importKey("raw", octets, "PBKDF2", false, ["deriveBits"]);
  const parameters = { name: "PBKDF2", hash: "SHA-256", salt: Uint8Array.from(salt), iterations };
  const salted = new Uint8Array(await crypto.subtle.deriveBits(parameters, imported, KEY_BYTES * 8));
  return {
    clientKey: await hmacSha256(salted, "Client Key"),
    serverKey: await hmacSha256(salted, "Server Key"),
  };
}

async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", Uint8Array.from(bytes)));
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((octet, i) => octet ^ (b[i] ?? 0));
}
