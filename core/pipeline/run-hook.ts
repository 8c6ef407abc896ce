/**
 * Runs one hook of one plugin, atomically: its facts and edits count only if it returns a fitting verdict in time.
 * What goes wrong becomes the plugin's `onError`; nothing escapes.
 */
import type { Message } from "../mail/message.ts";
import type { BodyEdits, HeaderEdits, MessageView } from "../mail/message-view.ts";
import type { Slot } from "./compile-pipeline.ts";
import type { ConditionContext } from "./condition.ts";
import type { AnyFact } from "./context.ts";
import type { Client, ListenerInfo, Origin, Recipient, TlsInfo } from "./envelope.ts";
import type { Clock, Crypto, Log, Random, Resolver, Store } from "./services.ts";
import { isKnownIn, type Stage } from "./stage.ts";
import { timeLimits } from "./time-limits.ts";
import type { Trace } from "./trace.ts";
import {
  type Identity,
  type Reject,
  reject,
  type Tempfail,
  tempfail,
  VERDICTS_OF,
  type VerdictOf,
} from "./verdict.ts";

/** Values of facts of one scope. */
export type FactMap = Map<AnyFact, unknown>;

/** The services that hooks see. */
export interface HookServices {
  readonly dns: Resolver;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Store;
  readonly crypto: Crypto;
  readonly log: Log;
}

/** What stays the same for all hooks of one stage run. */
export interface HookSubject {
  readonly id: string;
  readonly origin: Origin;
  readonly listener: ListenerInfo;
  readonly client: Client;
  readonly ehlo: string | undefined;
  readonly tls: TlsInfo | undefined;
  readonly identity: Identity | undefined;
  readonly services: HookServices;
  /** The message to fork for hooks that edit, or to show. */
  readonly message?: Message;
  /** The values of a fact's scope, for the stage's own subject or for a named recipient. */
  readonly facts: (fact: AnyFact, recipient: Recipient | undefined) => FactMap | undefined;
  /** Stage-specific properties of the context: envelope, recipient, recipients, delivery, attempt ... */
  readonly own: object;
  /** Methods that change the envelope, given to plugins that declared it; they write to the draft. */
  readonly envelopeEdits?: (draft: unknown[]) => object;
  /** Recipients whose facts must be provided in a stage about several. */
  readonly recipients?: readonly Recipient[];
  readonly trace: Trace;
  /** Monotonic milliseconds of the transaction's start. */
  readonly startedAt: number;
  /** What the trace says the run was about. */
  readonly about?: { readonly recipient?: string; readonly nextHop?: string };
  /** Aborts when the transaction's deadline is over. */
  readonly signal?: AbortSignal;
}

/** How a hook run ended. */
export interface HookOutcome<S extends Stage> {
  /** Absent: go on. */
  readonly verdict?: VerdictOf[S] | Reject | Tempfail;
  /** The message with the hook's edits, where it edited. */
  readonly message?: Message;
  /** Envelope operations, in the form the engine's `envelopeEdits` recorded them. */
  readonly envelope: readonly unknown[];
}

class HookFault extends Error {}

/** The context object that hooks get; stage-specific properties are assigned to it. */
class HookContext {
  readonly #subject: HookSubject;
  readonly #slot: Slot;
  readonly #stage: Stage;
  readonly pending: { fact: AnyFact; recipient: Recipient | undefined; value: unknown }[] = [];
  fallbacks: string[] | undefined;
  #abort: AbortController | undefined;

  constructor(subject: HookSubject, slot: Slot, stage: Stage) {
    this.#subject = subject;
    this.#slot = slot;
    this.#stage = stage;
    Object.assign(this, subject.own);
  }
  get id(): string {
    return this.#subject.id;
  }
  get origin(): Origin {
    return this.#subject.origin;
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
    return this.#subject.services.dns;
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
    this.#abort ??= new AbortController();
    const outer = this.#subject.signal;
    return outer ? AbortSignal.any([outer, this.#abort.signal]) : this.#abort.signal;
  }
  abort(reason: Error): void {
    this.#abort?.abort(reason);
  }
  fact(fact: AnyFact, recipient?: Recipient): unknown {
    if (!this.#slot.readable.has(fact)) {
      throw new HookFault(`to read the fact '${fact?.name}', put it into the plugin's 'reads' or 'mayRead'`);
    }
    if (!isKnownIn(fact.stage, this.#stage)) {
      throw new HookFault(
        `the fact '${fact.name}' is known from the stage '${fact.stage}' on: it can not be read in '${this.#stage}'`,
      );
    }
    for (let i = this.pending.length - 1; i >= 0; i--) {
      const own = this.pending[i];
      if (own?.fact === fact && own.recipient === recipient) return own.value;
    }
    const map = this.#subject.facts(fact, recipient);
    if (map?.has(fact)) return map.get(fact);
    this.fallbacks ??= [];
    this.fallbacks.push(fact.name);
    return fact.fallback;
  }
  provide(fact: AnyFact, value: unknown, recipient?: Recipient): void {
    if (!this.#slot.provides.includes(fact)) {
      throw new HookFault(`to provide the fact '${fact?.name}', put it into the plugin's 'provides'`);
    }
    if (fact.stage !== this.#stage) {
      throw new HookFault(
        `the fact '${fact.name}' belongs to the stage '${fact.stage}': it can not be provided in '${this.#stage}'`,
      );
    }
    const parsed = fact.schema.safeParse(value);
    if (!parsed.success) {
      throw new HookFault(
        `the fact '${fact.name}' was given a wrong value: ${parsed.error.issues[0]?.message ?? "unfit"}`,
      );
    }
    if (!this.#subject.facts(fact, recipient)) {
      throw new HookFault(`the fact '${fact.name}' is about a recipient: name the recipient`);
    }
    this.pending.push({ fact, recipient, value: parsed.data });
  }
}

/** Whether a slot's conditions hold, or the name of the one that does not. A condition that throws is a fault. */
export function failedCondition(slot: Slot, subject: HookSubject, recipient?: Recipient): string | undefined {
  for (const { condition, negate } of slot.conditions) {
    const own = subject.own as Partial<ConditionContext>;
    const context = {
      origin: subject.origin,
      listener: subject.listener,
      client: subject.client,
      ehlo: subject.ehlo,
      tls: subject.tls,
      identity: subject.identity,
      envelope: own.envelope,
      recipient: recipient ?? own.recipient,
      fact: (fact: AnyFact) => {
        const map = subject.facts(fact, fact.scope === "recipient" ? recipient : undefined);
        return map?.has(fact) ? map.get(fact) : fact.fallback;
      },
    } as ConditionContext;
    if (condition.holds(context) === negate) return `${negate ? "not " : ""}${condition.name}`;
  }
  return undefined;
}

/** Runs the hook of a slot. Never rejects. */
export async function runHook<S extends Stage>(
  slot: Slot,
  stage: S,
  subject: HookSubject,
): Promise<HookOutcome<S>> {
  const { clock } = subject.services;
  const began = clock.monotonic();
  const context = new HookContext(subject, slot, stage);
  let message: Message | undefined;
  const envelope: unknown[] = [];
  try {
    if (subject.message) {
      const edits = slot.editsHeader || (slot.editsBody && stage !== "delivery");
      message = edits ? subject.message.fork() : undefined;
      (context as { message?: unknown }).message = shownMessage(slot, stage, subject.message, message);
    }
    if (slot.editsEnvelope && subject.envelopeEdits) Object.assign(context, subject.envelopeEdits(envelope));
    const result = (slot.definition[stage] as (ctx: unknown) => unknown)(context);
    const verdict = isPromise(result) ? await inTime(result, slot, context, subject) : result;
    checkResult(slot, stage, subject, context, verdict);
    const edited =
      message && message.edits.length > (subject.message?.edits.length ?? 0) ? message : undefined;
    for (const { fact, recipient, value } of context.pending)
      subject.facts(fact, recipient)?.set(fact, value);
    record(slot, stage, subject, context, began, verdict as VerdictOf[S] | undefined, edited);
    return {
      ...(verdict ? { verdict: verdict as VerdictOf[S] } : {}),
      ...(edited ? { message: edited } : {}),
      envelope,
    };
  } catch (error) {
    return faulty(slot, stage, subject, began, error);
  }
}

/** What a hook sees of the message: reading always, and the editing methods of the declared edits only. */
function shownMessage(slot: Slot, stage: Stage, current: Message, draft: Message | undefined): MessageView {
  const source: MessageView & Partial<HeaderEdits & BodyEdits> = draft
    ? draft.editor(slot.plugin.name)
    : current;
  const view: MessageView & Partial<HeaderEdits & BodyEdits> = {
    get size() {
      return source.size;
    },
    get header() {
      return source.header;
    },
    get content() {
      return source.content;
    },
    structure: () => source.structure(),
  };
  if (!draft) return view;
  const editor = source as MessageView & HeaderEdits & BodyEdits;
  if (slot.editsHeader) {
    view.addField = (name, value, reason, position) => editor.addField(name, value, reason, position);
    view.replaceField = (name, value, reason, n) => editor.replaceField(name, value, reason, n);
    view.removeField = (name, reason, n) => editor.removeField(name, reason, n);
  }
  if (slot.editsBody && stage !== "delivery") {
    view.replacePart = (part, content, reason) => editor.replacePart(part, content, reason);
    view.removePart = (part, reason) => editor.removePart(part, reason);
    view.prependText = (addition, reason) => editor.prependText(addition, reason);
    view.appendText = (addition, reason) => editor.appendText(addition, reason);
  }
  return view;
}

const isPromise = (value: unknown): value is Promise<unknown> =>
  typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";

/** The result of a hook, or a fault when the hook's time or the transaction's is over before. */
function inTime(
  result: Promise<unknown>,
  slot: Slot,
  context: HookContext,
  subject: HookSubject,
): Promise<unknown> {
  return new Promise((resolve, refuse) => {
    const limits = timeLimits(subject.services.clock);
    const outer = subject.signal;
    const limit = limits.start(slot.timeoutMs, () => {
      const fault = new HookFault(`did not return within ${slot.timeoutMs} ms`);
      context.abort(fault);
      end();
      refuse(fault);
    });
    const stop = () => {
      end();
      refuse(new HookFault("the transaction's deadline is over"));
    };
    const end = () => {
      limits.end(limit);
      outer?.removeEventListener("abort", stop);
    };
    result.then(
      (value) => {
        end();
        resolve(value);
      },
      (error: unknown) => {
        end();
        refuse(error);
      },
    );
    // What is settled already counts, deadline or not.
    if (outer?.aborted) queueMicrotask(stop);
    else outer?.addEventListener("abort", stop);
  });
}

function checkResult(
  slot: Slot,
  stage: Stage,
  subject: HookSubject,
  context: HookContext,
  verdict: unknown,
): void {
  if (verdict !== undefined && verdict !== null) {
    const kind = (verdict as { verdict?: unknown }).verdict;
    if (typeof kind !== "string" || !(VERDICTS_OF[stage] as readonly string[]).includes(kind)) {
      throw new HookFault(
        `returned ${typeof kind === "string" ? `the verdict '${kind}'` : "something that is no verdict"}; '${stage}' takes ${VERDICTS_OF[stage].join(", ")} or nothing`,
      );
    }
    if (kind === "routeTo" && slot.definition.routes !== true) {
      throw new HookFault("returned routeTo without 'routes: true' in its definition");
    }
    return;
  }
  for (const fact of slot.provides) {
    if (fact.stage !== stage) continue;
    const about = fact.scope === "recipient" && subject.recipients ? subject.recipients : [undefined];
    for (const recipient of about) {
      if (!context.pending.some((p) => p.fact === fact && p.recipient === recipient)) {
        throw new HookFault(`went on without providing the fact '${fact.name}' that it declares`);
      }
    }
  }
}

function record<S extends Stage>(
  slot: Slot,
  stage: S,
  subject: HookSubject,
  context: HookContext,
  began: number,
  verdict: VerdictOf[S] | undefined,
  edited: Message | undefined,
): void {
  const { pending, fallbacks } = context;
  const shown = verdict as
    | { verdict: string; enhanced?: string; text?: string; reason?: string; nextHop?: string }
    | undefined;
  const text = shown?.text ?? shown?.reason ?? shown?.nextHop;
  subject.trace.add({
    stage,
    plugin: slot.plugin.name,
    at: round(began - subject.startedAt),
    ms: round(subject.services.clock.monotonic() - began),
    ...subject.about,
    ...(pending.length > 0 ? { facts: Object.fromEntries(pending.map((p) => [p.fact.name, p.value])) } : {}),
    ...(fallbacks ? { fallbacks: [...new Set(fallbacks)] } : {}),
    ...(edited
      ? {
          edits: edited.edits
            .slice(subject.message?.edits.length ?? 0)
            .map(({ summary, reason }) => ({ summary, reason })),
        }
      : {}),
    ...(shown
      ? {
          verdict: {
            verdict: shown.verdict,
            ...(shown.enhanced ? { enhanced: shown.enhanced } : {}),
            ...(text ? { text } : {}),
          },
        }
      : {}),
  });
}

function faulty<S extends Stage>(
  slot: Slot,
  stage: S,
  subject: HookSubject,
  began: number,
  error: unknown,
): HookOutcome<S> {
  const message =
    error instanceof Error
      ? `${error.name === "Error" ? "" : `${error.name}: `}${error.message}`
      : String(error);
  subject.services.log.warn("pluginFault", {
    ref: subject.id,
    plugin: slot.plugin.name,
    stage,
    cause: message,
  });
  subject.trace.add({
    stage,
    plugin: slot.plugin.name,
    at: round(began - subject.startedAt),
    ms: round(subject.services.clock.monotonic() - began),
    ...subject.about,
    fault: { message: message.slice(0, 500), onError: slot.onError },
  });
  if (slot.onError === "skip") return { envelope: [] };
  // A delivery may only be put off: after acceptance a fault must not fail mail for good.
  if (slot.onError === "reject" && stage !== "delivery") {
    return { verdict: reject("5.3.0", "The message can not be processed"), envelope: [] };
  }
  return { verdict: tempfail("4.3.0", "Temporary failure, please try again later"), envelope: [] };
}

const round = (ms: number): number => Math.round(ms * 1000) / 1000;
