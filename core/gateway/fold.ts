/** The fold: what single recipients' verdicts mean for a message that gets one answer, before any effect. */
import type { MessageVerdict } from "../pipeline/mod.ts";
import { answerOf, takes } from "./answers.ts";
import type { RecipientState } from "./recipient.ts";
import type { Answer } from "./session.ts";
import { VERDICT_MEANINGS } from "./verdict-meanings.ts";

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

/** Folds the recipients of one transaction. Expanded ones do not count: those they were replaced by do. */
export function fold(recipients: readonly RecipientState[], policy: FoldPolicy): Folded {
  const counted = recipients.filter((recipient) => !recipient.expanded);
  const tempfailed = counted.filter((recipient) => countsAs(recipient) === "tempfailed");
  const refused = counted.filter((recipient) => countsAs(recipient) === "refused");
  const goOn = counted.length - tempfailed.length - refused.length;
  const later = refusalOf(tempfailed[0]?.verdict);
  // To keep some for later is for the sake of those that go on: where none does, the client may as well keep all.
  if (later && (goOn === 0 || policy.onMixedTempfail === "all" || !policy.durableSpool)) {
    const why = `${tempfailed.length} of ${counted.length} recipients tempfailed: all are`;
    return { kind: "answer", answer: later, why };
  }
  const no = refusalOf(refused[0]?.verdict);
  if (no && refused.length === counted.length) {
    return { kind: "answer", answer: no, why: "all recipients are refused" };
  }
  if (no && (policy.onMixedVerdict === "refuse" || !policy.durableSpool)) {
    const some = `${refused.length} of ${counted.length} recipients are refused`;
    return { kind: "answer", answer: no, why: `${some}, and refused copies are not kept: all is refused` };
  }
  return { kind: "deliver", held: refused, deferred: tempfailed };
}

const countsAs = ({ verdict }: RecipientState): "taken" | "refused" | "tempfailed" | undefined =>
  verdict && VERDICT_MEANINGS[verdict.verdict].before.fold;

const refusalOf = (verdict: MessageVerdict | undefined): Answer | undefined =>
  verdict && !takes(verdict) ? answerOf(verdict) : undefined;
