/**
 * The local parts of the Sender Rewriting Scheme, in the form that Mail::SRS and postsrsd write and read: SRS0 holds an
 * address with hash and day, SRS1 an address of another server's SRS0. No RFC; the reference is Shevek, "The Sender
 * Rewriting Scheme" (2004). What is signed is compared without letter case, as servers on the way may change it.
 */
import { type Crypto, domainToAscii, equalInConstantTime, toBase64 } from "postern";
import { hmacSha1 } from "./hmac-sha1.ts";

/** An address in two parts. */
export interface Parts {
  readonly localPart: string;
  /** In A-labels and lower case. */
  readonly domain: string;
}

/** Why a way back is none. */
export type WayBackFault = "forged" | "expired";

/** What the local parts are signed with. */
export interface SrsSigner {
  readonly crypto: Crypto;
  /** The first signs; all verify. */
  readonly keys: readonly Uint8Array[];
  /** Characters of a hash: of those made, and the fewest of those taken. */
  readonly hashCharacters: number;
  /** Days for which a way back holds. */
  readonly ageDaysMax: number;
}

/** Days by which the clock of the server that signed may go before ours. */
const CLOCK_DAYS = 1;
/** Days after which stamps come round again. */
const STAMPS = 1_024;
const DAY_MS = 86_400_000;
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/** All of a SHA-1 in base64, without the sign that fills it up. */
const HASH_CHARACTERS_MAX = 27;

/** Whether a local part has the form of SRS. */
export const isSrs = (localPart: string): boolean => /^srs[01][-+=]/i.test(localPart);

/** The local part that stands for an address at our domain. It may be longer than a local part can be. */
export async function srsOf(address: Parts, nowMs: number, signer: SrsSigner): Promise<string> {
  const hop = firstHopOf(address);
  if (hop) return `SRS1=${await hashOf([hop.host, hop.user], signer)}=${hop.host}=${hop.user}`;
  const stamp = stampOf(nowMs);
  const { domain, localPart } = address;
  return `SRS0=${await hashOf([stamp, domain, localPart], signer)}=${stamp}=${domain}=${localPart}`;
}

/** The address that a local part stands for. @param localPart of the form that `isSrs` finds */
export async function addressOf(
  localPart: string,
  nowMs: number,
  signer: SrsSigner,
): Promise<Parts | WayBackFault> {
  const rest = localPart.slice("SRS0=".length);
  if (localPart[3] === "1") {
    const [hash = "", host = "", user] = split(rest, 3);
    if (user === undefined || !(await isSigned(hash, [host, user], signer))) return "forged";
    return partsOf(host, `SRS0${user}`) ?? "forged";
  }
  const [hash = "", stamp = "", host = "", user] = split(rest, 4);
  if (user === undefined || !(await isSigned(hash, [stamp, host, user], signer))) return "forged";
  const parts = partsOf(host, user);
  if (!parts) return "forged";
  return isFresh(stamp, nowMs, signer.ageDaysMax) ? parts : "expired";
}

/**
 * Of an address that another server rewrote: the server that wrote its SRS0, and what stands behind "SRS0" there, so
 * that the way back leaves out those between. Undefined for other addresses, and where no such server is named.
 */
function firstHopOf({ localPart, domain }: Parts): { host: string; user: string } | undefined {
  if (!isSrs(localPart)) return undefined;
  if (localPart[3] === "0") return { host: domain, user: localPart.slice("SRS0".length) };
  const [, host = "", user] = split(localPart.slice("SRS1=".length), 3);
  // The hash is of another's key. What is not of the form goes on as it is, within an SRS0 of ours.
  if (user === undefined || !/^[-+=]/.test(user) || domainToAscii(host) === undefined) return undefined;
  return { host, user };
}

function partsOf(host: string, localPart: string): Parts | undefined {
  const domain = domainToAscii(host);
  return domain === undefined || localPart === "" ? undefined : { localPart, domain };
}

/** Parts at "=", the last with all that is left. */
function split(text: string, count: number): readonly string[] {
  const parts = text.split("=");
  if (parts.length <= count) return parts;
  return [...parts.slice(0, count - 1), parts.slice(count - 1).join("=")];
}

async function hashOf(
  signed: readonly string[],
  { crypto, keys, hashCharacters }: SrsSigner,
): Promise<string> {
  const [key = new Uint8Array()] = keys;
  return (await base64Hash(signed, key, crypto)).slice(0, hashCharacters);
}

async function isSigned(
  hash: string,
  signed: readonly string[],
  { crypto, keys, hashCharacters }: SrsSigner,
): Promise<boolean> {
  if (hash.length < hashCharacters || hash.length > HASH_CHARACTERS_MAX) return false;
  const given = encoder.encode(lower(hash));
  for (const key of keys) {
    const right = (await base64Hash(signed, key, crypto)).slice(0, hash.length);
    if (equalInConstantTime(given, encoder.encode(lower(right)))) return true;
  }
  return false;
}

async function base64Hash(signed: readonly string[], key: Uint8Array, crypto: Crypto): Promise<string> {
  const mac = await hmacSha1(crypto, key, encoder.encode(lower(signed.join(""))));
  return toBase64(mac);
}

const encoder = new TextEncoder();

/** ASCII alone: what other letters become is not the same everywhere. */
const lower = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

const dayOf = (ms: number): number => Math.floor(ms / DAY_MS) % STAMPS;

function stampOf(nowMs: number): string {
  const day = dayOf(nowMs);
  return `${BASE32[day >> 5]}${BASE32[day & 31]}`;
}

function isFresh(stamp: string, nowMs: number, ageDaysMax: number): boolean {
  if (stamp.length !== 2) return false;
  const [high = -1, low = -1] = [...stamp.toUpperCase()].map((character) => BASE32.indexOf(character));
  if (high < 0 || low < 0) return false;
  const age = (dayOf(nowMs) - (high * 32 + low) + STAMPS) % STAMPS;
  return age <= ageDaysMax || age >= STAMPS - CLOCK_DAYS;
}
