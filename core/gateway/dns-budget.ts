/**
 * The time that DNS may take of one message, or of a session before its messages, in all. Each plugin has a bound of its
 * own; with dead DNS those of many add up to more than a client waits for. Where it is spent, `ctx.dns` says `timeout`,
 * which plugins tell as `temperror` or tempfail: no answer is never read as "there is none".
 */
import { type Clock, type DnsAnswer, type Resolver, type TimeLimit, timeLimits } from "../pipeline/mod.ts";

/** What {@link DnsBudget} needs. */
export interface DnsBudgetOptions {
  readonly dns: Resolver;
  readonly clock: Clock;
  /** The time in all, in milliseconds: that in which at least one query is out. */
  readonly ms: number;
  /** Called once, when it is spent. */
  readonly onSpent: () => void;
}

const LATE: DnsAnswer = { status: "timeout" };

/**
 * A resolver that gives no answer any more once queries were out for `ms` in all, those made at once counted once. Answers
 * that are there at once, as those of a cache, take nothing of it. A query that it gives up runs on: its answer is in the
 * cache when the message is tried again.
 */
export class DnsBudget implements Resolver {
  readonly #dns: Resolver;
  readonly #clock: Clock;
  readonly #onSpent: () => void;
  #leftMs: number;
  /** Those who wait, each by the function that gives it up. */
  readonly #waiting = new Set<() => void>();
  /** Of the first of those; monotonic. */
  #askedAt = 0;
  #limit: TimeLimit | undefined;

  constructor({ dns, clock, ms, onSpent }: DnsBudgetOptions) {
    this.#dns = dns;
    this.#clock = clock;
    this.#leftMs = ms;
    this.#onSpent = onSpent;
  }

  resolve(...question: Parameters<Resolver["resolve"]>): Promise<DnsAnswer> {
    const signal = question[2];
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#leftMs <= 0) return Promise.resolve(LATE);
    return new Promise((resolve, reject) => {
      const giveUp = () => resolve(LATE);
      const asked = this.#dns.resolve(...question);
      this.#begin(giveUp);
      asked.then(
        (answer) => {
          this.#end(giveUp);
          resolve(answer);
        },
        (error: unknown) => {
          this.#end(giveUp);
          reject(error);
        },
      );
    });
  }

  #begin(giveUp: () => void): void {
    if (this.#waiting.size === 0) {
      this.#askedAt = this.#clock.monotonic();
      this.#limit = timeLimits(this.#clock).start(this.#leftMs, () => this.#spend());
    }
    this.#waiting.add(giveUp);
  }

  #end(giveUp: () => void): void {
    // One that was given up meanwhile.
    if (!this.#waiting.delete(giveUp) || this.#waiting.size > 0) return;
    if (this.#limit) timeLimits(this.#clock).end(this.#limit);
    this.#leftMs -= this.#clock.monotonic() - this.#askedAt;
    // The answer came, though late: the event loop was busy, and the limit had no turn.
    if (this.#leftMs <= 0) this.#spend();
  }

  #spend(): void {
    this.#leftMs = 0;
    for (const giveUp of this.#waiting) giveUp();
    this.#waiting.clear();
    this.#onSpent();
  }
}
