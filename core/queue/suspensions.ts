/** Destinations that a person told the queue to leave alone, each until a time. Kept in memory. */
import type { Clock } from "../pipeline/mod.ts";

/** Suspensions at once. */
export const SUSPENSIONS_MAX = 1_000;

/** The next hop of a destination: one of `mx()` is its name, a space, and the domain. */
export const nextHopOf = (destination: string): string => destination.split(" ", 1)[0] ?? "";

/** See the head of the file. */
export class Suspensions {
  readonly #clock: Clock;
  /** Until when, epoch milliseconds. */
  readonly #until = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws RangeError above SUSPENSIONS_MAX */
  add(destination: string, until: number): void {
    if (!this.#until.has(destination) && this.list().length >= SUSPENSIONS_MAX)
      throw new RangeError(`${SUSPENSIONS_MAX} destinations are suspended already`);
    this.#until.set(destination, until);
  }

  /** Tells whether there was one. */
  end(destination: string): boolean {
    const was = this.#holds(destination);
    this.#until.delete(destination);
    return was;
  }

  /** Whether it, or its next hop as a whole, is suspended now. */
  has(destination: string): boolean {
    if (this.#until.size === 0) return false;
    return this.#holds(destination) || this.#holds(nextHopOf(destination));
  }

  /** Those that last. */
  list(): readonly { readonly destination: string; readonly until: number }[] {
    return [...this.#until.keys()]
      .filter((destination) => this.#holds(destination))
      .map((destination) => ({ destination, until: this.#until.get(destination) ?? 0 }));
  }

  #holds(destination: string): boolean {
    const until = this.#until.get(destination);
    if (until === undefined) return false;
    if (this.#clock.now() < until) return true;
    this.#until.delete(destination);
    return false;
  }
}
