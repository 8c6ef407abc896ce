/** The stage `data`: what the plugins say of the whole message, for all recipients or for some. */
import type { Message } from "../mail/mod.ts";
import type { HookOutcome, HookSubject, OriginalMessage, Recipient } from "../pipeline/mod.ts";
import type { RecipientState } from "./recipient.ts";
import { outcomesOf, slotsAtOnce } from "./run-stage.ts";
import type { Transaction } from "./transaction.ts";

/** What `data` hooks are about. */
export interface DataSubject {
  readonly transaction: Transaction;
  readonly original: OriginalMessage;
  /** The deadline: hooks do not begin after it. */
  readonly signal: AbortSignal;
}

/** Runs the `data` hooks; marks recipients with verdicts and gives the message with all edits. */
export async function judgeData(subject: DataSubject, message: Message): Promise<Message> {
  const { transaction, original, signal } = subject;
  const { envelope } = transaction;
  const slots = transaction.session.engine.pipeline.hooks.data;
  let current = message;
  let recipients: readonly RecipientState[] = [];
  /** The same for all hooks until one of them changes something. */
  let asked: HookSubject | undefined;
  for (let at = 0; at < slots.length && !signal.aborted; ) {
    if (!asked) {
      recipients = transaction.recipients.filter((recipient) => !recipient.verdict);
      if (recipients.length === 0) break;
      const own = { envelope, recipients, original };
      asked = transaction.subject(own, { message: current, recipients, signal });
    }
    const group = slotsAtOnce(slots, at);
    at += group.length;
    const running = outcomesOf(group, "data", asked);
    for (const outcome of running instanceof Promise ? await running : running) {
      if (!outcome.message && !outcome.verdict) continue;
      if (outcome.message) current = outcome.message;
      mark(outcome, recipients);
      asked = undefined;
    }
  }
  return current;
}

/** The first verdict of a recipient is its verdict: siblings of a parallel group come in written order. */
function mark({ verdict, recipients: some }: HookOutcome<"data">, all: readonly RecipientState[]): void {
  if (!verdict) return;
  const verdicts = new Map<Recipient, RecipientState["verdict"]>();
  if (verdict.verdict === "forRecipients") {
    for (const { recipient, verdict: own } of verdict.marks) verdicts.set(recipient as Recipient, own);
  } else {
    for (const recipient of some ?? all) verdicts.set(recipient, verdict);
  }
  for (const recipient of all) recipient.verdict ??= verdicts.get(recipient);
}
