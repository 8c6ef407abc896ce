/**
 * Reads DKIM-Signature fields (RFC 6376 3.5 and 6.1.1, RFC 8301, RFC 8463, RFC 8616 5). What it says was not proved by
 * anything yet. `z=` and tags that nobody knows are passed over.
 */
import { decodeBase64, domainToAscii, keyRecordName, parseTagList } from "postern";
import { isKeyName } from "./key-name.ts";

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

/** The canonical forms. */
export type Form = "simple" | "relaxed";

/** A signature that can be tried. */
export interface Signature {
  readonly keyType: "rsa" | "ed25519";
  /** Of the TXT record with the key (RFC 6376 3.6.2.1). */
  readonly keyName: string;
  /** Whether the domain of `i=` is that of `d=`, and not one below it. */
  readonly isOwnDomain: boolean;
  readonly headerForm: Form;
  readonly bodyForm: Form;
  /** `h=`, in lower case. */
  readonly names: readonly string[];
  readonly bodyHash: Uint8Array;
  readonly signature: Uint8Array;
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
export function readSignature(value: string): ReadSignature {
  const tags = parseTagList(value);
  if ("fault" in tags) return { look: NOTHING, read: neutral(tags.fault) };
  const domain = domainToAscii(tags.get("d") ?? "") ?? "";
  const selector = selectorOf(tags.get("s") ?? "");
  const identity = identityOf(tags.get("i"), domain);
  const look: SignatureLook = {
    domain: domain.startsWith("[") ? "" : domain,
    selector,
    identity: typeof identity === "string" ? identity : "",
    algorithm: /^[a-z0-9-]{1,32}$/i.exec(tags.get("a") ?? "")?.[0].toLowerCase() ?? "",
    signature:
      /^[A-Za-z0-9+/=]{1,8}/.exec((tags.get("b") ?? "").slice(0, 100).replace(/[ \t\r\n]+/g, ""))?.[0] ?? "",
  };
  return { look, read: typeof identity === "string" ? signatureOf(tags, look) : identity };
}

type Tags = ReadonlyMap<string, string>;

const NOTHING: SignatureLook = { domain: "", selector: "", identity: "", algorithm: "", signature: "" };

/** RFC 8601 2.7.1: what holds syntax errors, or else can not be processed. */
const neutral = (reason: string): Fault => ({ result: "neutral", reason });
const permerror = (reason: string): Fault => ({ result: "permerror", reason });

function signatureOf(tags: Tags, look: SignatureLook): Signature | Fault {
  // RFC 6376 6.1.1: these must be there.
  for (const tag of ["v", "a", "b", "bh", "d", "h", "s"])
    if (!tags.has(tag)) return neutral(`the tag ${tag}= is missing`);
  if (tags.get("v") !== "1") return neutral("v= is not 1");
  const keyType = ALGORITHMS.get(look.algorithm);
  if (look.algorithm === "rsa-sha1") return permerror("rsa-sha1 proves nothing any more (RFC 8301)");
  if (keyType === undefined) return neutral("a= names no algorithm that is known");
  const keyName = keyRecordName(look);
  if (look.domain === "") return neutral("d= is no domain");
  if (look.selector === "" || !isKeyName(keyName)) return neutral("s= and d= make no name for DNS");
  const forms = /^(simple|relaxed)(?:\/(simple|relaxed))?$/i.exec(tags.get("c") ?? "simple");
  if (!forms) return neutral("c= names no canonical form that is known");
  if (!listOf(tags.get("q") ?? "dns/txt").includes("dns/txt")) return neutral("q= does not name dns/txt");
  const names = namesOf(tags.get("h") ?? "");
  if (!names) return neutral("h= is no list of names, or too long");
  // RFC 6376 5.4
  if (!names.includes("from")) return permerror("From is not signed");
  const bodyHash = decodeBase64(tags.get("bh") ?? "");
  if (bodyHash?.length !== HASH_BYTES) return neutral("bh= is no SHA-256");
  const signature = decodeBase64(tags.get("b") ?? "");
  if (!signature || signature.length === 0) return neutral("b= is no base64");
  const numbers = numbersOf(tags);
  if ("result" in numbers) return numbers;
  return {
    keyType,
    keyName,
    isOwnDomain: look.identity.endsWith(`@${look.domain}`),
    headerForm: formOf(forms[1]),
    bodyForm: formOf(forms[2]),
    names,
    bodyHash,
    signature,
    ...numbers,
  };
}

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
  const signedAtSeconds = numberOf(tags.get("t"), TIME_DIGITS_MAX);
  const expiresAtSeconds = numberOf(tags.get("x"), TIME_DIGITS_MAX);
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
  const selector = /^[A-Za-z0-9._-]*$/.test(text) ? text.toLowerCase() : (domainToAscii(text) ?? "");
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
export const listOf = (text: string): readonly string[] =>
  text
    .toLowerCase()
    .split(":")
    .map((word) => word.replace(/^[ \t\r\n]+/, "").replace(/(?<![ \t\r\n])[ \t\r\n]+$/, ""));
