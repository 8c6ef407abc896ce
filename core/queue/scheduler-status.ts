/** What the scheduler shows of itself: for the page, `postern queue` and metrics. */
import type { Reply } from "../mail/mod.ts";

/** A destination that runs, or failed. */
export interface DestinationStatus {
  readonly destination: string;
  /** Leases asked for and attempts under way. */
  readonly running: number;
  /** Failures as a whole in a row; 0: it is sound. */
  readonly failures: number;
  /** It is left alone until then, epoch milliseconds; then one lease probes it. */
  readonly probeAt?: number;
  /** After a failure, how many may run at once. Absent: as many as it has slots. */
  readonly window?: number;
  /** What it failed with last. */
  readonly lastReply?: Reply;
}

/** The scheduler now. */
export interface SchedulerStatus {
  /** Leases asked for and attempts under way, of all destinations. */
  readonly running: number;
  /** Destinations that wait for their turn, of those in memory. */
  readonly inTurn: number;
  readonly destinations: readonly DestinationStatus[];
  readonly suspended: readonly { readonly destination: string; readonly until: number }[];
  /** What the spool rejected last, while it does not answer. */
  readonly spoolFault?: string;
}
