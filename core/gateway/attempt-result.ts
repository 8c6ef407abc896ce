/** What became of one recipient on a queued attempt: verdicts by the table, next hops' answers by kind of trouble. */
import { makeReply, type Reply } from "../mail/mod.ts";
import { answerOf, replyOf, systemTrouble } from "./answers.ts";
import type { DeliveryResult, RecipientResult } from "./next-hop-driver.ts";
import type { AttemptFailure, AttemptResult } from "./queued-attempt.ts";
import type { RecipientState } from "./recipient.ts";
import type { LeasedRecipient } from "./spool.ts";
import { VERDICT_MEANINGS } from "./verdict-meanings.ts";

/** What a verdict of `data` or `route` means for it; undefined: it goes on. */
export function verdictResult(
  { recipient }: LeasedRecipient,
  { verdict, routeFault }: RecipientState,
): AttemptResult | undefined {
  if (!verdict) return undefined;
  if (routeFault?.fault === "nextHopUnknown") {
    const { nextHop } = routeFault;
    const reason = `no next hop '${nextHop}' in the config`;
    return { recipient, outcome: "held", reason, destination: nextHop, failure: "noNextHop" };
  }
  const { state } = VERDICT_MEANINGS[verdict.verdict].queued;
  if (verdict.verdict === "discard" || verdict.verdict === "quarantine") {
    const outcome = state === "held" ? "held" : "discarded";
    return { recipient, outcome, reason: verdict.reason, destination: "" };
  }
  const outcome = state === "failed" ? "failed" : "deferred";
  return { recipient, outcome, reply: replyOf(answerOf(verdict)), destination: "", failure: "plugin" };
}

/** It was refused before it was stored, and its sender is to be told. */
export const refusalResult = (recipient: number, refusal: Reply): AttemptResult => ({
  recipient,
  outcome: "failed",
  reply: refusal,
  destination: "",
  failure: "plugin",
});

/** Its first route wants it delivered at that time. */
export const timedResult = (recipient: number, destination: string, notBefore: number): AttemptResult => ({
  recipient,
  outcome: "deferred",
  // Nobody has answered anything yet: what stands in lists until then.
  reply: makeReply(450, "0.0", `Not to be delivered before ${new Date(notBefore).toISOString()}`),
  destination,
  notBefore,
});

/** Something of ours put it off. */
export const troubleResult = (recipient: number, destination: string, reply?: Reply): AttemptResult => ({
  recipient,
  outcome: "deferred",
  reply: reply ?? replyOf(systemTrouble()),
  destination,
  failure: "plugin",
});

/** The next hop's answer. */
export function deliveredResult(
  recipient: number,
  destination: string,
  { status, reply }: RecipientResult,
  told: DeliveryResult,
  dsnPassedOn: boolean,
): AttemptResult {
  const where = { recipient, destination, reply, ...(told.server ? { server: told.server } : {}) };
  if (status === "delivered") return { ...where, outcome: "delivered", dsnPassedOn };
  // Its own refusal stands, however the delivery ended for the others.
  if (status === "rejected") return { ...where, outcome: "failed", failure: "reply" };
  return { ...where, outcome: "deferred", failure: failureOf(told, reply) };
}

function failureOf({ ended, tlsFault }: DeliveryResult, reply: Reply): AttemptFailure {
  if (ended === "reply") return isGreylisting(reply) ? "greylisted" : "reply";
  return ended === "us" && tlsFault === true ? "tls" : ended;
}

/** RFC 6647 2.1 leaves the words open; 4.7.1 with these codes is what most servers say. */
const isGreylisting = ({ code, enhanced, text }: Reply): boolean =>
  (code === 450 || code === 451) && (enhanced === "4.7.1" || /gr[ae]y-?list/i.test(text.slice(0, 500)));
