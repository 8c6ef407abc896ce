/** One transaction, from MAIL to the end of data: the envelope part. What follows the final dot is in message-run.ts. */
import { type Address, pathText } from "../mail/mod.ts";
import {
  type AnyFact,
  type Client,
  type ConditionResults,
  type Envelope,
  type FactMap,
  type ForwardedClient,
  type HookSubject,
  type MessageVerdict,
  type RcptParameters,
  type Recipient,
  type Resolver,
  type Slot,
  Trace,
  type TraceRecipient,
  type TraceRecord,
} from "../pipeline/mod.ts";
import { answerOf, goOn, outcomeOf, rejected, replyOf, takes, tempfailed, withRef } from "./answers.ts";
import { MessageReceiver } from "./message-receiver.ts";
import { RecipientState } from "./recipient.ts";
import { claimsWayBack, isPostmaster, postmasterAddress, strangerRefusal } from "./relay-policy.ts";
import { RouteGroup } from "./route-group.ts";
import { runStage } from "./run-stage.ts";
import type { Answer, ContentReceiver } from "./session.ts";
import type { SessionState } from "./session-state.ts";
import type { StoredMessage } from "./spool.ts";
import { recordOf, type TransactionEnd } from "./transaction-record.ts";

/** Refused recipients that one transaction's record lists. */
export const REFUSED_LISTED_MAX = 100;
/** Characters of one note in the trace. */
const NOTE_MAX = 500;

/** A mail transaction. */
export class Transaction {
  readonly id: string;
  readonly session: SessionState;
  readonly envelope: Envelope;
  readonly facts: FactMap = new Map();
  readonly conditions: ConditionResults = new Map();
  readonly recipients: RecipientState[] = [];
  /** That of the session; from `data` on the one behind an upstream. */
  client: Client;
  /** What a peer said by XFORWARD of it. */
  forwarded: ForwardedClient | undefined;
  /** Deliveries that were begun. */
  deliveries = 0;
  readonly trace: Trace;
  /** Monotonic, for durations; and epoch, for people. */
  readonly startedAt: number;
  readonly startedAtEpoch: number;
  readonly #refused: TraceRecipient[] = [];
  readonly #group = new RouteGroup(this);
  readonly #facts = (fact: AnyFact, recipient: Recipient | undefined) =>
    this.factsOf(fact, recipient as RecipientState | undefined);
  readonly #conditions: NonNullable<HookSubject["conditions"]> = (per, recipient) => {
    if (per === "session") return this.session.conditions;
    return per === "transaction" ? this.conditions : (recipient as RecipientState | undefined)?.conditions;
  };
  #dns: Resolver | undefined;
  #verdict: MessageVerdict | undefined;
  #ended = false;

  /** @param stored the message of a queued attempt: its transaction is the one that took it, gone on with */
  constructor(session: SessionState, envelope: Envelope, stored?: StoredMessage) {
    const { engine } = session;
    const { clock } = engine.services;
    this.session = session;
    this.envelope = envelope;
    this.client = stored?.client ?? session.client;
    this.forwarded = stored?.forwarded;
    this.id = stored?.id ?? engine.newId();
    this.trace = new Trace(engine.config.trace.entriesMax);
    this.startedAtEpoch = stored?.receivedAt ?? clock.now();
    this.startedAt = clock.monotonic() - (stored ? Math.max(0, clock.now() - stored.receivedAt) : 0);
  }

  mail(): Answer | Promise<Answer> {
    const { mail: slots } = this.session.engine.pipeline.hooks;
    return slots.length === 0 ? goOn : this.#mailHooks(slots);
  }

  async #mailHooks(slots: readonly Slot[]): Promise<Answer> {
    const subject = this.subject({ envelope: this.envelope });
    const running = runStage({ stage: "mail", slots, subject: () => subject });
    const verdict = running instanceof Promise ? await running : running;
    if (!verdict) return goOn;
    if (!takes(verdict)) return this.ref(answerOf(verdict));
    this.#verdict = verdict;
    return goOn;
  }

  async rcpt(given: Address, parameters: RcptParameters): Promise<Answer> {
    const { config, domains, postmaster, takesWaysBack } = this.session.engine;
    if (this.recipients.length >= config.limits.recipientsMax) {
      return this.#refuse(given, tempfailed("5.3", "Too many recipients", 452));
    }
    const refusal = this.#relayRefusal(given);
    if (refusal && !(takesWaysBack && claimsWayBack(given, domains))) return this.#refuse(given, refusal);
    const recipient = new RecipientState({
      forwardPath: postmasterAddress(given, config, domains, postmaster),
      original: given,
      parameters,
      rcpt: this.recipients.length,
    });
    recipient.verdict = this.#verdict;
    const { rcpt: slots } = this.session.engine.pipeline.hooks;
    const refused =
      slots.length === 0 || recipient.verdict ? undefined : await this.#rcptHooks(slots, recipient);
    // Nobody vouched for the way back, be it that no hook was asked: it is what it looked like at first.
    if (refusal && !refused && !recipient.wayBack) return this.#refuse(given, refusal);
    let answer = refused ?? this.#group.refusalOf(recipient);
    if (answer instanceof Promise) answer = await answer;
    if (answer) return this.#refuse(given, answer);
    this.recipients.push(recipient);
    return goOn;
  }

  receive(): ContentReceiver {
    return new MessageReceiver(this);
  }

  /** The subject of hooks about the transaction; `own` is the stage's part of the context. */
  subject(own: object, more: Partial<HookSubject> = {}): HookSubject {
    const { session } = this;
    // Written out: there is one for each hook of each message.
    return {
      id: this.id,
      origin: session.start.origin,
      gateway: session.engine.info,
      listener: session.listener,
      client: this.client,
      ehlo: session.ehloName,
      tls: session.tls,
      identity: session.identity,
      services: session.engine.hookServices,
      asker: this,
      facts: more.facts ?? this.#facts,
      conditions: this.#conditions,
      own,
      trace: this.trace,
      startedAt: this.startedAt,
      message: more.message,
      envelopeEdits: more.envelopeEdits,
      recipients: more.recipients,
      about: more.about,
      signal: more.signal,
    };
  }

  /** What its hooks ask; made for the first that does. */
  get dns(): Resolver {
    this.#dns ??= this.session.engine.dnsFor((event, detail) => this.note(event, detail));
    return this.#dns;
  }

  factsOf(fact: AnyFact, recipient: RecipientState | undefined): FactMap | undefined {
    if (fact.scope === "session") return this.session.facts;
    if (fact.scope === "transaction") return this.facts;
    return fact.scope === "recipient" ? recipient?.facts : undefined;
  }

  note(event: string, detail: string): void {
    this.trace.add({ at: this.elapsed(), event, detail: detail.slice(0, NOTE_MAX) });
  }

  elapsed(): number {
    return Math.round((this.session.engine.services.clock.monotonic() - this.startedAt) * 1000) / 1000;
  }

  ref(answer: Answer): Answer {
    return withRef(answer, this.id);
  }

  /** What a refusing answer to the message means for the recipients of which nothing else is known. */
  settleRest(answer: Answer): void {
    for (const recipient of this.recipients) {
      recipient.settled ??= { outcome: outcomeOf(answer), reply: replyOf(answer) };
    }
  }

  /** The same answer for each RCPT; an alias may have made several recipients of one. */
  toEachRcpt(answer: Answer): readonly Answer[] {
    const rcpts = this.recipients.reduce((most, { rcpt }) => Math.max(most, rcpt + 1), 0);
    return new Array<Answer>(rcpts).fill(answer);
  }

  /** Closes the transaction and publishes its record, once. A transaction nobody ever named a recipient in leaves none. */
  end(outcome: TraceRecord["outcome"], answer?: Answer, end: TransactionEnd = {}): void {
    if (this.#ended) return;
    this.#ended = true;
    const record = recordOf(this, this.#refused, outcome, answer, end);
    if (outcome !== "aborted" || record.recipients.length > 0) this.session.engine.publish(record);
  }

  #relayRefusal(given: Address): Answer | undefined {
    const { session } = this;
    if (session.trusted || session.identity || isPostmaster(given, session.engine.domains)) return undefined;
    const why = strangerRefusal(given, session.engine.domains);
    if (!why) return undefined;
    this.note("relayRefused", why);
    return rejected("7.1", "Relaying denied");
  }

  async #rcptHooks(slots: readonly Slot[], recipient: RecipientState): Promise<Answer | undefined> {
    const subject = this.subject(
      { envelope: this.envelope, recipient },
      {
        facts: (fact) => this.factsOf(fact, recipient),
        about: { recipient: pathText(recipient.forwardPath) },
        envelopeEdits: (draft) => ({
          rewriteRecipient: (forwardPath: Address, reason: string) => draft.push({ forwardPath, reason }),
        }),
      },
    );
    const running = runStage({
      stage: "rcpt",
      slots,
      subject: () => subject,
      onOutcome: ({ envelope }, { plugin, definition }) => {
        for (const { forwardPath, reason } of envelope as { forwardPath: Address; reason: string }[]) {
          const change = `${pathText(recipient.forwardPath)} -> ${pathText(forwardPath)}`;
          this.note("rewriteRecipient", `${change} (${plugin.name}: ${reason})`);
          recipient.forwardPath = forwardPath;
          if (definition.waysBack) recipient.wayBack = true;
        }
        return false;
      },
    });
    const verdict = running instanceof Promise ? await running : running;
    if (!verdict) return undefined;
    if (!takes(verdict)) return answerOf(verdict);
    recipient.verdict = verdict;
    return undefined;
  }

  #refuse(given: Address, answer: Answer): Answer {
    const told = this.ref(answer);
    if (this.#refused.length < REFUSED_LISTED_MAX) {
      this.#refused.push({ forwardPath: pathText(given), outcome: outcomeOf(answer), reply: replyOf(told) });
    }
    return told;
  }
}
