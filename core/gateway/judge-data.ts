/** The stage `data`: what the plugins say of the whole message, for all recipients or for some. */
import type { Message } from "../mail/mod.ts";
import type { HookOutcome, HookSubject, OriginalMessage, Recipient } from "../pipeline/mod.ts";
import type { RecipientState } from "./recipient.ts";
import { endOfGroup, outcomesOf } from "./run-stage.ts";
import type { Transaction } from "./transaction.ts";

/** What `data` hooks are about. */
export interface DataSubject {
  readonly transaction: Transaction;
  readonly original: OriginalMessage;
  /** The deadline: hooks do not begin after it. */
  readonly signal: AbortSignal;
}

/** Runs the `data` hooks; marks recipients with verdicts and gives the message with all edits. Never rejects. */
export function judgeData(subject: DataSubject, message: Message): Message | Promise<Message> {
  return new DataJudging(subject, message).from(0);
}

class DataJudging {
  readonly #subject: DataSubject;
  #message: Message;
  #recipients: readonly RecipientState[] = [];
  /** The same for all hooks until one of them changes something. */
  #asked: HookSubject | undefined;

  constructor(subject: DataSubject, message: Message) {
    this.#subject = subject;
    this.#message = message;
  }

  /** Goes on with the slot at a place; waits only for hooks that do not answer at once. */
  from(first: number): Message | Promise<Message> {
    const { transaction, signal } = this.#subject;
    const slots = transaction.session.engine.pipeline.hooks.data;
    for (let at = first; at < slots.length && !signal.aborted; ) {
      const asked = this.#ask();
      if (!asked) break;
      const end = endOfGroup(slots, at);
      const running = outcomesOf(slots, at, end, "data", asked);
      if (running instanceof Promise) {
        return running.then((outcomes) => {
          this.#take(outcomes);
          return this.from(end);
        });
      }
      this.#take(running);
      at = end;
    }
    return this.#message;
  }

  /** What the next hooks are about; undefined when nobody is left whom they could be about. */
  #ask(): HookSubject | undefined {
    if (this.#asked) return this.#asked;
    const { transaction, original, signal } = this.#subject;
    const recipients = transaction.recipients.filter((recipient) => !recipient.verdict);
    if (recipients.length === 0) return undefined;
    const own = { envelope: transaction.envelope, recipients, original };
    this.#recipients = recipients;
    this.#asked = transaction.subject(own, { message: this.#message, recipients, signal });
    return this.#asked;
  }

  #take(outcomes: readonly HookOutcome<"data">[]): void {
    const recipients = this.#recipients;
    for (const outcome of outcomes) {
      if (!outcome.message && !outcome.verdict) continue;
      if (outcome.message) this.#message = outcome.message;
      mark(outcome, recipients);
      this.#asked = undefined;
    }
  }
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
