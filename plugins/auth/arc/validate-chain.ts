/**
 * Whether a chain holds (RFC 8617 5.2, steps 4 to 7). Keys are asked for one after the other, the newest first, and no
 * more once something is wrong: who makes up a chain must not have many domains asked (9.2).
 */
import { canonicalField, type FactValue, joinBytes } from "postern";
import type { Arc } from "../auth-results.ts";
import { type ProofTools, proofOf } from "../dkim/proof.ts";
import { withoutSignature } from "../dkim/signed-header.ts";
import { type VerifiedMessage, type VerifyRules, verifySignature } from "../dkim/verify-signature.ts";
import { assessmentOf } from "./assessment.ts";
import type { ArcSet, Chain } from "./chain.ts";

/** The value of the fact. */
export type ArcResult = FactValue<typeof Arc>;

/** Validates what `readChain` found. */
export async function validateChain(
  chain: Chain,
  message: VerifiedMessage,
  tools: ProofTools<VerifyRules>,
): Promise<ArcResult> {
  const { sets, fault, newest, sealer } = chain;
  const told = { instance: newest, sealer, oldestPass: 0, sets: [] };
  const last = sets.at(-1);
  if (fault !== "" || !last) return { ...told, result: "fail", reason: fault };
  // Step 4
  const signature = await verifySignature(last.signature, message, tools, "ARC-Message-Signature");
  const isLate = signature.result === "temperror";
  if (signature.result !== "pass") {
    const reason = `the message signature of i=${newest}: ${signature.reason}`;
    return { ...told, result: isLate ? "temperror" : "fail", reason };
  }
  // Step 6, before the optional step 5: an older signature matters to nobody where a seal is broken.
  const broken = await brokenSeal(sets, message, tools);
  if (broken) return { ...told, ...broken };
  return {
    ...told,
    result: "pass",
    reason: "",
    oldestPass: await oldestPass(sets, message, tools),
    sets: sets.map(({ sealer, assessment }) => ({
      sealer: sealer.domain,
      selector: sealer.selector,
      ...assessmentOf(assessment.value),
    })),
  };
}

/** Step 6: the first seal that does not hold, from the newest. */
async function brokenSeal(
  sets: readonly ArcSet[],
  { records }: VerifiedMessage,
  tools: ProofTools,
): Promise<Pick<ArcResult, "result" | "reason"> | undefined> {
  // RFC 8617 5.1.1: oldest first, and in each set in this order; always relaxed (4.1.3).
  const sealed = sets.map(({ assessment, signature, seal }) =>
    [assessment, signature, seal].map(({ bytes }) => canonicalField("relaxed", bytes)),
  );
  for (let index = sets.length - 1; index >= 0; index--) {
    const { claim, seal } = sets[index]!;
    if (typeof claim === "string") return { result: "fail", reason: claim };
    const octets = () =>
      joinBytes([
        ...sealed.slice(0, index).flat(),
        ...sealed[index]!.slice(0, 2),
        // RFC 6376 3.7: without the line end.
        canonicalField("relaxed", withoutSignature(seal.bytes)).subarray(0, -2),
      ]);
    const proof = await proofOf(claim, octets, records, tools);
    if (proof.result === "pass") continue;
    // RFC 8617 5.2.1 would have DNS that does not answer be a `fail` too, for ever; it may answer the next attempt.
    const result = proof.result === "temperror" ? "temperror" : "fail";
    return { result, reason: `the seal of i=${index + 1}: ${proof.reason}` };
  }
  return undefined;
}

/** Step 5: the lowest instance down to which every message signature holds; 0 where all do. */
async function oldestPass(
  sets: readonly ArcSet[],
  message: VerifiedMessage,
  tools: ProofTools<VerifyRules>,
): Promise<number> {
  for (let instance = sets.length - 1; instance > 0; instance--) {
    const { signature } = sets[instance - 1]!;
    const { result } = await verifySignature(signature, message, tools, "ARC-Message-Signature");
    if (result !== "pass") return instance + 1;
  }
  return 0;
}
