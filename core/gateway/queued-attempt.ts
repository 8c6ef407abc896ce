/**
 * What the queue asks of the engine: one attempt at the recipients of a lease (RFC 5321 4.5.4). The engine knows where
 * and how; when to try again, whom to tell, and what is written to the spool is the queue's.
 */
import type { Reply } from "../mail/mod.ts";
import type { SpoolLease, SpoolMessage } from "./spool.ts";

/** What kind of trouble put a recipient off or ended it: each has a retry schedule of its own. */
export type AttemptFailure =
  /** No server of the destination could be talked to. */
  | "connection"
  /** TLS could not be had as the policy asks. */
  | "tls"
  /** It refused us: greeting, EHLO, AUTH. An operator must look. */
  | "us"
  /** A reply to a command or to the content. */
  | "reply"
  /** A reply that asks to come again soon: 450 or 451 with 4.7.1, or words of greylisting, to RCPT or the content. */
  | "greylisted"
  /** No answer after the final dot: a copy may have been taken. */
  | "lost"
  /** A plugin of ours said so, or failed. */
  | "plugin"
  /** The config has no such next hop any more. */
  | "noNextHop";

/** What became of one leased recipient. */
export interface AttemptResult {
  readonly recipient: number;
  /**
   * `delivered`, `discarded`: it ends. `failed`: it ends, and the sender may hear of it. `deferred`: to be tried again.
   * `held`: kept for a person. `returned`: nothing was tried, as the gateway stops. `replaced`: nothing was tried, as it
   * became several recipients, each of which has to end by itself: it ends, and `becomes` is stored in the same commit.
   */
  readonly outcome: "delivered" | "failed" | "deferred" | "held" | "discarded" | "returned" | "replaced";
  /** Of the next hop, or ours. Always there for `failed` and `deferred`. */
  readonly reply?: Reply;
  /** Why it is held or discarded. */
  readonly reason?: string;
  /** Where it was sent, or would have been; "" where nothing routed it. */
  readonly destination: string;
  /** Of `deferred`: its route wants it delivered at this time, so that nothing failed and no schedule counts. */
  readonly notBefore?: number;
  /** Of `replaced`: the message that goes on in its place. One object for all of a lease: it is stored once. */
  readonly becomes?: SpoolMessage;
  /** Who answered, as "192.0.2.1:25". */
  readonly server?: string;
  /** Of `deferred` and `failed`. */
  readonly failure?: AttemptFailure;
  /** Of `delivered`: whether the next hop took over telling the sender (it offers DSN, RFC 3461 5.2.2). */
  readonly dsnPassedOn?: boolean;
}

/** What was written to the spool of one recipient of an attempt. */
export interface SettledAttempt {
  /** As the attempt gave it; `failed`, with a reply, where the queue gave up. */
  readonly result: AttemptResult;
  /** When it is tried again; absent: not by itself. */
  readonly nextAt?: number;
}

/** Runs attempts. */
export interface QueuedAttempts {
  /**
   * Routes and delivers the recipients of a lease; one result for each, in their order. Never rejects: every failure is
   * a result. Nothing is written to the spool.
   *
   * @param options.signal aborts when the gateway stops: what was not begun is `returned`, what runs is finished
   */
  attempt(lease: SpoolLease, options: { readonly signal: AbortSignal }): Promise<readonly AttemptResult[]>;
  /**
   * Told when the settlements of an attempt are committed: joins the trace of the message, writes the log lines and tells
   * the plugins. Returns at once and never throws.
   *
   * @param lease the very one that the attempt was given
   */
  settled(lease: SpoolLease, settled: readonly SettledAttempt[]): void;
}
