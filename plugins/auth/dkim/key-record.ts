/** Reads key records (RFC 6376 3.6.1 and 6.1.2, RFC 8301, RFC 8463 4). `n=`, `g=` and what nobody knows are passed over. */
import { type Crypto, decodeBase64, parseTagList, type VerifyKey } from "postern";
import { listOf } from "./signature.ts";

/** A key that signs mail. */
export interface DkimKey {
  readonly key: VerifyKey;
  /** `t=s`: `i=` is in the very domain of `d=`. */
  readonly isStrict: boolean;
  /** `t=y`: its owner only tests. */
  readonly isTest: boolean;
}

/** What a record came to: a key, a key that can not be used and why, or undefined where it is no key record. */
export type KeyRecord = DkimKey | { readonly fault: string } | undefined;

/**
 * @param text the record, its strings joined. Characters stand for octets or are UTF-8: of what counts all is ASCII
 */
export async function readKeyRecord(text: string, crypto: Crypto): Promise<KeyRecord> {
  const tags = parseTagList(text);
  if ("fault" in tags)
    return /^[ \t]*v[ \t]*=[ \t]*DKIM1/.test(text) ? { fault: "its syntax is wrong" } : undefined;
  const [first] = tags.keys();
  const version = tags.get("v");
  // RFC 6376 3.6.1: "If specified, this tag MUST be set to "DKIM1" ... MUST be the first tag"; others are no key records.
  if (version !== undefined && (version !== "DKIM1" || first !== "v")) return undefined;
  const encoded = tags.get("p");
  if (encoded === undefined) return version === undefined ? undefined : { fault: "it has no p=" };
  if (encoded === "") return { fault: "the key is revoked" };
  const hashes = tags.get("h");
  if (hashes !== undefined && !listOf(hashes).includes("sha256")) return { fault: "it is not for SHA-256" };
  const services = listOf(tags.get("s") ?? "*");
  if (!services.includes("*") && !services.includes("email")) return { fault: "it is not for mail" };
  const type = (tags.get("k") ?? "rsa").toLowerCase();
  if (type !== "rsa" && type !== "ed25519") return { fault: "its kind of key is not known" };
  const octets = decodeBase64(encoded);
  const key = octets && (await crypto.verifyKey(type, octets));
  if (!key) return { fault: "what stands in p= is no key that can be used" };
  const flags = listOf(tags.get("t") ?? "");
  return { key, isStrict: flags.includes("s"), isTest: flags.includes("y") };
}
