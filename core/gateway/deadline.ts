/** The one deadline of a message, from the final dot to our answer; what it caps is told by its signal. */
import { type Clock, timeLimits } from "../pipeline/mod.ts";

/** How long a driver or the spool may take to settle once the deadline is over, before we answer without it. */
export const SETTLE_MS = 1_000;

/** A running deadline. */
export interface Deadline {
  /** Aborts when the time is over. */
  readonly signal: AbortSignal;
  /** The answer is there: nothing waits any more. */
  end(): void;
}

/** Starts one. */
export function startDeadline(clock: Clock, ms: number): Deadline {
  const over = new AbortController();
  const limits = timeLimits(clock);
  const limit = limits.start(ms, () => over.abort(new Error("the deadline of the transaction is over")));
  return { signal: over.signal, end: () => limits.end(limit) };
}

/**
 * What work gives that ends by itself when the signal aborts. Its own account of what it did is better than our guess,
 * so it has `SETTLE_MS` for it; undefined when it keeps silent even then. Rejects as the work does.
 */
export function settledBy<T>(
  work: Promise<T>,
  signal: AbortSignal,
  clock: Clock,
): Promise<{ readonly value: T } | undefined> {
  return new Promise((resolve, reject) => {
    const limits = timeLimits(clock);
    let silence: ReturnType<typeof limits.start> | undefined;
    const wait = () => {
      silence = limits.start(SETTLE_MS, () => resolve(undefined));
    };
    const end = () => {
      signal.removeEventListener("abort", wait);
      if (silence) limits.end(silence);
    };
    if (signal.aborted) wait();
    else signal.addEventListener("abort", wait);
    work.then(
      (value) => {
        end();
        resolve({ value });
      },
      (error: unknown) => {
        end();
        reject(error);
      },
    );
  });
}
