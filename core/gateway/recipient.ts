/** One recipient of a transaction as the engine keeps it; plugins see it as `Recipient`. */
import type { Address, Message, ReversePath } from "../mail/mod.ts";
import type {
  ConditionResults,
  FactMap,
  MessageVerdict,
  RcptParameters,
  Recipient,
  RouteTo,
} from "../pipeline/mod.ts";

/** What became of a recipient at the next hop or by a verdict, for the trace. */
export interface Settled {
  /** In the queue. */
  readonly number?: number;
  readonly outcome: "delivered" | "refused" | "deferred" | "discarded" | "quarantined" | "queued" | "failed";
  readonly reply?: { readonly code: number; readonly enhanced: string; readonly text: string };
  readonly reason?: string;
}

/** A recipient and all that was decided about it. */
export class RecipientState implements Recipient {
  forwardPath: Address;
  readonly original: Address;
  readonly parameters: RcptParameters;
  /** Number of the client's RCPT it stems from, for hosts that answer each. */
  readonly rcpt: number;
  readonly facts: FactMap;
  readonly conditions: ConditionResults = new Map();
  /** Set when a verdict other than "go on" was given. */
  verdict: MessageVerdict | undefined;
  route: RouteTo | undefined;
  /** The form of the message for this recipient. */
  message: Message | undefined;
  /** Undefined: the transaction's own. */
  reversePath: ReversePath | undefined;
  /** Rewritten at RCPT by a plugin that checks ways back. */
  wayBack = false;
  /** Replaced by others: not delivered itself. */
  expanded = false;
  /** Addresses that led here, against alias loops. */
  lineage: readonly string[];
  /** What it was before `route` rewrote it; absent: it did not. */
  unrouted: { readonly forwardPath: Address; readonly lineage: readonly string[] } | undefined;
  /** Recipients (`addressKey`) that `route` added beside it, or would have, were they not there. */
  copies: readonly string[] | undefined;
  /** Why what `route` said can not be done. */
  routeFault:
    | { readonly fault: "nextHopUnknown" | "deliverAtNeedsQueue"; readonly nextHop: string }
    | undefined;
  /** Addresses (`addressKey`) that it was to be replaced by and that were there; kept where each RCPT is answered. */
  shares: readonly string[] | undefined;
  settled: Settled | undefined;

  constructor(init: {
    readonly forwardPath: Address;
    readonly original: Address;
    readonly parameters: RcptParameters;
    readonly rcpt: number;
    readonly facts?: FactMap;
    readonly lineage?: readonly string[];
    readonly copies?: readonly string[] | undefined;
  }) {
    this.forwardPath = init.forwardPath;
    this.original = init.original;
    this.parameters = init.parameters;
    this.rcpt = init.rcpt;
    this.facts = new Map(init.facts ?? []);
    this.lineage = init.lineage ?? [];
    this.copies = init.copies;
  }
}
