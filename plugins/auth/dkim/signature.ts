/**
 * Reads DKIM-Signature fields (RFC 6376 3.5 and 6.1.1, RFC 8301, RFC 8463, RFC 8616 5). What it says was not proved by
 * anything yet. `z=` and tags that nobody knows are passed over.
 */
import { decodeBase64, domainToAscii, keyRecordName, parseTagList } from "postern";
import { isKeyName } from "./key-name.ts";
import type { Claim } from "./proof.ts";

/** What is told of a signature whether or not it can be read; "" where a tag is not there or is none. */
export interface SignatureLook {
  /** In A-labels and lower case. */
  readonly domain: string;
  readonly selector: string;
  readonly identity: string;
  readonly algorithm: string;
  /** The first eight characters of `b=` (RFC 6008). */
  readonly signature: string;
}

/**
 * The fields that sign a message. In ARC's `i=` is the number of a set, and `v=` means nothing (RFC 8617 4.1.2).
 */
export type SigningField = "DKIM-Signature" | "ARC-Message-Signature";

/** The canonical forms. */
export type Form = "simple" | "relaxed";

/** A signature that can be tried. */
export interface Signature extends Claim {
  readonly headerForm: Form;
  readonly bodyForm: Form;
  /** `h=`, in lower case. */
  readonly names: readonly string[];
  readonly bodyHash: Uint8Array;
  /** `l=`; undefined where all of the body is signed. */
  readonly lengthBytes: number | undefined;
  /** `t=`, epoch seconds. */
  readonly signedAtSeconds: number | undefined;
  /** `x=`, epoch seconds. */
  readonly expiresAtSeconds: number | undefined;
}

/** Why a signature is not tried: a result of RFC 8601 2.7.1 with words for people. */
export interface Fault {
  readonly result: "neutral" | "permerror" | "policy";
  readonly reason: string;
}

/** A field that was read. */
export interface ReadSignature {
  readonly look: SignatureLook;
  readonly read: Signature | Fault;
}

/** Names in `h=`: a hostile field could name a hundred thousand. */
export const SIGNED_NAMES_MAX = 5_000;

/** @param value the value of the field, unfolded */
export function readSignature(value: string, field: SigningField = "DKIM-Signature"): ReadSignature {
  const tags = parseTagList(value);
  if ("fault" in tags) return { look: NOTHING, read: neutral(tags.fault) };
  const signer = signerOf(tags);
  const identity = field === "DKIM-Signature" ? identityOf(tags.get("i"), signer.domain) : "";
  const look: SignatureLook = {
    ...signer,
    identity: typeof identity === "string" ? identity : "",
    signature:
      /^[A-Za-z0-9+/=]{1,8}/.exec((tags.get("b") ?? "").slice(0, 100).replace(/[ \t\r\n]+/g, ""))?.[0] ?? "",
  };
  return { look, read: typeof identity === "string" ? signatureOf(tags, look, field) : identity };
}

type Tags = ReadonlyMap<string, string>;

/** Who signed, and how. */
export type Signer = Pick<SignatureLook, "domain" | "selector" | "algorithm">;

/** `d=`, `s=` and `a=` of a signature or a seal. */
export function signerOf(tags: Tags): Signer {
  const domain = domainToAscii(tags.get("d") ?? "") ?? "";
  return {
    domain: domain.startsWith("[") ? "" : domain,
    selector: selectorOf(tags.get("s") ?? ""),
    algorithm: /^[a-z0-9-]{1,32}$/i.exec(tags.get("a") ?? "")?.[0].toLowerCase() ?? "",
  };
}

/** By which kind of key, under which name. */
export function keyOfSigner(signer: Signer): Pick<Claim, "keyType" | "keyName"> | Fault {
  const keyType = ALGORITHMS.get(signer.algorithm);
  if (signer.algorithm === "rsa-sha1") return permerror("rsa-sha1 proves nothing any more (RFC 8301)");
  if (keyType === undefined) return neutral("a= names no algorithm that is known");
  const keyName = keyRecordName(signer);
  if (signer.domain === "") return neutral("d= is no domain");
  if (signer.selector === "" || !isKeyName(keyName)) return neutral("s= and d= make no name for DNS");
  return { keyType, keyName };
}

const NOTHING: SignatureLook = { domain: "", selector: "", identity: "", algorithm: "", signature: "" };

/** RFC 8601 2.7.1: what holds syntax errors, or else can not be processed. */
const neutral = (reason: string): Fault => ({ result: "neutral", reason });
const permerror = (reason: string): Fault => ({ result: "permerror", reason });

function signatureOf(tags: Tags, look: SignatureLook, field: SigningField): Signature | Fault {
  const isDkim = field === "DKIM-Signature";
  // RFC 6376 6.1.1: these must be there.
  for (const tag of isDkim ? DKIM_TAGS : AMS_TAGS)
    if (!tags.has(tag)) return neutral(`the tag ${tag}= is missing`);
  if (isDkim && tags.get("v") !== "1") return neutral("v= is not 1");
  const key = keyOfSigner(look);
  if ("result" in key) return key;
  const forms = /^(simple|relaxed)(?:\/(simple|relaxed))?$/i.exec(tags.get("c") ?? "simple");
  if (!forms) return neutral("c= names no canonical form that is known");
  if (!listOf(tags.get("q") ?? "dns/txt").includes("dns/txt")) return neutral("q= does not name dns/txt");
  const names = namesOf(tags.get("h") ?? "");
  if (!names) return neutral("h= is no list of names, or too long");
  // RFC 6376 5.4
  if (!names.includes("from")) return permerror("From is not signed");
  // RFC 8617 4.1.2: a seal comes later than what it seals.
  if (!isDkim && names.includes("arc-seal")) return permerror("h= names ARC-Seal");
  const bodyHash = decodeBase64(tags.get("bh") ?? "");
  if (bodyHash?.length !== HASH_BYTES) return neutral("bh= is no SHA-256");
  const signature = decodeBase64(tags.get("b") ?? "");
  if (!signature || signature.length === 0) return neutral("b= is no base64");
  const numbers = numbersOf(tags);
  if ("result" in numbers) return numbers;
  return {
    ...key,
    isOwnDomain: !isDkim || look.identity.endsWith(`@${look.domain}`),
    headerForm: formOf(forms[1]),
    bodyForm: formOf(forms[2]),
    names,
    bodyHash,
    signature,
    ...numbers,
  };
}

const AMS_TAGS = ["a", "b", "bh", "d", "h", "s"];
const DKIM_TAGS = ["v", ...AMS_TAGS];
const HASH_BYTES = 32;
/** RFC 8301 3.1, RFC 8463 3. */
const ALGORITHMS: ReadonlyMap<string, Signature["keyType"]> = new Map([
  ["rsa-sha256", "rsa"],
  ["ed25519-sha256", "ed25519"],
]);

/** RFC 6376 3.5: what is left out is simple. */
const formOf = (name: string | undefined): Form => (name?.toLowerCase() === "relaxed" ? "relaxed" : "simple");

type Numbers = Pick<Signature, "lengthBytes" | "signedAtSeconds" | "expiresAtSeconds">;

function numbersOf(tags: Tags): Numbers | Fault {
  const lengthBytes = numberOf(tags.get("l"), LENGTH_DIGITS_MAX);
  const signedAtSeconds = timeOf(tags.get("t"));
  const expiresAtSeconds = timeOf(tags.get("x"));
  if (lengthBytes === "none") return neutral("l= is no number");
  if (signedAtSeconds === "none") return neutral("t= is no time");
  if (expiresAtSeconds === "none") return neutral("x= is no time");
  if (signedAtSeconds !== undefined && expiresAtSeconds !== undefined && expiresAtSeconds <= signedAtSeconds)
    return neutral("x= is not later than t=");
  return { lengthBytes, signedAtSeconds, expiresAtSeconds };
}

/** RFC 6376 3.5, `l=`. */
const LENGTH_DIGITS_MAX = 76;
/** RFC 6376 3.5, `t=`: until the year 31688. */
const TIME_DIGITS_MAX = 12;

/** `t=` or `x=` in epoch seconds. */
export const timeOf = (text: string | undefined): number | undefined | "none" =>
  numberOf(text, TIME_DIGITS_MAX);

function numberOf(text: string | undefined, digitsMax: number): number | undefined | "none" {
  if (text === undefined) return undefined;
  return /^\d+$/.test(text) && text.length <= digitsMax ? Number(text) : "none";
}

/** Names in lower case; undefined where they are none. An empty place between colons, as some write it, is no name. */
function namesOf(text: string): readonly string[] | undefined {
  const names = listOf(text).filter((name) => name !== "");
  const isRight = names.length <= SIGNED_NAMES_MAX && names.every((name) => /^[!-9;-~]+$/.test(name));
  return isRight ? names : undefined;
}

/** RFC 6376 3.6.2.1 and RFC 8616 5, where characters outside ASCII go as A-labels. */
function selectorOf(text: string): string {
  const selector = /^[A-Za-z0-9._-]{0,255}$/.test(text) ? text.toLowerCase() : (domainToAscii(text) ?? "");
  return selector.startsWith("[") ? "" : selector;
}

/** `i=` (RFC 6376 3.5): a local part in its quoted-printable, and a domain that is that of `d=` or below it. */
function identityOf(text: string | undefined, domain: string): string | Fault {
  if (text === undefined) return domain === "" ? "" : `@${domain}`;
  const packed = text.replace(/[ \t\r\n]+/g, "");
  const at = packed.lastIndexOf("@");
  const own = at < 0 ? undefined : domainToAscii(packed.slice(at + 1));
  const localPart = at < 0 ? undefined : decodeQuotedPrintable(packed.slice(0, at));
  if (own === undefined || localPart === undefined) return neutral("i= is no identity");
  if (own.length + localPart.length + 1 > IDENTITY_CHARACTERS_MAX) return neutral("i= is too long");
  if (own !== domain && !own.endsWith(`.${domain}`)) return permerror("i= is not within d=");
  return `${localPart}@${own}`;
}

/** RFC 5321 4.5.3.1: 64 octets of a local part and 255 of a domain. */
const IDENTITY_CHARACTERS_MAX = 320;

/** RFC 6376 2.11; undefined where it is none, or hides what no identity has. */
function decodeQuotedPrintable(text: string): string | undefined {
  if (/=(?![0-9A-Fa-f]{2})/.test(text)) return undefined;
  const escaped = text.replace(/[%]/g, "%25").replace(/=([0-9A-Fa-f]{2})/g, "%$1");
  try {
    const decoded = decodeURIComponent(escaped);
    return CONTROLS.test(decoded) ? undefined : decoded;
  } catch {
    return undefined;
  }
}

const CONTROLS = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/** The words between the colons, in lower case and without the white space around them. */
export const listOf = (text: string): readonly string[] => {
  const words = text.toLowerCase().split(":");
  return /[ \t\r\n]/.test(text) ? words.map(trimmed) : words;
};

function trimmed(word: string): string {
  let [start, end] = [0, word.length];
  while (start < end && isSpace(word[start])) start++;
  while (end > start && isSpace(word[end - 1])) end--;
  return word.slice(start, end);
}

const isSpace = (character: string | undefined): boolean =>
  character === " " || character === "\t" || character === "\r" || character === "\n";
