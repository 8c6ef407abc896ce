/**
 * Time limits of many short runs by one sleep of the clock: a limit that is kept costs no timer of its own. Bounded
 * steps, so that nothing sleeps on for long when the last run is over.
 */
import type { Clock } from "./services.ts";

/** A run under a limit. */
export interface TimeLimit {
  /** By the clock's monotonic time. */
  readonly overAt: number;
}

interface Running extends TimeLimit {
  /** Called once, when the time is over before `end`. Must not throw. */
  onOver: () => void;
  /** Its place among those that run; -1 once it is over. */
  at: number;
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
  /**
   * In no order. No Set: each time that one makes itself a new table, the old one goes on holding what was in it until the
   * next full collection, and by way of it all of the messages that the limits were of.
   */
  readonly #running: Running[] = [];
  /** When the clock wakes us next; Infinity while nothing runs. */
  #wakesAt = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Begins a run that may take `ms` milliseconds. */
  start(ms: number, onOver: () => void): TimeLimit {
    const limit = { overAt: this.#clock.monotonic() + ms, onOver, at: this.#running.length };
    this.#running.push(limit);
    if (limit.overAt < this.#wakesAt) this.#sleep(limit.overAt);
    return limit;
  }

  /** The run is over in time. */
  end(limit: TimeLimit): void {
    this.#leave(limit as Running);
  }

  #leave(limit: Running): void {
    const { at } = limit;
    if (at === -1) return;
    limit.at = -1;
    limit.onOver = nothing;
    const last = this.#running.pop()!;
    if (last === limit) return;
    this.#running[at] = last;
    last.at = at;
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
    const over = this.#running.filter(({ overAt }) => overAt <= now);
    for (const limit of over.sort((a, b) => a.overAt - b.overAt)) {
      const { onOver } = limit;
      this.#leave(limit);
      onOver();
    }
    for (const { overAt } of this.#running) next = Math.min(next, overAt);
    if (next < this.#wakesAt) this.#sleep(next);
  }
}

const nothing = (): void => {};
