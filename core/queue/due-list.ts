/**
 * The destinations that may have something due, in turns, of which a bounded number is in memory: the spool is paged
 * through for them, and only as far as there is room. Each gets one lease a turn, so that none waits for another's queue.
 * Knows nothing of what may run: scheduler.ts does.
 */
import { SPOOL_PAGE_MAX, type Spool } from "../gateway/mod.ts";

/** Destinations in turn above which no page is read. */
const READY_MAX = 1_000;
/** Those that a hint adds to it at most; what finds no place is found by the next look. */
const HINTED_MAX = 1_000;

/** See the head of the file. */
export class DueList {
  /** In the order of their turns. */
  readonly #ready = new Set<string>();
  /** Where the look goes on; undefined: it is at its end. */
  #next: { readonly cursor: string | undefined } | undefined;
  #isLooking = false;
  /** The earliest time of those that are due later, as the look so far found. */
  #earliest = Number.POSITIVE_INFINITY;
  /** The same of the whole, by the last look and what was deferred since. */
  #nextDueAt = 0;

  /** Destinations in turn. */
  get size(): number {
    return this.#ready.size;
  }

  /** When the next look is of use, epoch milliseconds; Infinity: nothing is due later. */
  get nextDueAt(): number {
    return this.#nextDueAt;
  }

  /** Whether a look waits for room: then those in turn are not all there are. */
  get isPartial(): boolean {
    return this.#next !== undefined && !this.#isLooking;
  }

  /** Whether a look would find room to go on. */
  get hasRoom(): boolean {
    return this.#ready.size < READY_MAX / 2;
  }

  has(destination: string): boolean {
    return this.#ready.has(destination);
  }

  /** The next in turn, taken out. */
  take(): string | undefined {
    for (const destination of this.#ready) {
      this.#ready.delete(destination);
      return destination;
    }
    return undefined;
  }

  /** Puts one behind all others, unless it is there. */
  add(destination: string): void {
    this.#ready.add(destination);
  }

  /** It has nothing due. */
  remove(destination: string): void {
    this.#ready.delete(destination);
  }

  /** Something may have become due. */
  hint(destination: string): void {
    if (this.#ready.size < READY_MAX + HINTED_MAX) this.#ready.add(destination);
  }

  /** Something is due at that time. */
  dueAt(at: number): void {
    this.#earliest = Math.min(this.#earliest, at);
    this.#nextDueAt = Math.min(this.#nextDueAt, at);
  }

  /** Looks through the spool, from the start or where the last look had no more room. Rejects as the spool does. */
  async look(spool: Spool, now: number, isOpen: (destination: string) => boolean): Promise<void> {
    if (this.#next === undefined) {
      this.#next = { cursor: undefined };
      this.#earliest = Number.POSITIVE_INFINITY;
    }
    this.#isLooking = true;
    try {
      while (this.#next !== undefined && this.#ready.size < READY_MAX) {
        const page = await spool.destinations(this.#next.cursor, SPOOL_PAGE_MAX);
        for (const { destination, nextAt } of page.entries) {
          if (nextAt > now) this.#earliest = Math.min(this.#earliest, nextAt);
          else if (isOpen(destination)) this.#ready.add(destination);
        }
        this.#next = page.cursor === undefined ? undefined : { cursor: page.cursor };
      }
    } finally {
      this.#isLooking = false;
    }
    if (this.#next === undefined) this.#nextDueAt = this.#earliest;
  }
}
