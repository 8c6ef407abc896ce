/**
 * Whether octets were signed by a key that stands in DNS (RFC 6376 6.1.2 and 6.1.3), whatever field says so:
 * DKIM-Signature, ARC-Message-Signature or ARC-Seal.
 */
import { type Crypto, type DnsAnswer, digestOf, type KeyType } from "postern";
import type { KeyCache } from "./key-cache.ts";
import type { DkimKey } from "./key-record.ts";

/** What a field says of the signature in it. */
export interface Claim {
  readonly keyType: KeyType;
  /** Of the TXT record with the key (RFC 6376 3.6.2.1). */
  readonly keyName: string;
  /** Whether the domain of `i=` is that of `d=`, and not one below it. */
  readonly isOwnDomain: boolean;
  readonly signature: Uint8Array;
}

/** What of the options a proof depends on. */
export interface ProofRules {
  readonly rsaBitsMin: number;
  readonly testKeys: "accept" | "policy";
}

/** What proofs are made with. */
export interface ProofTools<Rules extends ProofRules = ProofRules> {
  readonly keys: KeyCache;
  readonly crypto: Crypto;
  readonly rules: Rules;
}

/** A result of RFC 8601 2.7.1, with words for people. */
export interface Proof {
  readonly result: "pass" | "fail" | "policy" | "temperror" | "permerror";
  readonly reason: string;
}

/** TXT records of one name that are looked at. */
const RECORDS_MAX = 20;

/**
 * @param octets asked for once the key is there
 * @param records the TXT records of a name
 */
export async function proofOf(
  { keyName, keyType, isOwnDomain, signature }: Claim,
  octets: () => Uint8Array,
  records: (name: string) => Promise<DnsAnswer>,
  { keys, crypto, rules }: ProofTools,
): Promise<Proof> {
  const found = await keyOf(await records(keyName), keys);
  if ("result" in found) return found;
  const { key, isStrict, isTest } = found;
  if (key.type !== keyType) return permerror("the key is of another algorithm");
  if (isStrict && !isOwnDomain) return permerror("i= is below d=, which the key forbids");
  if (key.type === "rsa" && key.bits < rules.rsaBitsMin)
    return policy(`the key has ${key.bits} bits; ${rules.rsaBitsMin} are asked for`);
  const signed = octets();
  const hashed = key.type === "rsa" ? signed : await digestOf(crypto, "sha256", signed);
  if (!(await crypto.verify(key, "sha256", hashed, signature)))
    return { result: "fail", reason: "the header fields were changed, or the key is another one" };
  if (isTest && rules.testKeys === "policy") return policy("its owner only tests the key (t=y)");
  return { result: "pass", reason: isTest ? "its owner only tests the key (t=y)" : "" };
}

const policy = (reason: string): Proof => ({ result: "policy", reason });
const permerror = (reason: string): Proof => ({ result: "permerror", reason });

/** The one key of a name, or why there is none. */
async function keyOf(answer: DnsAnswer, keys: KeyCache): Promise<DkimKey | Proof> {
  if (answer.status === "servfail" || answer.status === "timeout")
    return { result: "temperror", reason: `DNS has no answer for the key: ${answer.status}` };
  if (answer.status !== "found") return permerror("DNS has no key");
  if (answer.records.length > RECORDS_MAX) return permerror("DNS has too many records for the key");
  let only: DkimKey | { readonly fault: string } | undefined;
  for (const text of answer.records) {
    const kept = keys.read(text);
    const record = kept instanceof Promise ? await kept : kept;
    if (!record) continue;
    // RFC 6376 3.6.2.2: what several records mean is not defined. The order of an answer must not decide.
    if (only) return permerror("DNS has several keys");
    only = record;
  }
  if (!only) return permerror("DNS has no key");
  return "fault" in only ? permerror(`the key record: ${only.fault}`) : only;
}
