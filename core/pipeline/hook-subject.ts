/** What the engine hands over for a hook run, and what it gets back. */
import type { Message } from "../mail/mod.ts";
import type { Per } from "./condition.ts";
import type { AnyFact } from "./context.ts";
import type { Client, GatewayInfo, ListenerInfo, Origin, Recipient, TlsInfo } from "./envelope.ts";
import type { ConditionResults } from "./evaluate-condition.ts";
import type { Clock, Crypto, Log, Random, Resolver, Store } from "./services.ts";
import type { Stage } from "./stage.ts";
import type { Trace } from "./trace.ts";
import type { Identity, Reject, Tempfail, VerdictOf } from "./verdict.ts";

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
  readonly gateway: GatewayInfo;
  readonly listener: ListenerInfo;
  readonly client: Client;
  readonly ehlo: string | undefined;
  readonly tls: TlsInfo | undefined;
  readonly identity: Identity | undefined;
  readonly services: HookServices;
  /** Whose `dns` hooks are given, in place of that of the services: one that counts what they ask. */
  readonly asker?: { readonly dns: Resolver } | undefined;
  /** The message to fork for hooks that edit, or to show. */
  readonly message?: Message | undefined;
  /** The values of a fact's scope, for the stage's own subject or for a named recipient. */
  readonly facts: (fact: AnyFact, recipient: Recipient | undefined) => FactMap | undefined;
  /**
   * Where the results of conditions of a session, transaction or recipient are kept; absent, or undefined for one:
   * evaluated for each hook. A map is empty when its scope begins and is dropped with it.
   */
  readonly conditions?: (per: Per, recipient: Recipient | undefined) => ConditionResults | undefined;
  /** Stage-specific properties of the context: envelope, recipient, recipients, delivery, attempt ... */
  readonly own: object;
  /** Methods that change the envelope, given to plugins that declared it; they write to the draft. */
  readonly envelopeEdits?: ((draft: unknown[]) => object) | undefined;
  /** In `data`: the recipients that the hook sees, also those whose facts must be provided. */
  readonly recipients?: readonly Recipient[] | undefined;
  readonly trace: Trace;
  /** Monotonic milliseconds of the transaction's start. */
  readonly startedAt: number;
  /** What the trace says the run was about. */
  readonly about?: { readonly recipient?: string; readonly nextHop?: string } | undefined;
  /** Aborts when the transaction's deadline is over. */
  readonly signal?: AbortSignal | undefined;
}

/** How a hook run ended. */
export interface HookOutcome<S extends Stage> {
  /** Absent: go on. */
  readonly verdict?: VerdictOf[S] | Reject | Tempfail;
  /** The message with the hook's edits, where it edited. */
  readonly message?: Message;
  /** Envelope operations, in the form the engine's `envelopeEdits` recorded them. */
  readonly envelope: readonly unknown[];
  /** In `data`: the recipients that the verdict is about, when conditions left some out. */
  readonly recipients?: readonly Recipient[];
  /** The condition that kept the hook from running. */
  readonly skipped?: string;
  /** What went wrong; the verdict is what `onError` made of it. */
  readonly fault?: string;
}
