/** The record of one message's way: JSON, stored by the trace store and shown by the page and the API. */
import type { Reply } from "../mail/mod.ts";
import type { Client, ForwardedClient, Origin } from "./envelope.ts";
import type { Stage } from "./stage.ts";

/** One run of one hook. */
export interface TraceHookRun {
  readonly stage: Stage;
  readonly plugin: string;
  /** Milliseconds since the transaction's start. */
  readonly at: number;
  /** How long it ran, in milliseconds. */
  readonly ms: number;
  /** The forward-path it was about, where the stage is about one. */
  readonly recipient?: string;
  /** The next hop of the delivery it was about, in `delivery`. */
  readonly nextHop?: string;
  /** Facts provided, by name; those of a `data` hook about single recipients as "NAME of FORWARD-PATH". Bounded. */
  readonly facts?: { readonly [name: string]: unknown };
  /** Facts read that nobody had provided: their fallback was used. */
  readonly fallbacks?: readonly string[];
  /** Absent: none. Bounded. */
  readonly edits?: readonly { readonly summary: string; readonly reason: string }[];
  /** Absent: went on. */
  readonly verdict?: { readonly verdict: string; readonly enhanced?: string; readonly text?: string };
  /** What went wrong in the hook, and what `onError` made of it. */
  readonly fault?: { readonly message: string; readonly onError: string };
  /** Why it did not run: the name of the condition that did not hold. */
  readonly skipped?: string;
}

/** Something the engine itself did or saw: a command, a fold, a delivery attempt. */
export interface TraceNote {
  /** Milliseconds since the transaction's start. */
  readonly at: number;
  /** As "rcpt", "fold", "delivery", "duplicatePossible". */
  readonly event: string;
  readonly detail: string;
}

/** A command or reply as it was said, where `trace.dialogue` asks for it. Secrets and content are never in it. */
export interface TraceLine {
  /** Milliseconds since the transaction's start; with `opening` since the session's. */
  readonly at: number;
  readonly who: "client" | "gateway" | "nextHop";
  /** Bounded, with controls escaped; the lines of a reply are parted by "\n". */
  readonly line: string;
  /** The server of a next hop that it was said to or by, as "192.0.2.1:25"; absent: said in the session. */
  readonly server?: string;
  /** It was said before the first MAIL of the session. */
  readonly opening?: true;
}

/** What a trace is made of, in the order of time. */
export type TraceEntry = TraceHookRun | TraceNote | TraceLine;

/** What became of one recipient. */
export interface TraceRecipient {
  /** In the queue; absent: it never was there. */
  readonly number?: number;
  readonly forwardPath: string;
  /** As the client gave it, when rewritten or expanded. */
  readonly original?: string;
  readonly outcome: "delivered" | "refused" | "deferred" | "discarded" | "quarantined" | "queued" | "failed";
  /** Its name in the config; absent: none was chosen. */
  readonly nextHop?: string;
  /** What decided it, the next hop's or ours; absent: nothing was answered. */
  readonly reply?: Reply;
  /** For people; absent where the reply says all. */
  readonly reason?: string;
  /** Attempts that the queue made; absent: none. */
  readonly attempts?: number;
  /** When the next one may be made, epoch milliseconds; absent: none will be, or none was made yet. */
  readonly nextAt?: number;
}

/** One transaction, whole; with `attempt` what an attempt of the queue adds to it, and trace stores join the two. */
export interface TraceRecord {
  /** Sortable by time. */
  readonly id: string;
  /** "" of an attempt. */
  readonly session: string;
  /** Of an attempt its own: `release` for those that were released. */
  readonly origin: Origin;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly ms: number;
  readonly listener: string;
  readonly client: Client;
  /** Absent: nobody said so. */
  readonly forwarded?: ForwardedClient;
  /** Absent: the client gave none. */
  readonly ehlo?: string;
  /** Protocol and cipher suite; absent: in the clear. */
  readonly tls?: string;
  /** Who authenticated; absent: nobody. */
  readonly user?: string;
  /** Text between the angle brackets; "" for the null reverse-path. */
  readonly reversePath: string;
  readonly recipients: readonly TraceRecipient[];
  /** Octets received; absent when no content came. */
  readonly messageBytes?: number;
  /** Decoded and bounded, for the list; absent: no such field, or no content came. */
  readonly subject?: string;
  /** The same of From. */
  readonly headerFrom?: string;
  /** How it ended for the client. */
  readonly outcome: "accepted" | "refused" | "deferred" | "aborted";
  /** The answer to the message. */
  readonly reply?: Reply;
  /** All edits that were delivered, in order. */
  readonly edits: readonly { readonly author: string; readonly summary: string; readonly reason: string }[];
  readonly entries: readonly TraceEntry[];
  /** How many entries were dropped for the bound: in the middle, and of hooks that did not run. */
  readonly entriesDropped?: number;
  /** Hash of the effective config that decided. */
  readonly config: string;
  /** Number of the attempt of the queue, from 1: only its own recipients and entries are there. Absent: the transaction. */
  readonly attempt?: number;
}
