/** A clock that stands still until a test moves it. */
import type { Clock } from "postern";

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** See the head of the file. */
export interface ManualClock extends Clock {
  /** Moves on, waking sleepers in their order; between two of them all that can run does. */
  advance(ms: number): Promise<void>;
  /** How many sleep now. */
  readonly sleeping: number;
}

const START = Date.UTC(2026, 0, 5, 10, 0, 0);

/** Makes one; it begins at 2026-01-05 10:00 UTC. */
export function manualClock(): ManualClock {
  let elapsed = 0;
  const sleepers = new Set<Sleeper>();
  return {
    now: () => START + elapsed,
    monotonic: () => elapsed,
    sleep: (ms, signal) =>
      new Promise((resolve, refuse) => {
        if (signal?.aborted) return refuse(signal.reason);
        const stop = () => {
          sleepers.delete(sleeper);
          refuse(signal?.reason);
        };
        const sleeper: Sleeper = {
          at: elapsed + ms,
          wake: () => {
            signal?.removeEventListener("abort", stop);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal?.addEventListener("abort", stop, { once: true });
      }),
    async advance(ms) {
      const until = elapsed + ms;
      await settle();
      for (;;) {
        const next = [...sleepers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
        if (!next) break;
        elapsed = Math.max(elapsed, next.at);
        sleepers.delete(next);
        next.wake();
        await settle();
      }
      elapsed = until;
    },
    get sleeping() {
      return sleepers.size;
    },
  };
}

/** Lets everything run that waits for no time. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}
