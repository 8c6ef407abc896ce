/**
 * Time limits of many short runs by one sleep of the clock: a limit that is kept costs no timer of its own. Bounded
 * steps, so that nothing sleeps on for long when the last run is over.
 */
import type { Clock } from "./services.ts";

/** A run under a limit. */
export interface TimeLimit {
  /** By the clock's monotonic time. */
  readonly overAt: number;
  /** Called once, when the time is over before `end`. Must not throw. */
  readonly onOver: () => void;
}

const STEP_MS = 100;
const limitsOf = new WeakMap<Clock, TimeLimits>();

/** The limits that share a clock. */
export function timeLimits(clock: Clock): TimeLimits {
  let limits = limitsOf.get(clock);
  if (!limits) {
    limits = new TimeLimits(clock);
    limitsOf.set(clock, limits);
  }
  return limits;
}

/** See the head of the file. */
export class TimeLimits {
  readonly #clock: Clock;
  readonly #running = new Set<TimeLimit>();
  /** When the clock wakes us next; Infinity while nothing runs. */
  #wakesAt = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Begins a run that may take `ms` milliseconds. */
  start(ms: number, onOver: () => void): TimeLimit {
    const limit = { overAt: this.#clock.monotonic() + ms, onOver };
    this.#running.add(limit);
    if (limit.overAt < this.#wakesAt) this.#sleep(limit.overAt);
    return limit;
  }

  /** The run is over in time. */
  end(limit: TimeLimit): void {
    this.#running.delete(limit);
  }

  #sleep(until: number): void {
    const now = this.#clock.monotonic();
    const wakesAt = Math.min(until, now + STEP_MS);
    this.#wakesAt = wakesAt;
    const check = () => {
      // An earlier sleep was begun meanwhile: the check is its.
      if (this.#wakesAt === wakesAt) this.#check();
    };
    this.#clock.sleep(Math.max(0, wakesAt - now)).then(check, check);
  }

  #check(): void {
    const now = this.#clock.monotonic();
    let next = Infinity;
    this.#wakesAt = Infinity;
    for (const limit of this.#running) {
      if (limit.overAt > now) next = Math.min(next, limit.overAt);
      else {
        this.#running.delete(limit);
        limit.onOver();
      }
    }
    if (next < this.#wakesAt) this.#sleep(next);
  }
}
