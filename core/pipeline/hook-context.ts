/**
 * The context object that hooks get, and the draft it writes to: nothing of a draft counts before the run is over, and
 * nothing comes into it afterwards.
 */
import type { MessageView } from "../mail/mod.ts";
import type { Slot } from "./compile-pipeline.ts";
import type { AnyFact } from "./context.ts";
import type { Client, GatewayInfo, ListenerInfo, Origin, Recipient, TlsInfo } from "./envelope.ts";
import { isFact } from "./fact.ts";
import { factValue } from "./fact-value.ts";
import { faultText, HookFault } from "./hook-fault.ts";
import type { HookSubject } from "./hook-subject.ts";
import type { Clock, Crypto, Log, Random, Resolver, Store } from "./services.ts";
import { isKnownIn, type Stage } from "./stage.ts";
import type { Identity } from "./verdict.ts";
import {
  editUndeclared,
  NOT_A_FACT,
  nameRecipient,
  providedElsewhere,
  provideUndeclared,
  readTooEarly,
  readUndeclared,
} from "./words.ts";

/** A fact that was provided and does not count yet. */
export interface PendingFact {
  readonly fact: AnyFact;
  /** Whom it is about, for facts of recipient scope. */
  readonly recipient: Recipient | undefined;
  readonly value: unknown;
}

/** What a hook did so far. */
export class HookDraft {
  readonly slot: Slot;
  readonly stage: Stage;
  readonly subject: HookSubject;
  /** In the order they were provided. */
  #pending: PendingFact[] | undefined;
  /** The same by fact and recipient, once there are more than a look through them should take. */
  #byFact: Map<AnyFact, Map<Recipient | undefined, PendingFact>> | undefined;
  #fallbacks: Set<string> | undefined;
  #over = false;
  #abort: AbortController | undefined;
  #aborted: Error | undefined;
  #members: ReadonlySet<Recipient> | undefined;

  constructor(slot: Slot, stage: Stage, subject: HookSubject) {
    this.slot = slot;
    this.stage = stage;
    this.subject = subject;
  }

  /** Closes the draft: what the hook still does goes nowhere. */
  close(): void {
    this.#over = true;
  }

  get pending(): readonly PendingFact[] {
    return this.#pending ?? NOTHING;
  }

  /** Names of facts read that nobody had provided. */
  get fallbacks(): readonly string[] {
    return this.#fallbacks ? [...this.#fallbacks] : NO_NAMES;
  }

  get isOver(): boolean {
    return this.#over;
  }

  get signal(): AbortSignal {
    if (this.#abort) return this.#abort.signal;
    const abort = new AbortController();
    this.#abort = abort;
    const outer = this.subject.signal;
    const fault = this.#aborted ?? (outer?.aborted ? outer.reason : undefined);
    if (fault !== undefined) abort.abort(fault);
    // Not AbortSignal.any: with its weak references it takes longer than most hooks.
    else outer?.addEventListener("abort", () => abort.abort(outer.reason), { once: true });
    return abort.signal;
  }

  abort(reason: Error): void {
    this.#aborted = reason;
    this.#abort?.abort(reason);
  }

  read(fact: AnyFact, named: Recipient | undefined): unknown {
    const { slot, stage, subject } = this;
    if (!isFact(fact)) throw new HookFault(NOT_A_FACT);
    if (!slot.readable.has(fact)) throw new HookFault(readUndeclared(fact.name));
    if (!isKnownIn(fact.stage, stage)) throw new HookFault(readTooEarly(fact.name, fact.stage, stage));
    const recipient = this.#recipientOf(fact, named);
    const own = this.#provided(fact, recipient);
    if (own) return own.value;
    const map = subject.facts(fact, recipient);
    if (map?.has(fact)) return map.get(fact);
    this.#fallbacks ??= new Set();
    this.#fallbacks.add(fact.name);
    return fact.fallback;
  }

  provide(fact: AnyFact, value: unknown, named: Recipient | undefined): void {
    const { slot, stage, subject } = this;
    if (this.#over) {
      // Thrown, it could become an unhandled rejection of work that the hook left behind.
      subject.services.log.warn("pluginLate", { ref: subject.id, plugin: slot.plugin.name, stage });
      return;
    }
    if (!isFact(fact)) throw new HookFault(NOT_A_FACT);
    if (!slot.provides.includes(fact)) throw new HookFault(provideUndeclared(fact.name));
    if (fact.stage !== stage) throw new HookFault(providedElsewhere(fact.name, fact.stage, stage));
    const recipient = this.#recipientOf(fact, named);
    if (this.#provided(fact, recipient)) throw new HookFault(`provided the fact '${fact.name}' twice`);
    if (!subject.facts(fact, recipient))
      throw new HookFault(`the fact '${fact.name}' has no place in '${stage}'`);
    this.#keep({ fact, recipient, value: fitting(fact, value) });
  }

  #keep(pending: PendingFact): void {
    this.#pending ??= [];
    this.#pending.push(pending);
    if (this.#pending.length < LOOKED_THROUGH_MAX) return;
    const unsorted = this.#byFact ? [pending] : this.#pending;
    this.#byFact ??= new Map();
    for (const each of unsorted) {
      const ofFact = this.#byFact.get(each.fact) ?? new Map<Recipient | undefined, PendingFact>();
      ofFact.set(each.recipient, each);
      this.#byFact.set(each.fact, ofFact);
    }
  }

  #provided(fact: AnyFact, recipient: Recipient | undefined): PendingFact | undefined {
    if (this.#byFact) return this.#byFact.get(fact)?.get(recipient);
    return this.#pending?.find((each) => each.fact === fact && each.recipient === recipient);
  }

  /** Facts of this stage that the hook declared and did not provide; in `data`, for the recipients that go on. */
  missing(goingOn: readonly Recipient[]): AnyFact | undefined {
    return this.slot.provides.find((fact) => {
      if (fact.stage !== this.stage) return false;
      if (fact.scope !== "recipient") return this.#provided(fact, undefined) === undefined;
      if (this.stage !== "data") return this.#provided(fact, this.#single(fact)) === undefined;
      return goingOn.some((recipient) => this.#provided(fact, recipient) === undefined);
    });
  }

  noEnvelopeEdits(): never {
    if (!this.slot.editsEnvelope) throw new HookFault(editUndeclared("envelope"));
    throw new HookFault(`a hook of '${this.stage}' can not change the envelope so`);
  }

  #single(fact: AnyFact): Recipient | undefined {
    return fact.scope === "recipient" ? (this.subject.own as { recipient?: Recipient }).recipient : undefined;
  }

  /** Whom a fact is about: nobody, the stage's own recipient, or one of those that the hook sees. */
  #recipientOf(fact: AnyFact, named: Recipient | undefined): Recipient | undefined {
    if (fact.scope !== "recipient") return undefined;
    const single = this.#single(fact);
    if (single) {
      if (named === undefined || named === single) return single;
      throw new HookFault(`the fact '${fact.name}' of another recipient is not known in '${this.stage}'`);
    }
    if (named === undefined) throw new HookFault(nameRecipient(fact.name, this.stage));
    this.#members ??= new Set(
      this.subject.recipients ??
        (this.subject.own as { delivery?: { recipients: readonly Recipient[] } }).delivery?.recipients,
    );
    if (this.#members.has(named)) return named;
    throw new HookFault(`the recipient named for the fact '${fact.name}' is none of the hook's recipients`);
  }
}

/** Pending facts up to which no table of them is made. */
const LOOKED_THROUGH_MAX = 8;
const NOTHING: readonly PendingFact[] = [];
const NO_NAMES: readonly string[] = [];

function fitting(fact: AnyFact, value: unknown): unknown {
  try {
    const parsed = fact.schema.safeParse(value);
    if (!parsed.success) throw new HookFault(parsed.error.issues[0]?.message ?? "it does not fit the schema");
    return factValue(parsed.data);
  } catch (error) {
    throw new HookFault(`the fact '${fact.name}' was given a wrong value: ${faultText(error)}`);
  }
}

/** The parts of the context that a stage has of its own; see ContextOf. */
interface OwnParts {
  readonly attempt?: unknown;
  readonly envelope?: unknown;
  readonly recipient?: unknown;
  readonly recipients?: unknown;
  readonly original?: unknown;
  readonly delivery?: unknown;
  readonly bodyDigest?: unknown;
}

/** See ContextOf; what a stage does not have is undefined. Methods are bound, so that hooks may destructure. */
export class HookContext {
  /** In the stages that have one. */
  message: MessageView | undefined = undefined;
  readonly #draft: HookDraft;
  readonly #subject: HookSubject;
  readonly #own: OwnParts;

  constructor(draft: HookDraft) {
    this.#draft = draft;
    this.#subject = draft.subject;
    this.#own = draft.subject.own;
  }
  get attempt(): unknown {
    return this.#own.attempt;
  }
  get envelope(): unknown {
    return this.#own.envelope;
  }
  get recipient(): unknown {
    return this.#own.recipient;
  }
  get recipients(): unknown {
    return this.#own.recipients;
  }
  get original(): unknown {
    return this.#own.original;
  }
  get delivery(): unknown {
    return this.#own.delivery;
  }
  get bodyDigest(): unknown {
    return this.#own.bodyDigest;
  }
  get id(): string {
    return this.#subject.id;
  }
  get origin(): Origin {
    return this.#subject.origin;
  }
  get gateway(): GatewayInfo {
    return this.#subject.gateway;
  }
  get listener(): ListenerInfo {
    return this.#subject.listener;
  }
  get client(): Client {
    return this.#subject.client;
  }
  get ehlo(): string | undefined {
    return this.#subject.ehlo;
  }
  get tls(): TlsInfo | undefined {
    return this.#subject.tls;
  }
  get identity(): Identity | undefined {
    return this.#subject.identity;
  }
  get dns(): Resolver {
    return (this.#subject.asker ?? this.#subject.services).dns;
  }
  get fetch(): typeof globalThis.fetch {
    return this.#subject.services.fetch;
  }
  get clock(): Clock {
    return this.#subject.services.clock;
  }
  get random(): Random {
    return this.#subject.services.random;
  }
  get store(): Store {
    return this.#subject.services.store;
  }
  get crypto(): Crypto {
    return this.#subject.services.crypto;
  }
  get log(): Log {
    return this.#subject.services.log;
  }
  get signal(): AbortSignal {
    return this.#draft.signal;
  }
  get fact(): (fact: AnyFact, recipient?: Recipient) => unknown {
    const draft = this.#draft;
    return (fact, recipient) => draft.read(fact, recipient);
  }
  get provide(): (fact: AnyFact, value: unknown, recipient?: Recipient) => void {
    const draft = this.#draft;
    return (fact, value, recipient) => draft.provide(fact, value, recipient);
  }

  // In place of the operations that a hook does not have; those it has are its own properties.
  rewriteRecipient(): never {
    return this.#draft.noEnvelopeEdits();
  }
  expandRecipient(): never {
    return this.#draft.noEnvelopeEdits();
  }
  addRecipient(): never {
    return this.#draft.noEnvelopeEdits();
  }
  setReversePath(): never {
    return this.#draft.noEnvelopeEdits();
  }
}

/** A context for looking only: what `envelopeRoute` is given. What it provides goes nowhere. */
export function readingContext(slot: Slot, stage: Stage, subject: HookSubject): object {
  return new HookContext(new HookDraft(slot, stage, subject));
}
