/**
 * What a chain of ARC is worth to DMARC (RFC 8617 7.2.1): the word of sealers that this gateway trusts. A seal proves who
 * had a message and not that they are honest (9.4), so nobody counts but those in the list.
 */
import type { FactValue } from "postern";
import type { Arc } from "../auth-results.ts";

type ArcValue = FactValue<typeof Arc>;

/** Characters of the comment. */
const COMMENT_CHARACTERS_MAX = 450;

/**
 * Why a message is taken that fails; undefined where the chain gives no reason: one of the trusted sealers says that DMARC
 * passed with this domain in From when the message came to it, and all that had the message since are trusted too.
 *
 * @param author the domain of From, in A-labels
 */
export function sealersReason(
  { result, sets }: ArcValue,
  author: string,
  trusted: ReadonlySet<string>,
): string | undefined {
  if (result !== "pass") return undefined;
  for (const { sealer, dmarc, headerFrom } of sets.toReversed()) {
    if (!trusted.has(sealer)) return undefined;
    // From is signed by each of them: where the field does not say which it was, none but they can have changed it.
    if (dmarc === "pass" && (headerFrom === "" || headerFrom === author)) return comment(sets);
  }
  return undefined;
}

/** In the words for reports (RFC 8617 7.2.2). */
function comment(sets: ArcValue["sets"]): string {
  const words = sets.map(({ sealer, selector }, n) => `as[${n + 1}].d=${sealer} as[${n + 1}].s=${selector}`);
  const remoteIp = sets[0]?.remoteIp ? [`remote-ip[1]=${sets[0].remoteIp}`] : [];
  const text = ["local_policy: arc=pass", ...words.reverse(), ...remoteIp].join(" ");
  return text.slice(0, COMMENT_CHARACTERS_MAX);
}
