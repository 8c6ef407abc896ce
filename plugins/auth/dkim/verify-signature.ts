/** One signature of a message: from its field to a result (RFC 6376 6.1, RFC 8601 2.7.1). */
import { type Crypto, type DnsAnswer, digestOf, type FactValue, type HeaderField } from "postern";
import type { Dkim } from "../auth-results.ts";
import type { KeyCache } from "./key-cache.ts";
import type { DkimKey } from "./key-record.ts";
import { type ReadSignature, readSignature, type Signature } from "./signature.ts";
import type { SignedHeader } from "./signed-header.ts";

/** What of the options a result depends on. */
export interface VerifyRules {
  readonly rsaBitsMin: number;
  readonly bodyLength: "accept" | "policy";
  readonly testKeys: "accept" | "policy";
}

/** What of a message the signatures share. */
export interface VerifiedMessage {
  readonly header: SignedHeader;
  readonly nowSeconds: number;
  /** The digest of the canonical body, up to `l=`, and the octets behind it; undefined where that is not looked at. */
  bodyOf(
    signature: Signature,
  ): Promise<{ readonly hash: Uint8Array; readonly unsignedBytes: number } | undefined>;
  /** The TXT records of a name; asked once. */
  records(name: string): Promise<DnsAnswer>;
}

/** One result, as the fact has it. */
export type SignatureResult = FactValue<typeof Dkim>["signatures"][number];

type Ended = Pick<SignatureResult, "result" | "reason"> & { readonly unsignedBytes?: number };

/** TXT records of one name that are looked at. */
const RECORDS_MAX = 20;
/** Clocks differ: so far in the future `t=` may be. */
const CLOCK_SKEW_SECONDS = 300;

/** @param field a DKIM-Signature field of the message */
export async function verifySignature(
  field: HeaderField,
  message: VerifiedMessage,
  { keys, crypto, rules }: { readonly keys: KeyCache; readonly crypto: Crypto; readonly rules: VerifyRules },
): Promise<SignatureResult> {
  const { look, read }: ReadSignature = readSignature(field.value);
  const ended: Ended = "result" in read ? read : await tried(read);
  return { ...look, unsignedBytes: 0, ...ended };

  async function tried(signature: Signature): Promise<Ended> {
    const { signedAtSeconds = 0, expiresAtSeconds = Number.POSITIVE_INFINITY } = signature;
    if (signedAtSeconds > message.nowSeconds + CLOCK_SKEW_SECONDS) return policy("t= is in the future");
    if (expiresAtSeconds <= message.nowSeconds) return policy("it has expired");
    // Before DNS is asked: what was changed on the way needs no key.
    const body = await message.bodyOf(signature);
    if (!body) return policy("the message has too many different l=");
    const { unsignedBytes } = body;
    if (unsignedBytes < 0) return { result: "fail", reason: "the body is shorter than l=" };
    if (!same(body.hash, signature.bodyHash))
      return { result: "fail", reason: "the body was changed", unsignedBytes };
    const found = await keyOf(await message.records(signature.keyName), keys);
    if ("result" in found) return { ...found, unsignedBytes };
    const proved = await provedBy(found, signature);
    // RFC 6376 8.2: anybody may have put something behind what was signed.
    const isCut = proved.result === "pass" && unsignedBytes > 0 && rules.bodyLength === "policy";
    return isCut
      ? { ...policy("l= leaves a part of the body unsigned"), unsignedBytes }
      : { ...proved, unsignedBytes };
  }

  async function provedBy({ key, isStrict, isTest }: DkimKey, signature: Signature): Promise<Ended> {
    if (key.type !== signature.keyType) return permerror("the key is of another algorithm");
    if (isStrict && !signature.isOwnDomain) return permerror("i= is below d=, which the key forbids");
    if (key.type === "rsa" && key.bits < rules.rsaBitsMin)
      return policy(`the key has ${key.bits} bits; ${rules.rsaBitsMin} are asked for`);
    const octets = message.header.octets(signature.headerForm, signature.names, field);
    const hashed = key.type === "rsa" ? octets : await digestOf(crypto, "sha256", octets);
    if (!(await crypto.verify(key, "sha256", hashed, signature.signature)))
      return { result: "fail", reason: "the header fields were changed, or the key is another one" };
    if (isTest && rules.testKeys === "policy") return policy("its owner only tests the key (t=y)");
    return { result: "pass", reason: isTest ? "its owner only tests the key (t=y)" : "" };
  }
}

const policy = (reason: string): Ended => ({ result: "policy", reason });
const permerror = (reason: string): Ended => ({ result: "permerror", reason });

/** The one key of a name, or why there is none. */
async function keyOf(answer: DnsAnswer, keys: KeyCache): Promise<DkimKey | Ended> {
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

const same = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((octet, n) => octet === b[n]);
