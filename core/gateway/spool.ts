/**
 * The durable spool behind the engine: what is queued, held or split goes through it. The unit of state is the
 * recipient. Engines: in memory for tests here; durable ones come with the queue.
 */

import type { Address, ReversePath } from "../mail/address.ts";
import type { Content } from "../mail/content.ts";
import type { Edit } from "../mail/message-view.ts";
import type { Reply } from "../mail/reply.ts";
import type { Client, MailParameters, Origin, RcptParameters } from "../pipeline/envelope.ts";
import type { TraceEntry } from "../pipeline/trace-record.ts";

/** State of a recipient in the spool. A delivered one is gone from it. */
export type RecipientState = "due" | "leased" | "held" | "failed";

/** A recipient to store. */
export interface SpoolRecipient {
  readonly forwardPath: Address;
  readonly original: Address;
  readonly parameters: RcptParameters;
  /** The next hop of the last plan, for lists and fairness; each attempt routes anew. */
  readonly destination: string;
  readonly state: "due" | "held";
  /** Epoch milliseconds of the next attempt; for held ones the end of retention. */
  readonly nextAt: number;
  /** Why it is held, for held ones. */
  readonly reason?: string;
  /** Values of recipient facts, by name and version, as JSON. */
  readonly facts: { readonly [name: string]: { readonly version: number; readonly value: unknown } };
}

/** A message to store: all of it in one commit. */
export interface SpoolMessage {
  readonly id: string;
  readonly origin: Origin;
  readonly client: Client;
  readonly ehlo: string;
  readonly user?: string;
  readonly reversePath: ReversePath;
  readonly parameters: MailParameters;
  /** The original bytes, trace field first. */
  readonly content: Content;
  /** The edits of `data`, which all recipients have. */
  readonly edits: readonly Edit[];
  /** Values of session and transaction facts, by name and version, as JSON. */
  readonly facts: { readonly [name: string]: { readonly version: number; readonly value: unknown } };
  readonly trace: readonly TraceEntry[];
  readonly config: string;
  readonly recipients: readonly SpoolRecipient[];
}

/** A recipient as listed. */
export interface SpoolEntry {
  readonly id: string;
  /** Number of the recipient in its message, from 0. */
  readonly recipient: number;
  readonly state: RecipientState;
  readonly destination: string;
  readonly reversePath: string;
  readonly forwardPath: string;
  readonly attempts: number;
  readonly nextAt: number;
  readonly lastReply?: Reply;
  readonly reason?: string;
}

/** Due recipients of one message and destination, lent to one owner until `expiresAt`. */
export interface SpoolLease {
  readonly owner: string;
  readonly expiresAt: number;
  readonly message: Omit<SpoolMessage, "recipients">;
  readonly recipients: readonly (SpoolRecipient & {
    readonly recipient: number;
    readonly attempts: number;
  })[];
}

/** What becomes of a leased recipient. */
export type SpoolSettlement =
  | { readonly recipient: number; readonly to: "complete" }
  | { readonly recipient: number; readonly to: "defer"; readonly nextAt: number; readonly reply: Reply }
  | { readonly recipient: number; readonly to: "fail"; readonly reply: Reply }
  | { readonly recipient: number; readonly to: "hold"; readonly reason: string; readonly until: number };

/** Which entries an operator means. */
export interface SpoolFilter {
  readonly id?: string;
  readonly state?: RecipientState;
  readonly destination?: string;
  readonly reversePath?: string;
  readonly forwardPath?: string;
}

/** A spool. What resolves is durable, to the engine's promise. */
export interface Spool {
  /** Whether what it holds outlives the process. */
  readonly durable: boolean;
  put(message: SpoolMessage): Promise<void>;
  /** Lends the due recipients of one message and destination, or undefined when nothing is due. */
  lease(owner: string, now: number, leaseMs: number): Promise<SpoolLease | undefined>;
  /** Settles recipients of a lease; those whose lease went to another owner are left alone. Gives how many were settled. */
  settle(id: string, owner: string, settlements: readonly SpoolSettlement[]): Promise<number>;
  /** Makes held recipients due; gives how many. Doing it twice is doing it once. */
  release(filter: SpoolFilter, now: number): Promise<number>;
  remove(filter: SpoolFilter): Promise<number>;
  list(
    filter: SpoolFilter,
    cursor: string | undefined,
    limit: number,
  ): Promise<{ readonly entries: readonly SpoolEntry[]; readonly cursor?: string }>;
  counts(): Promise<
    readonly { readonly state: RecipientState; readonly destination: string; readonly count: number }[]
  >;
  content(id: string): Promise<Content | undefined>;
  /** Frees expired leases and drops what no longer belongs to a recipient; gives how much it did. */
  sweep(now: number): Promise<number>;
  close(): Promise<void>;
}
