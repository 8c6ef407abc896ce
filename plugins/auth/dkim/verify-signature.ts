/** One signature of a message: from its field to a result (RFC 6376 6.1, RFC 8601 2.7.1). */
import type { DnsAnswer, FactValue, HeaderField } from "postern";
import type { Dkim } from "../auth-results.ts";
import { type ProofRules, type ProofTools, proofOf } from "./proof.ts";
import { type ReadSignature, readSignature, type Signature, type SigningField } from "./signature.ts";
import type { SignedHeader } from "./signed-header.ts";

/** What of the options a result depends on. */
export interface VerifyRules extends ProofRules {
  readonly bodyLength: "accept" | "policy";
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

/** Clocks differ: so far in the future `t=` may be. */
const CLOCK_SKEW_SECONDS = 300;

/** @param field of the message; @param kind as what it is read */
export async function verifySignature(
  field: HeaderField,
  message: VerifiedMessage,
  tools: ProofTools<VerifyRules>,
  kind: SigningField = "DKIM-Signature",
): Promise<SignatureResult> {
  const { look, read }: ReadSignature = readSignature(field.value, kind);
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
    const octets = () => message.header.octets(signature.headerForm, signature.names, field);
    const proof = await proofOf(signature, octets, message.records, tools);
    // RFC 6376 8.2: anybody may have put something behind what was signed.
    const isCut = proof.result === "pass" && unsignedBytes > 0 && tools.rules.bodyLength === "policy";
    return isCut
      ? { ...policy("l= leaves a part of the body unsigned"), unsignedBytes }
      : { ...proof, unsignedBytes };
  }
}

const policy = (reason: string): Ended => ({ result: "policy", reason });

const same = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((octet, n) => octet === b[n]);
