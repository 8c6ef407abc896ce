/** One transaction, from MAIL to the end of data: the envelope part. What follows the final dot is in message-run.ts. */
import type { Address } from "../mail/mod.ts";
import {
  type AnyFact,
  type Envelope,
  type FactMap,
  failedCondition,
  type HookSubject,
  type MessageVerdict,
  type RcptParameters,
  runHook,
  Trace,
  type TraceEntry,
  type TraceRecipient,
  type TraceRecord,
} from "../pipeline/mod.ts";
import { answerOf, goOn, rejected, takes, tempfailed, withRef } from "./answers.ts";
import type { EngineSession } from "./gateway-session.ts";
import { MessageReceiver } from "./message-receiver.ts";
import { RecipientState, type Settled } from "./recipient.ts";
import { isPostmaster, strangerRefusal } from "./relay-policy.ts";
import type { Answer, ContentReceiver } from "./session.ts";

/** What the trace of a transaction says at its end. */
export interface TransactionEnd {
  readonly messageBytes?: number;
  readonly subject?: string;
  readonly headerFrom?: string;
  readonly edits?: TraceRecord["edits"];
}

/** Refused recipients that one transaction's record lists. */
const REFUSED_LISTED_MAX = 100;

/** A mail transaction. */
export class Transaction {
  readonly id: string;
  readonly session: EngineSession;
  readonly envelope: Envelope;
  readonly facts: FactMap = new Map();
  readonly recipients: RecipientState[] = [];
  readonly trace: Trace;
  /** Monotonic, for durations; and epoch, for people. */
  readonly startedAt: number;
  readonly startedAtEpoch: number;
  readonly #refused: TraceRecipient[] = [];
  #verdict: MessageVerdict | undefined;
  #group: string | undefined;
  #ended = false;

  constructor(session: EngineSession, envelope: Envelope) {
    const { engine } = session;
    this.session = session;
    this.envelope = envelope;
    this.id = engine.newId();
    this.trace = new Trace(engine.config.trace.entriesMax);
    this.startedAt = engine.services.clock.monotonic();
    this.startedAtEpoch = engine.services.clock.now();
  }

  async mail(): Promise<Answer> {
    const subject = this.subject({ envelope: this.envelope });
    for (const slot of this.session.engine.pipeline.hooks.mail) {
      if (slot.conditions.length > 0 && failedCondition(slot, subject) !== undefined) continue;
      const { verdict } = await runHook(slot, "mail", subject);
      if (!verdict) continue;
      if (!takes(verdict)) return this.ref(answerOf(verdict as Parameters<typeof answerOf>[0]));
      this.#verdict = verdict;
      break;
    }
    return goOn;
  }

  async rcpt(given: Address, parameters: RcptParameters): Promise<Answer> {
    const { engine } = this.session;
    if (this.recipients.length >= engine.config.limits.recipientsMax) {
      return this.#refuse(given, tempfailed("4.5.3", "Too many recipients", 452));
    }
    const refusal = this.#relayRefusal(given);
    if (refusal) return this.#refuse(given, refusal);
    const recipient = new RecipientState({
      forwardPath: this.#postmaster(given),
      original: given,
      parameters,
      rcpt: this.recipients.length,
    });
    recipient.verdict = this.#verdict;
    const answer = (await this.#rcptHooks(recipient)) ?? this.#planRoute(recipient);
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
    return {
      ...session.subject(own),
      id: this.id,
      facts: (fact, recipient) => this.factsOf(fact, recipient as RecipientState | undefined),
      trace: this.trace,
      startedAt: this.startedAt,
      ...more,
    };
  }

  factsOf(fact: AnyFact, recipient: RecipientState | undefined): FactMap | undefined {
    if (fact.scope === "session") return this.session.facts;
    if (fact.scope === "transaction") return this.facts;
    return fact.scope === "recipient" ? recipient?.facts : undefined;
  }

  note(event: string, detail: string): void {
    this.trace.add({ at: this.elapsed(), event, detail });
  }

  elapsed(): number {
    return Math.round((this.session.engine.services.clock.monotonic() - this.startedAt) * 1000) / 1000;
  }

  ref(answer: Answer): Answer {
    return withRef(answer, this.id);
  }

  /** Closes the transaction and publishes its record, once. A transaction nobody ever named a recipient in leaves none. */
  end(outcome: TraceRecord["outcome"], answer?: Answer, end: TransactionEnd = {}): void {
    if (this.#ended) return;
    this.#ended = true;
    const { session } = this;
    const recipients = [
      ...this.#refused,
      ...this.recipients
        .filter((recipient) => !recipient.expanded)
        .map((recipient) => traceRecipient(recipient)),
    ];
    if (outcome === "aborted" && recipients.length === 0) return;
    const { entries, dropped } = this.trace.entries();
    const record: TraceRecord = {
      id: this.id,
      session: session.id,
      origin: session.start.origin,
      startedAt: this.startedAtEpoch,
      ms: this.elapsed(),
      listener: session.listener.name,
      client: session.client,
      ...(session.ehloName === undefined ? {} : { ehlo: session.ehloName }),
      ...(session.tls ? { tls: `${session.tls.protocol} ${session.tls.cipher}` } : {}),
      ...(session.identity ? { user: session.identity.user } : {}),
      reversePath: this.envelope.reversePath?.text ?? "",
      recipients,
      outcome,
      ...(answer
        ? { reply: { code: answer.code ?? CODES[answer.kind], enhanced: answer.enhanced, text: answer.text } }
        : {}),
      ...end,
      edits: end.edits ?? [],
      entries: [...this.#sessionEntries(), ...entries],
      ...(dropped > 0 ? { entriesDropped: dropped } : {}),
      config: session.engine.config.hash,
    };
    session.engine.publish(record);
  }

  #sessionEntries(): readonly TraceEntry[] {
    return this.session.trace.entries().entries;
  }

  #relayRefusal(given: Address): Answer | undefined {
    const { session } = this;
    if (session.trusted || session.identity || isPostmaster(given, session.engine.domains)) return undefined;
    const why = strangerRefusal(given, session.engine.domains);
    if (!why) return undefined;
    this.note("relayRefused", why);
    return rejected("5.7.1", "Relaying denied");
  }

  /** `<postmaster>` has no domain: it is ours, by the config's word or at the first domain served here. */
  #postmaster(given: Address): Address {
    const { config, domains, postmaster: target } = this.session.engine;
    if (!isPostmaster(given, domains)) return given;
    if (target) return target;
    if (given.domain !== "") return given;
    const domain = config.domains[0] ?? config.hostName;
    return {
      text: `${given.localPart}@${domain}`,
      localPart: given.localPart,
      domain,
      domainAscii: domain.toLowerCase(),
    };
  }

  async #rcptHooks(recipient: RecipientState): Promise<Answer | undefined> {
    const { hooks } = this.session.engine.pipeline;
    if (hooks.rcpt.length === 0 || recipient.verdict) return undefined;
    const subject = this.subject(
      { envelope: this.envelope, recipient },
      {
        facts: (fact) => this.factsOf(fact, recipient),
        about: { recipient: recipient.forwardPath.text },
        envelopeEdits: (draft) => ({
          rewriteRecipient: (forwardPath: Address, reason: string) => draft.push({ forwardPath, reason }),
        }),
      },
    );
    for (const slot of hooks.rcpt) {
      if (slot.conditions.length > 0 && failedCondition(slot, subject, recipient) !== undefined) continue;
      const { verdict, envelope } = await runHook(slot, "rcpt", subject);
      for (const change of envelope as { forwardPath: Address; reason: string }[]) {
        this.note(
          "rewriteRecipient",
          `${recipient.forwardPath.text} -> ${change.forwardPath.text}: ${change.reason}`,
        );
        recipient.forwardPath = change.forwardPath;
      }
      if (!verdict) continue;
      if (!takes(verdict)) return answerOf(verdict as Parameters<typeof answerOf>[0]);
      recipient.verdict = verdict;
      return undefined;
    }
    return undefined;
  }

  /** Asks the routing plugins what the envelope alone says, and keeps inline transactions to one route group. */
  #planRoute(recipient: RecipientState): Answer | undefined {
    if (recipient.verdict) return undefined;
    const { engine } = this.session;
    const subject = this.subject({ envelope: this.envelope, recipient });
    for (const slot of engine.pipeline.slots) {
      const ask = slot.definition.envelopeRoute;
      if (!ask) continue;
      if (slot.conditions.length > 0) return undefined;
      const route = ask({
        ...subject,
        ...subject.services,
        envelope: this.envelope,
        recipient,
        fact: (fact: AnyFact) => {
          const map = this.factsOf(fact, recipient);
          return map?.has(fact) ? map.get(fact) : fact.fallback;
        },
      } as never);
      if (route === "none") return rejected("5.1.2", "No route to this recipient");
      if (!route) return undefined;
      const mode = route.mode ?? engine.modeOf(route.nextHop);
      if (mode !== "inline" || (engine.config.split === "spool" && engine.durableSpool)) return undefined;
      if (this.#group !== undefined && this.#group !== route.nextHop) {
        return tempfailed("4.5.3", "Send this recipient in a transaction of its own", 452);
      }
      this.#group = route.nextHop;
      return undefined;
    }
    return undefined;
  }

  #refuse(given: Address, answer: Answer): Answer {
    const told = this.ref(answer);
    if (this.#refused.length < REFUSED_LISTED_MAX) {
      this.#refused.push({
        forwardPath: given.text,
        outcome: answer.kind === "reject" ? "refused" : "deferred",
        reply: { code: told.code ?? CODES[told.kind], enhanced: told.enhanced, text: told.text },
      });
    }
    return told;
  }
}

/** The basic code where an answer names none. */
export const CODES: { readonly [kind in Answer["kind"]]: number } = {
  goOn: 250,
  accepted: 250,
  reject: 550,
  tempfail: 451,
  disconnect: 421,
};

function traceRecipient(recipient: RecipientState): TraceRecipient {
  const settled: Settled = recipient.settled ?? { outcome: "deferred", reason: "no content came" };
  return {
    forwardPath: recipient.forwardPath.text,
    ...(recipient.original.text === recipient.forwardPath.text ? {} : { original: recipient.original.text }),
    ...(recipient.route ? { nextHop: recipient.route.nextHop } : {}),
    ...settled,
  };
}
