/** The fold: what single recipients' verdicts mean for a message that gets one answer, before any effect. */
import type { MessageVerdict } from "../pipeline/mod.ts";
import { answerOf, takes } from "./answers.ts";
import type { RecipientState } from "./recipient.ts";
import type { Answer } from "./session.ts";

/** How the message goes on. */
export type Folded =
  /** Nothing is delivered; all are answered alike. */
  | { readonly kind: "answer"; readonly answer: Answer; readonly why: string }
  /** Those routed are delivered; `held` are refused copies to keep, by policy. */
  | {
      readonly kind: "deliver";
      readonly held: readonly RecipientState[];
      readonly deferred: readonly RecipientState[];
    };

export interface FoldPolicy {
  readonly onMixedVerdict: "quarantine" | "refuse" | "dsn";
  readonly onMixedTempfail: "all" | "spool";
  /** Whether refused and deferred copies can be kept. */
  readonly durableSpool: boolean;
}

const refusal = (verdict: MessageVerdict | undefined): Answer | undefined =>
  verdict && !takes(verdict) ? answerOf(verdict as Parameters<typeof answerOf>[0]) : undefined;

/** Folds the recipients of one transaction. Expanded ones do not count: those they were replaced by do. */
export function fold(recipients: readonly RecipientState[], policy: FoldPolicy): Folded {
  const counted = recipients.filter((recipient) => !recipient.expanded);
  const tempfailed = counted.filter((recipient) => recipient.verdict?.verdict === "tempfail");
  const refused = counted.filter((recipient) => recipient.verdict?.verdict === "reject");
  const first = refusal(tempfailed[0]?.verdict);
  if (first) {
    const some = tempfailed.length < counted.length;
    if (!some || policy.onMixedTempfail === "all" || !policy.durableSpool) {
      return {
        kind: "answer",
        answer: first,
        why: `${tempfailed.length} of ${counted.length} recipients tempfailed: all are`,
      };
    }
  }
  const no = refusal(refused[0]?.verdict);
  if (no && refused.length === counted.length) {
    return { kind: "answer", answer: no, why: "all recipients are refused" };
  }
  if (no && (policy.onMixedVerdict === "refuse" || !policy.durableSpool)) {
    return {
      kind: "answer",
      answer: no,
      why: `${refused.length} of ${counted.length} recipients are refused, and refused copies can not be kept: all is refused`,
    };
  }
  return { kind: "deliver", held: refused, deferred: tempfailed };
}
