/** The stage `route`: where each recipient's copy goes, and in which form. Aliases add recipients, routed in their turn. */
import { type Message, pathText } from "../mail/mod.ts";
import {
  type AnyFact,
  type Attempt,
  type HookOutcome,
  type HookSubject,
  type Recipient,
  type RouteVerdict,
  reject,
  tempfail,
} from "../pipeline/mod.ts";
import { type EnvelopeChange, EnvelopeChanges, envelopeEdits } from "./envelope-changes.ts";
import type { DataSubject } from "./judge-data.ts";
import type { RecipientState } from "./recipient.ts";
import { runStage } from "./run-stage.ts";
import type { Transaction } from "./transaction.ts";

/** Runs the `route` hooks of each recipient that goes on, and of those that aliases add. */
export function judgeRoutes(
  subject: DataSubject,
  message: Message,
  attemptOf: AttemptOf = first,
): Promise<void> | undefined {
  return routeFrom(0, subject, message, new EnvelopeChanges(subject.transaction), attemptOf);
}

/** Which attempt it is for a recipient. */
export type AttemptOf = (recipient: RecipientState) => Attempt;

const FIRST: Attempt = { number: 1 };
const first: AttemptOf = () => FIRST;

/** Routes from a recipient on; waits only for hooks that do not answer at once. */
function routeFrom(
  first: number,
  subject: DataSubject,
  message: Message,
  changes: EnvelopeChanges,
  attemptOf: AttemptOf,
): Promise<void> | undefined {
  const { recipients } = subject.transaction;
  for (let i = first; i < recipients.length && !subject.signal.aborted; i++) {
    const recipient = recipients[i]!;
    const routing = recipient.verdict ? undefined : routeOne(subject, recipient, message, changes, attemptOf);
    if (routing) return routing.then(() => routeFrom(i + 1, subject, message, changes, attemptOf));
  }
  return undefined;
}

function routeOne(
  { transaction, original, signal }: DataSubject,
  recipient: RecipientState,
  message: Message,
  changes: EnvelopeChanges,
  attemptOf: AttemptOf,
): Promise<void> | undefined {
  recipient.message = message;
  const attempt = attemptOf(recipient);
  let faulty = false;
  const verdict = runStage({
    stage: "route",
    slots: transaction.session.engine.pipeline.hooks.route,
    subject: (): HookSubject =>
      transaction.subject(
        { envelope: transaction.envelope, recipient, original, attempt },
        {
          message: recipient.message ?? message,
          signal,
          facts: (fact: AnyFact, named: Recipient | undefined) =>
            transaction.factsOf(fact, (named as RecipientState | undefined) ?? recipient),
          about: { recipient: pathText(recipient.forwardPath) },
          envelopeEdits,
        },
      ),
    onOutcome: (outcome, slot) => {
      if (outcome.message) recipient.message = outcome.message;
      if (outcome.fault !== undefined) faulty = true;
      for (const change of outcome.envelope as readonly EnvelopeChange[]) {
        changes.apply(recipient, change, slot.plugin.name);
        // Replaced, or refused for what the change would have done: the rest of the hook's wishes are void.
        if (recipient.expanded || recipient.verdict) return true;
      }
      return false;
    },
  });
  if (verdict instanceof Promise)
    return verdict.then((later) => conclude(transaction, recipient, later, faulty));
  conclude(transaction, recipient, verdict, faulty);
  return undefined;
}

/** @param faulty whether a hook failed and was skipped */
function conclude(
  transaction: Transaction,
  recipient: RecipientState,
  verdict: HookOutcome<"route">["verdict"],
  faulty: boolean,
): void {
  if (recipient.expanded || recipient.verdict) return;
  if (verdict) {
    decide(transaction, recipient, verdict);
    return;
  }
  // A plugin that failed and was skipped may have been the one that routes: nobody knows that there is no route.
  recipient.verdict = faulty
    ? tempfail("4.3.0", "Temporary failure, please try again later")
    : reject("5.1.2", "No route to this recipient");
  transaction.note("noRoute", pathText(recipient.forwardPath));
}

function decide(transaction: Transaction, recipient: RecipientState, verdict: RouteVerdict): void {
  if (verdict.verdict !== "routeTo") {
    recipient.verdict = verdict;
    return;
  }
  const { engine } = transaction.session;
  const { nextHop } = verdict;
  const known = Object.hasOwn(engine.config.nextHops, nextHop) && engine.services.nextHops.has(nextHop);
  const mode = verdict.mode ?? engine.modeOf(nextHop);
  const fault = !known
    ? "nextHopUnknown"
    : verdict.deliverAt !== undefined && mode !== "queue"
      ? "deliverAtNeedsQueue"
      : undefined;
  if (fault) {
    recipient.routeFault = { fault, nextHop };
    engine.services.log.error(fault, { ref: transaction.id, nextHop });
    transaction.note("routeFault", `${fault}: ${nextHop}`);
    recipient.verdict = tempfail("4.3.5", "System incorrectly configured");
    return;
  }
  recipient.route = verdict;
}
