/**
 * The spool behind the engine: what is queued, held or put off goes through it (RFC 5321 4.5.4, 6.1). A message is kept
 * once, with envelope, facts, edits and trace; the unit of state is the recipient. An engine keeps and lends, it decides
 * neither when nor where: that is the queue's. An engine for tests is in core/testing, the durable ones come with the
 * queue; all pass test/gateway/spool-contract.ts.
 *
 * Times are epoch milliseconds of the engine's clock, so that all who share a spool agree on what is due and what has
 * expired. Whatever resolves is as durable as the engine promises. A call that rejects has changed nothing and rejects
 * with a `SpoolFault`, but for what the caller's own content or signal throws. Calls may overlap.
 *
 *     put  -> due | held
 *     due  -> leased            lease          leased -> gone       settle complete
 *     held -> due               release        leased -> due        settle defer, return; sweep, returnLeases
 *     due  -> held              hold           leased -> held       settle hold
 *     failed -> due             retry          leased -> failed     settle fail
 *     due, held, failed -> gone remove         held, failed -> gone sweep, past their retention
 */

import type { Address, Content, Edit, Reply, ReversePath } from "../mail/mod.ts";
import type {
  Client,
  ForwardedClient,
  Identity,
  ListenerInfo,
  MailParameters,
  Origin,
  RcptParameters,
  TlsInfo,
  TraceEntry,
} from "../pipeline/mod.ts";

/** Entries that one `list` or `destinations` gives at most; a larger limit is taken as this one. */
export const SPOOL_PAGE_MAX = 1_000;
/** Recipients that one lease holds at most; the rest of the message stays due. */
export const SPOOL_LEASE_RECIPIENTS_MAX = 1_000;
/** Recipients whose retention ended that one `sweep` drops at most. */
export const SPOOL_SWEEP_MAX = 1_000;

/** State of a recipient. A delivered one is gone. */
export type SpoolState = "due" | "leased" | "held" | "failed";

/** Values of facts by name, as JSON; a value of another version, or that no longer parses, reads as the fallback. */
export interface StoredFacts {
  readonly [name: string]: { readonly version: number; readonly value: unknown };
}

/** A recipient to store. */
export interface SpoolRecipient {
  /** As it was when `route` began, or as an alias gave it: each attempt's `route` starts from it. */
  readonly forwardPath: Address;
  /** As the client gave it. */
  readonly original: Address;
  readonly parameters: RcptParameters;
  /** Addresses that led here through aliases (`addressKey`), so that no attempt runs in a circle. */
  readonly lineage: readonly string[];
  /** The stage that the next attempt starts with: `data` where that stage put the recipient off without judging it. */
  readonly stage: "data" | "route";
  /** Values of recipient facts known when that stage starts. */
  readonly facts: StoredFacts;
  /** Recipients (`addressKey`) that `route` added beside it and that have rows of their own: no attempt adds them again. */
  readonly copies?: readonly string[];
  /** A refusal that its sender is to be told of (`onMixedVerdict: "dsn"`): the next attempt fails with it. */
  readonly refusal?: Reply;
  /**
   * Where the last plan sent it, for leases, lists and fairness: a next hop, with `mx()` followed by a space and the
   * domain; "" while there is none. Each attempt routes anew.
   */
  readonly destination: string;
  readonly state: "due" | "held";
  /** When the next attempt may be made; of a held one when its retention ends. */
  readonly nextAt: number;
  /** Why it is held. */
  readonly reason?: string;
  /** What put it off before it was stored. */
  readonly lastReply?: Reply;
}

/** A message to store. All but `content` and the replacements of `edits` is JSON. */
export interface SpoolMessage {
  /** The trace id, no other message's: it sorts by time. */
  readonly id: string;
  readonly origin: Origin;
  /** When the transaction began: what the age of a message is counted from. */
  readonly receivedAt: number;
  readonly listener: ListenerInfo;
  /** As `data` saw it: behind an upstream the one that its Received field names, with `via`. */
  readonly client: Client;
  /** For the delivery; absent: nobody said so. */
  readonly forwarded?: ForwardedClient;
  /** "" when unknown. */
  readonly ehlo: string;
  readonly tls?: TlsInfo;
  readonly identity?: Identity;
  readonly reversePath: ReversePath;
  readonly parameters: MailParameters;
  /** The Received field, fixed at acceptance: it goes on top of the edited form, and no plugin sees it. */
  readonly traceField: Uint8Array;
  /** The message as it came, without our trace field. Read once, as a stream. */
  readonly content: Content;
  /**
   * The edits made in `data`, over `content`, in order. Replacements are read once each and given back as contents that
   * can be opened again; those that lay in memory lie there again. `restoreMessage` makes the edited form of both.
   */
  readonly edits: readonly Edit[];
  /** Values of session and transaction facts. */
  readonly facts: StoredFacts;
  readonly trace: readonly TraceEntry[];
  /** Hash of the config that took the message. */
  readonly config: string;
  /** Deliveries made before it was stored: those of the queue are numbered behind them. Absent: none. */
  readonly deliveries?: number;
  /** At least one. Their place in the list is their number. */
  readonly recipients: readonly SpoolRecipient[];
}

/** A message read back; its contents can be read while the message is in the spool. */
export type StoredMessage = Omit<SpoolMessage, "recipients">;

/** A recipient as listed. */
export interface SpoolEntry {
  readonly id: string;
  /** Number of the recipient in its message, from 0. */
  readonly recipient: number;
  readonly state: SpoolState;
  readonly destination: string;
  /** As `addressKey` gives it; "" is the null reverse-path. */
  readonly reversePath: string;
  readonly forwardPath: string;
  readonly receivedAt: number;
  /** Octets of the message as it came. */
  readonly messageBytes: number;
  /** Leases so far, but those given back untried. */
  readonly attempts: number;
  /** When the next attempt may be made; of a leased one when the lease expires; of others when their retention ends. */
  readonly nextAt: number;
  readonly lastReply?: Reply;
  /** Why it is held. */
  readonly reason?: string;
  /** Who has it on lease. */
  readonly owner?: string;
  /** Who last held or released it by hand, and when. */
  readonly by?: { readonly who: string; readonly did: "hold" | "release"; readonly at: number };
}

/** A recipient on lease. */
export interface LeasedRecipient extends Omit<SpoolRecipient, "state" | "reason"> {
  readonly recipient: number;
  /** Number of this attempt, from 1. */
  readonly attempt: number;
  /** An earlier lease ended unsettled (its owner died): a copy may have been delivered already. */
  readonly lapsed: boolean;
  /** Who released it from quarantine, when somebody did: the attempt is of the origin `release`. */
  readonly releasedBy?: string;
  /** When that was; there where `releasedBy` is. */
  readonly releasedAt?: number;
}

/** Names a lease: message, owner, and a token that no other lease has. */
export interface SpoolLeaseKey {
  readonly id: string;
  readonly owner: string;
  readonly lease: string;
}

/** Due recipients of one message and destination, lent to one owner. */
export interface SpoolLease extends SpoolLeaseKey {
  /** From then on `sweep` may give the recipients to others. Until it does, the lease can be settled or renewed. */
  readonly expiresAt: number;
  readonly destination: string;
  readonly message: StoredMessage;
  /** In ascending number. */
  readonly recipients: readonly LeasedRecipient[];
}

/** Who wants to be lent what. */
export interface SpoolLeaseRequest {
  /** A worker and its incarnation. */
  readonly owner: string;
  readonly leaseMs: number;
  /** Only recipients of this destination; absent: of any. */
  readonly destination?: string;
  /** At most so many recipients, from 1; default and maximum SPOOL_LEASE_RECIPIENTS_MAX. */
  readonly recipientsMax?: number;
  /** Rather one that was never lent, the longest due of those; the longest due of all where there is none. */
  readonly untriedFirst?: boolean;
}

/** What becomes of a leased recipient. */
export type SpoolSettlement =
  /** Nothing is left to do: delivered, or failed and nobody is to be told or its DSN goes along. */
  | { readonly recipient: number; readonly to: "complete" }
  | {
      readonly recipient: number;
      readonly to: "defer";
      readonly nextAt: number;
      readonly reply: Reply;
      /** Where the last plan sent it; absent: as before. */
      readonly destination?: string;
    }
  /** Kept as undeliverable until `until`. */
  | { readonly recipient: number; readonly to: "fail"; readonly reply: Reply; readonly until: number }
  | { readonly recipient: number; readonly to: "hold"; readonly reason: string; readonly until: number }
  /** Given back untried: due as before, and the attempt does not count. */
  | { readonly recipient: number; readonly to: "return" };

/** Which recipients are meant: those that meet all conditions. Leased ones are listed but never changed by hand. */
export interface SpoolFilter {
  readonly id?: string;
  /** With `id`: one recipient of it. */
  readonly recipient?: number;
  readonly state?: SpoolState;
  readonly destination?: string;
  /** A whole address in the form of `addressKey`, or "@domain" with the domain's A-labels; "" is the null one. */
  readonly reversePath?: string;
  readonly forwardPath?: string;
  /** Only messages received before this time. */
  readonly receivedBefore?: number;
}

/** A page of a list; `cursor` gives the next one and is absent on the last. */
export interface SpoolPage<Entry> {
  readonly entries: readonly Entry[];
  readonly cursor?: string;
}

/** What a sweep did. */
export interface SpoolSweep {
  /** Recipients whose lease had expired and that are due again. */
  readonly returned: number;
  /** Held and failed ones whose retention was over and that are gone; at most SPOOL_SWEEP_MAX, so sweep again when full. */
  readonly expired: readonly SpoolEntry[];
}

export interface Spool {
  /** Whether what it holds outlives the process. Without it nothing is accepted that was not delivered. */
  readonly durable: boolean;
  /**
   * Stores a message with all its recipients, in one commit. Resolved, it is safe; rejected, there is nothing of it.
   *
   * @param options.signal gives up, and rejects with its reason, while the commit has not begun
   */
  put(message: SpoolMessage, options?: { readonly signal?: AbortSignal }): Promise<void>;
  /**
   * Lends the due recipients of one message and destination, the longest due one's (then the older message's); undefined
   * when nothing is due. No recipient is on two leases at once.
   */
  lease(request: SpoolLeaseRequest): Promise<SpoolLease | undefined>;
  /** Makes a lease end `leaseMs` from now; false, and no change, when its recipients are no longer on it. */
  renew(lease: SpoolLeaseKey, leaseMs: number): Promise<boolean>;
  /**
   * Settles recipients of a lease, once each, in one commit; gives how many. A lease that is not the recipient's present
   * one settles nothing: other owner, other token, returned, or settled before. The content goes with the last recipient.
   *
   * @param messages stored in the same commit when at least one recipient is settled: the DSN beside the failure
   */
  settle(
    lease: SpoolLeaseKey,
    settlements: readonly SpoolSettlement[],
    messages?: readonly SpoolMessage[],
  ): Promise<number>;
  /** Makes due what an owner that is gone had on lease; absent, what anyone had: for the one who starts first. */
  returnLeases(owner?: string): Promise<number>;
  /** Holds due recipients until `until`; gives how many. */
  hold(filter: SpoolFilter, reason: string, until: number, by: string): Promise<number>;
  /** Makes held recipients due now and records who did it; gives how many. Doing it twice is doing it once. */
  release(filter: SpoolFilter, by: string): Promise<number>;
  /** Makes due and failed recipients due now; gives how many were due later or failed. */
  retry(filter: SpoolFilter): Promise<number>;
  /** Drops recipients; gives how many. A filter without a condition is refused: it would empty the spool. */
  remove(filter: SpoolFilter): Promise<number>;
  /** A message; undefined when it is not in the spool. */
  get(id: string): Promise<StoredMessage | undefined>;
  /** Recipients by message, oldest first. Those that stay while the pages are read come once each. */
  list(filter: SpoolFilter, cursor: string | undefined, limit: number): Promise<SpoolPage<SpoolEntry>>;
  /** How many recipients there are of each state and destination that has any. */
  counts(): Promise<
    readonly { readonly state: SpoolState; readonly destination: string; readonly count: number }[]
  >;
  /** Destinations with due recipients, in code unit order, each with the earliest time that one of them is due. */
  destinations(
    cursor: string | undefined,
    limit: number,
  ): Promise<SpoolPage<{ readonly destination: string; readonly nextAt: number }>>;
  /** Ends expired leases and retentions. A host calls it at intervals. */
  sweep(): Promise<SpoolSweep>;
  /** Told when recipients may have become due. A hint: it may come late, twice, or never. Returns the way to stop. */
  subscribe(listener: (destination: string) => void): () => void;
  /** Ends what is under way, then lets go. Every later call rejects; a second close does nothing. */
  close(): Promise<void>;
}

/** Why a spool could not do something. */
export type SpoolFaultCode =
  /** No room: 452 4.3.1 to the client. */
  | "ENOSPC"
  /** A message of that id is stored already. */
  | "EEXIST"
  /** What was given can not be stored: no recipients, an empty filter, content of another length than it said. */
  | "EINVAL"
  /** It could not be written or read. */
  | "EIO"
  /** The spool is closed. */
  | "ECLOSED";

/** The error that a spool's calls reject with. */
export class SpoolFault extends Error {
  override readonly name = "SpoolFault";
  readonly code: SpoolFaultCode;

  constructor(code: SpoolFaultCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
