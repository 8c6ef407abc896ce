/** What hooks are given, stage by stage. The types hide what a plugin did not declare; the runner enforces the same. */
import type { Address, BodyEdits, HeaderEdits, MessageView, Reply, ReversePath } from "../mail/mod.ts";
import type { Client, Envelope, GatewayInfo, ListenerInfo, Origin, Recipient, TlsInfo } from "./envelope.ts";
import type { Fact, FactValue } from "./fact.ts";
import type { Duration } from "./plugin.ts";
import type { Clock, Crypto, HashName, Log, Random, Resolver, Store } from "./services.ts";
import type { Scope, Stage, StagesUpTo } from "./stage.ts";
import type { Identity } from "./verdict.ts";
import type {
  DELIVERY_EDITS,
  EditUndeclared,
  NameRecipient,
  NOT_A_FACT,
  ProvidedElsewhere,
  ProvideUndeclared,
  ReadTooEarly,
  ReadUndeclared,
} from "./words.ts";

/** All that a plugin may change. */
export const EDIT_KINDS = ["header", "body", "envelope"] as const;

/** What a plugin may change. */
export type EditKind = (typeof EDIT_KINDS)[number];

/** Any fact, whatever its value. */
// biome-ignore lint/suspicious/noExplicitAny: a fact's value stands in its schema in both directions
export type AnyFact = Fact<string, Stage, Scope, any>;

/** What follows a fact: the recipient it is about, where the stage is about more than one. */
export type RecipientArgument = readonly [] | readonly [recipient: Recipient];

/** `F`, or words that ask for the recipient where a fact of recipient scope needs one. */
type WithRecipient<F, Name extends string, Of extends Scope, S extends Stage, A extends RecipientArgument> = [
  Of,
] extends ["recipient"]
  ? S extends "data" | "delivery"
    ? A extends readonly []
      ? NameRecipient<Name, S>
      : F
    : F
  : F;

/** A fact that may be read in a stage by a plugin that declared `D`, or words that say why not. */
export type Readable<F, S extends Stage, D extends AnyFact, A extends RecipientArgument> =
  F extends Fact<infer Name, infer Of, infer In, unknown>
    ? [Of] extends [StagesUpTo[S]]
      ? [Name] extends [D["name"]]
        ? WithRecipient<F, Name, In, S, A>
        : ReadUndeclared<Name>
      : ReadTooEarly<Name, Of, S>
    : typeof NOT_A_FACT;

/** A fact that may be provided in a stage by a plugin that declared `P`, or words that say why not. */
export type Providable<F, S extends Stage, P extends AnyFact, A extends RecipientArgument> =
  F extends Fact<infer Name, infer Of, infer In, unknown>
    ? [Of] extends [S]
      ? [Name] extends [P["name"]]
        ? WithRecipient<F, Name, In, S, A>
        : ProvideUndeclared<Name>
      : ProvidedElsewhere<Name, Of, S>
    : typeof NOT_A_FACT;

/** What every hook has. */
export interface BaseContext<S extends Stage, D extends AnyFact> {
  /** The trace id: of the session before MAIL, of the transaction from then on. Never an authority. */
  readonly id: string;
  readonly origin: Origin;
  readonly gateway: GatewayInfo;
  readonly listener: ListenerInfo;
  readonly client: Client;
  /** The name given with EHLO, HELO or LHLO; undefined before it and where the host has none. */
  readonly ehlo: string | undefined;
  readonly tls: TlsInfo | undefined;
  /** Who authenticated, if anyone did. */
  readonly identity: Identity | undefined;
  readonly dns: Resolver;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Store;
  readonly crypto: Crypto;
  readonly log: Log;
  /** Aborts when the hook's time or the client's patience is over. */
  readonly signal: AbortSignal;
  /**
   * The value of a fact: the provided one, or its fallback. It is frozen.
   *
   * @param recipient whose value, for facts of recipient scope where the stage is about more than one
   */
  fact<const F extends AnyFact, const A extends RecipientArgument = readonly []>(
    fact: F & Readable<F, S, D, A>,
    ...recipient: A
  ): FactValue<F>;
}

/** Providing facts; in stages about several recipients, a recipient fact names its recipient. */
export interface Providing<S extends Stage, P extends AnyFact> {
  /** Once for each fact (and recipient). What is provided counts when the hook returns in time. */
  provide<const F extends AnyFact, const A extends RecipientArgument = readonly []>(
    fact: F & Providable<F, S, P, A>,
    value: NoInfer<FactValue<F>>,
    ...recipient: A
  ): void;
}

/** The mechanism of attempts without a password (RFC 7677). */
export const SCRAM_SHA_256 = "SCRAM-SHA-256";

/** An attempt of a client to authenticate (RFC 4954). */
export interface AuthAttempt {
  /** "PLAIN", "LOGIN", or, for plugins that declare `scram`, "SCRAM-SHA-256". */
  readonly mechanism: string;
  readonly user: string;
  /** The password, which SCRAM does not send: there it is "". Never log it. */
  readonly password: string;
}

/** In place of methods that are not there at run time: to call one tells these words. */
type Absent<Methods, Words> = { readonly [K in keyof Methods]: (...absent: readonly Words[]) => never };

/** The message in the stages that have one, with the editing methods of the declared edits. */
export type EditableMessage<E extends EditKind, S extends Stage = "data"> = MessageView &
  ("header" extends E ? HeaderEdits : Absent<HeaderEdits, EditUndeclared<"header">>) &
  (S extends "delivery"
    ? Absent<BodyEdits, typeof DELIVERY_EDITS>
    : "body" extends E
      ? BodyEdits
      : Absent<BodyEdits, EditUndeclared<"body">>);

/** The untouched message as it came in, with the body digests that plugins declared. */
export interface OriginalMessage extends MessageView {
  /**
   * The digest of the body's canonical form (RFC 6376 3.4). Declared ones were computed while receiving; others are
   * computed now and kept.
   */
  bodyDigest(canonical: "simple" | "relaxed", hash: HashName): Promise<Uint8Array>;
}

/** Envelope changes in `rcpt`. */
export interface RcptEnvelopeEdits {
  /** Replaces this recipient's forward-path. */
  rewriteRecipient(forwardPath: Address, reason: string): void;
}

/** Envelope changes in `route`. New recipients are routed in their turn; loops and floods are refused. */
export interface RouteEnvelopeEdits extends RcptEnvelopeEdits {
  /** Replaces this recipient by others (an alias or list, RFC 5321 3.9; DSN parameters follow RFC 3461 5.2.7). */
  expandRecipient(forwardPaths: readonly Address[], reason: string): void;
  /** Adds a recipient of our own, with NOTIFY=NEVER (a journal, a copy). */
  addRecipient(forwardPath: Address, reason: string): void;
  /** Sets the reverse-path of this recipient's copy (SRS). */
  setReversePath(reversePath: ReversePath, reason: string): void;
}

/** Which attempt at delivery this is. */
export interface Attempt {
  /** 1 when the message is taken, and for the first of the queue. */
  readonly number: number;
  /** The reply that ended the last attempt, from the second on. */
  readonly lastReply?: Reply;
}

/** A delivery as `delivery` hooks see it: one message to one next hop, for some recipients. */
export interface DeliveryView {
  /** The next hop's name in the config. */
  readonly nextHop: string;
  readonly reversePath: ReversePath;
  readonly recipients: readonly Recipient[];
}

/** The context of a hook, by stage. */
export interface ContextOf<D extends AnyFact, P extends AnyFact, E extends EditKind> {
  connect: BaseContext<"connect", D> & Providing<"connect", P>;
  ehlo: BaseContext<"ehlo", D> & Providing<"ehlo", P>;
  auth: BaseContext<"auth", D> & Providing<"auth", P> & { readonly attempt: AuthAttempt };
  mail: BaseContext<"mail", D> & Providing<"mail", P> & { readonly envelope: Envelope };
  rcpt: BaseContext<"rcpt", D> &
    Providing<"rcpt", P> & {
      readonly envelope: Envelope;
      readonly recipient: Recipient;
    } & ("envelope" extends E ? RcptEnvelopeEdits : Absent<RcptEnvelopeEdits, EditUndeclared<"envelope">>);
  data: BaseContext<"data", D> &
    Providing<"data", P> & {
      readonly envelope: Envelope;
      /** The recipients that are still going on and that the plugin's conditions hold for. */
      readonly recipients: readonly Recipient[];
      readonly message: EditableMessage<E>;
      readonly original: OriginalMessage;
    };
  route: BaseContext<"route", D> &
    Providing<"route", P> & {
      readonly envelope: Envelope;
      readonly recipient: Recipient;
      readonly message: EditableMessage<E>;
      readonly original: OriginalMessage;
      readonly attempt: Attempt;
    } & ("envelope" extends E ? RouteEnvelopeEdits : Absent<RouteEnvelopeEdits, EditUndeclared<"envelope">>);
  delivery: BaseContext<"delivery", D> &
    Providing<"delivery", P> & {
      readonly envelope: Envelope;
      readonly delivery: DeliveryView;
      readonly message: EditableMessage<E, "delivery">;
      readonly original: OriginalMessage;
      readonly attempt: Attempt;
      /** The digest of the body as it leaves, kept for all deliveries and attempts with the same body. */
      bodyDigest(canonical: "simple" | "relaxed", hash: HashName): Promise<Uint8Array>;
    };
}

/** What `envelopeRoute` is given: the recipient before any content is known. */
export interface EnvelopeRouteContext<D extends AnyFact> extends BaseContext<"rcpt", D> {
  readonly envelope: Envelope;
  readonly recipient: Recipient;
}

/** How the next hop of a route is asked at RCPT for its recipients; `true`: with all defaults. */
export type VerifyRecipients =
  | true
  | {
      /** How long it is known that there is such a recipient. Default 1 hour. */
      readonly goodFor?: Duration;
      /** How long it is known that there is none. Default 5 minutes. */
      readonly badFor?: Duration;
      /** For one question, connecting included. Default 10 s. */
      readonly timeout?: Duration;
      /**
       * What becomes of a recipient of which the next hop says neither: `accept`, or `tempfail` with 450 4.1.1. Default
       * `accept` where the route is inline, as the next hop decides before our 250 there, else `tempfail`.
       */
      readonly undecided?: "accept" | "tempfail";
    };

/**
 * What is known of a recipient's route at RCPT: `none` refuses it there (550), a next hop by name allows the check of
 * route groups, undefined is decided by the content.
 */
export type EnvelopeRoute =
  | {
      readonly nextHop: string;
      readonly mode?: "inline" | "queue";
      /** Whether the next hop is asked for the recipient. Absent: no. */
      readonly verifyRecipients?: VerifyRecipients;
    }
  | "none"
  | undefined;

/** Events: what became of a message, told afterwards, at least once. */
export const EVENT_NAMES = [
  "accepted",
  "refused",
  "quarantined",
  "released",
  "deferred",
  "delivered",
  "failed",
] as const;

/** One of them. */
export type EventName = (typeof EVENT_NAMES)[number];

/** What an `on` hook is told. */
export interface MailEvent {
  readonly event: EventName;
  readonly id: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly origin: Origin;
  readonly reversePath: string;
  readonly forwardPath: string;
  /** Its name in the config; absent: none was chosen. */
  readonly nextHop?: string;
  /** The next hop's, or the one that refused the recipient; absent: there was none. */
  readonly reply?: Reply;
  /** For people; absent where the reply says all. */
  readonly reason?: string;
  /** Number of the queue's attempt, from 1; absent: the queue made none. */
  readonly attempt?: number;
  /** Of `deferred`: when the queue tries again, epoch milliseconds; absent: the client has to. */
  readonly nextAt?: number;
}

/** What an `on` hook may use. It looks and can not decide. */
export interface EventContext {
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly store: Store;
  readonly log: Log;
  readonly signal: AbortSignal;
}
