/** The one deadline of a message, from the final dot to our answer; what it caps is told by its signal. */
import { type Clock, timeLimits } from "../pipeline/mod.ts";

/** How long a driver or the spool may take to settle once the deadline is over, before we answer without it. */
export const SETTLE_MS = 1_000;

/** A running deadline. */
export interface Deadline {
  /** Aborts when the time is over. */
  readonly signal: AbortSignal;
  /** When it is, by the clock's monotonic time. */
  readonly overAt: number;
  /** The answer is there: nothing waits any more. */
  end(): void;
}

/** Starts one. */
export function startDeadline(clock: Clock, ms: number): Deadline {
  const over = new AbortController();
  const limits = timeLimits(clock);
  const limit = limits.start(ms, () => over.abort(new Error("the deadline of the transaction is over")));
  return { signal: over.signal, overAt: limit.overAt, end: () => limits.end(limit) };
}

/**
 * What work gives that ends by itself when the deadline's signal aborts. Its own account of what it did is better than our guess,
 * so it has `SETTLE_MS` for it; undefined when it keeps silent even then. Rejects as the work does.
 */
export function settledBy<T>(
  work: Promise<T>,
  { overAt }: Pick<Deadline, "overAt">,
  clock: Clock,
): Promise<{ readonly value: T } | undefined> {
  return new Promise((resolve, reject) => {
    const limits = timeLimits(clock);
    const left = Math.max(0, overAt - clock.monotonic());
    const silence = limits.start(left + SETTLE_MS, () => resolve(undefined));
    work.then(
      (value) => {
        limits.end(silence);
        resolve({ value });
      },
      (error: unknown) => {
        limits.end(silence);
        reject(error);
      },
    );
  });
}
