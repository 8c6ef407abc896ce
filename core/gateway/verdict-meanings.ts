/**
 * What each verdict means, in one table: before acceptance, while the client waits for its answer, and on a queued
 * attempt, when it has its 250 and the message is ours. `routeTo`, `identify` and `forRecipients` are no entries:
 * they say where, who and for whom, not what becomes of a message. The words and codes of answers are the hosts'.
 */
import type { TraceRecipient } from "../pipeline/mod.ts";
import type { Answer } from "./session.ts";

/** The verdicts that say what becomes of something. */
export type FatefulVerdict = "reject" | "tempfail" | "disconnect" | "discard" | "quarantine";

/** What becomes of a recipient, as the trace tells it. */
export type RecipientOutcome = TraceRecipient["outcome"];

/** A verdict before acceptance. */
export interface BeforeAcceptance {
  /** The answer, when nothing else is folded with it. */
  readonly answer: Exclude<Answer["kind"], "goOn">;
  /** How it counts when the recipients of a message are folded to one answer. */
  readonly fold: "taken" | "refused" | "tempfailed";
  /** What the trace says of a recipient that has it, when the message's answer is this one. */
  readonly outcome: RecipientOutcome;
  /** Whether 250 may be said to it only with a durable spool behind. */
  readonly needsSpool: boolean;
}

/** A verdict on an attempt of the queue. `state`: what the recipient's row in the spool becomes; `ended`: it goes. */
export interface OnQueuedAttempt {
  readonly state: "failed" | "due" | "held" | "ended";
  readonly outcome: RecipientOutcome;
  /** Whether the sender may hear of it: the DSN policy and NOTIFY are asked (RFC 3461 4.1). */
  readonly dsn: boolean;
}

/** The table. */
export const VERDICT_MEANINGS = {
  reject: {
    before: { answer: "reject", fold: "refused", outcome: "refused", needsSpool: false },
    // The client is gone: whom a refusal concerns can be told by a DSN only.
    queued: { state: "failed", outcome: "failed", dsn: true },
  },
  tempfail: {
    before: { answer: "tempfail", fold: "tempfailed", outcome: "deferred", needsSpool: false },
    queued: { state: "due", outcome: "deferred", dsn: false },
  },
  disconnect: {
    // 421 is a temporary failure that ends the session (RFC 5321 3.8).
    before: { answer: "disconnect", fold: "tempfailed", outcome: "deferred", needsSpool: false },
    // There is no session to end; what stays of it is that the message is tried later.
    queued: { state: "due", outcome: "deferred", dsn: false },
  },
  discard: {
    before: { answer: "accepted", fold: "taken", outcome: "discarded", needsSpool: false },
    // Recorded, and nobody is told: that is what the plugin asked for.
    queued: { state: "ended", outcome: "discarded", dsn: false },
  },
  quarantine: {
    before: { answer: "accepted", fold: "taken", outcome: "quarantined", needsSpool: true },
    queued: { state: "held", outcome: "quarantined", dsn: false },
  },
} as const satisfies {
  readonly [V in FatefulVerdict]: { readonly before: BeforeAcceptance; readonly queued: OnQueuedAttempt };
};
