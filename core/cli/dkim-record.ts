/** Key records of DKIM in DNS (RFC 6376 3.6.1, RFC 8463): how ours is written, and what a published one says of a key. */
import { Buffer } from "node:buffer";
import { createPublicKey, type KeyObject } from "node:crypto";
import { parseTagList } from "../mail/mod.ts";
import type { DnsAnswer, PublishedKey } from "../pipeline/mod.ts";

/** Octets of one string of a TXT record (RFC 1035 3.3.14). */
const STRING_OCTETS_MAX = 255;

/** The text of a key's record. */
export const recordText = (algorithm: PublishedKey["algorithm"], publicKey: string): string =>
  `v=DKIM1; k=${algorithm}; p=${publicKey}`;

/** What `p=` says: SubjectPublicKeyInfo of RSA, the 32 octets of Ed25519; in base64. */
export function publicKeyText(key: KeyObject): string {
  const spki = key.export({ type: "spki", format: "der" });
  return (key.asymmetricKeyType === "ed25519" ? spki.subarray(spki.length - 32) : spki).toString("base64");
}

/** A record as zone files have it (RFC 1035 5.1), in strings of at most 255 octets. */
export function zoneLines(name: string, text: string): readonly string[] {
  const strings: string[] = [];
  for (let at = 0; at < text.length; at += STRING_OCTETS_MAX)
    strings.push(`"${text.slice(at, at + STRING_OCTETS_MAX)}"`);
  if (strings.length === 1) return [`${name}. IN TXT ${strings[0]}`];
  return [`${name}. IN TXT (`, ...strings.map((string) => `  ${string}`), ")"];
}

/** What DNS says of a key. */
export type RecordState =
  /** `testing`: verifiers are asked to treat the mail as unsigned all the same (`t=y`). */
  | { readonly state: "agrees"; readonly testing: boolean }
  /** DNS gave no answer that says anything. */
  | { readonly state: "unknown"; readonly found: string }
  | { readonly state: "wrong"; readonly found: string };

/** Holds an answer of DNS against a key. */
export function recordState(key: PublishedKey, answer: DnsAnswer): RecordState {
  if (answer.status === "servfail" || answer.status === "timeout")
    return { state: "unknown", found: `no answer of DNS (${answer.status})` };
  if (answer.status !== "found") return wrong("no record");
  const [record = "", ...others] = answer.records;
  // RFC 6376 3.6.2.2: which of them counts is undefined.
  if (others.length > 0) return wrong(`${answer.records.length} records in place of one`);
  const tags = parseTagList(record);
  return "fault" in tags ? wrong(`a record that verifiers do not take: ${tags.fault}`) : stateOf(key, tags);
}

function stateOf(key: PublishedKey, tags: ReadonlyMap<string, string>): RecordState {
  const version = tags.get("v") ?? "DKIM1";
  if (version !== "DKIM1" || (tags.has("v") && [...tags.keys()][0] !== "v"))
    return wrong("a record that does not begin with v=DKIM1");
  const published = tags.get("p")?.replaceAll(/\s/g, "");
  if (published === undefined) return wrong("a record without p=");
  if (published === "") return wrong("a revoked key (p= is empty)");
  const algorithm = tags.get("k") ?? "rsa";
  if (algorithm !== key.algorithm)
    return wrong(
      `a key of the type ${JSON.stringify(algorithm.slice(0, 20))} (k=), which is ${key.algorithm} here`,
    );
  if (!isSameKey(key, published)) return wrong("another key than the one that signs");
  const hashes = list(tags.get("h"));
  if (hashes !== undefined && !hashes.includes("sha256"))
    return wrong("a record that does not allow sha256 (h=)");
  const services = list(tags.get("s"));
  if (services !== undefined && !services.includes("*") && !services.includes("email"))
    return wrong("a record that is not for mail (s=)");
  return { state: "agrees", testing: list(tags.get("t"))?.includes("y") === true };
}

const wrong = (found: string): RecordState => ({ state: "wrong", found });

const list = (value: string | undefined): readonly string[] | undefined =>
  value?.split(":").map((one) => one.trim().toLowerCase());

/** Some publish RSAPublicKey, as the grammar of RFC 6376 has it, and most SubjectPublicKeyInfo. */
function isSameKey({ algorithm, publicKey }: PublishedKey, published: string): boolean {
  if (published === publicKey) return true;
  const bytes = Buffer.from(published, "base64");
  if (bytes.toString("base64") === publicKey) return true;
  if (algorithm !== "rsa") return false;
  try {
    return publicKeyText(createPublicKey({ key: bytes, format: "der", type: "pkcs1" })) === publicKey;
  } catch {
    return false;
  }
}
