/** Bounds the messages of a second to one next hop (GCRA): up to a second's worth at once, then evenly spaced. */
import type { Clock } from "../pipeline/mod.ts";

/** See the head of the file. */
export class MessageRate {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #waitMsMax: number;
  /** When the messages so far would have left at an even pace, by the monotonic clock. */
  #due = 0;

  /** @param waitMsMax a message that would wait longer is not let through */
  constructor(perSecond: number, waitMsMax: number, clock: Clock) {
    this.#clock = clock;
    this.#intervalMs = 1000 / perSecond;
    this.#waitMsMax = waitMsMax;
  }

  /** Messages that would leave at once. */
  get free(): number {
    const now = this.#clock.monotonic();
    return Math.max(0, Math.floor((now + 1000 - Math.max(this.#due, now)) / this.#intervalMs));
  }

  /** Waits for its turn. False: it would take too long, or the signal aborted. */
  async turn(signal: AbortSignal): Promise<boolean> {
    const now = this.#clock.monotonic();
    const due = Math.max(this.#due, now);
    const waitMs = due + this.#intervalMs - now - 1000;
    if (waitMs > this.#waitMsMax) return false;
    this.#due = due + this.#intervalMs;
    if (waitMs <= 0) return true;
    try {
      await this.#clock.sleep(waitMs, signal);
      return true;
    } catch {
      return false;
    }
  }
}
