/**
 * One destination of the queue: how many deliveries may run there now. One that failed as a whole is left alone for a
 * while, longer each time, then probed by a single lease; when that goes well others follow, twice as many with each
 * success. Otherwise the next hop's slots decide. Spans are of the monotonic clock.
 */
import type { RetryPolicy } from "../config/mod.ts";
import type { DeliverySlots } from "../gateway/mod.ts";

/** What the queue must know of a destination. */
export interface DestinationPolicy {
  readonly retry: RetryPolicy;
  /** How many deliveries it takes now. Absent: nobody knows. */
  slots?(): DeliverySlots;
  /** Whether mail is at its goal there, as in a mailbox: a success is "delivered", not "relayed" (RFC 3464 2.3.3). */
  readonly isFinal?: boolean;
}

/** What an attempt told of a destination. `nothing`: it never came to talk with it. */
export type DestinationOutcome = "sound" | "failed" | "nothing";

/** What a lease was asked for with; it is given back with its end. */
export interface Turn {
  readonly probe: boolean;
  /** Back-offs before it: what it tells of the time before the last one is not news. */
  readonly generation: number;
  readonly begunAt: number;
}

/** Wait before the first probe, doubled with each failed one. */
export const PROBE_MS_MIN = 15_000;
/** Longest wait between probes. */
export const PROBE_MS_MAX = 900_000;
/** A window of that many is open. */
const WINDOW_MAX = 128;
/** Leases asked for at once, when each of the last ones found something. */
const LEASING_MAX = 32;
/** How often slots are asked for anew where no attempt ended. */
const SLOTS_ASKED_MS = 1_000;
/** Of a next hop that does not tell. */
const SLOTS_DEFAULT = 20;

/** See the head of the file. */
export class Destination {
  readonly name: string;
  /** Leases asked for and attempts under way. */
  running = 0;
  /** Something may have become due since the last lease was asked for. */
  hinted = false;
  /** Leases since it last gave way to others. */
  turns = 0;
  #leasing = 0;
  #leasingMax = 1;
  #failures = 0;
  #failingSince = 0;
  #waitUntil = 0;
  #window = Number.POSITIVE_INFINITY;
  #generation = 0;
  #probing = false;
  #soundAt = Number.NEGATIVE_INFINITY;
  #credit = 0;
  #ended = 0;
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(name: string) {
    this.name = name;
  }

  /** Failures as a whole in a row; 0: it is sound as far as is known. */
  get failures(): number {
    return this.#failures;
  }

  /** Until when it is left alone. */
  get waitUntil(): number {
    return this.#failures > 0 ? this.#waitUntil : 0;
  }

  /** Since when it has done nothing but fail; undefined: it has not. */
  get failingSince(): number | undefined {
    return this.#failures > 0 ? this.#failingSince : undefined;
  }

  /** Deliveries that may run at once after a failure; Infinity: as many as there are slots. */
  get window(): number {
    return this.#failures > 0 ? 1 : this.#window;
  }

  /** Whether nothing of it is worth keeping. */
  get isPlain(): boolean {
    return this.running === 0 && this.#failures === 0;
  }

  /** Whether it is left alone now, as it failed. */
  isWaiting(now: number): boolean {
    return this.#failures > 0 && now < this.#waitUntil;
  }

  /** Whether one more lease may be asked for now. */
  mayBegin(now: number, slots: () => DeliverySlots | undefined): boolean {
    if (this.#failures > 0) return !this.#probing && now >= this.#waitUntil;
    if (this.running >= this.#window || this.#leasing >= this.#leasingMax) return false;
    return this.#credit > 0 || this.#ask(now, slots);
  }

  /** A lease is asked for. */
  begin(now: number): Turn {
    this.running++;
    this.turns++;
    this.#leasing++;
    this.#credit = Math.max(0, this.#credit - 1);
    this.hinted = false;
    const probe = this.#failures > 0;
    this.#probing ||= probe;
    return { probe, generation: this.#generation, begunAt: now };
  }

  /** The lease is there; the attempt runs. */
  lent(): void {
    this.#leasing--;
    this.#leasingMax = Math.min(LEASING_MAX, this.#leasingMax * 2);
  }

  /** There was nothing to lend, or it could not be had. */
  empty({ probe }: Turn): void {
    this.running--;
    this.#leasing--;
    this.#leasingMax = 1;
    this.#credit++;
    if (probe) this.#probing = false;
  }

  /** The attempt of a lease ended. @param draw from 0 to below 1, at random */
  end(turn: Turn, outcome: DestinationOutcome, now: number, draw: number): void {
    this.running--;
    this.#ended++;
    if (turn.probe) this.#probing = false;
    // One of before the back-off tells of before it; a slow success there is no sign that new ones get through.
    if (turn.generation !== this.#generation) return;
    // Where others got through meanwhile, it did not fail as a whole.
    if (outcome === "failed" && this.#soundAt >= turn.begunAt) return;
    this.#learn(outcome, now, draw);
  }

  /** An attempt that was lent for another destination came here. */
  met(outcome: DestinationOutcome, begunAt: number, now: number, draw: number): void {
    if (outcome === "failed" && (this.isWaiting(now) || this.#soundAt >= begunAt)) return;
    this.#learn(outcome, now, draw);
  }

  /** By hand: it is tried at once. */
  forgive(): void {
    this.#failures = 0;
    this.#window = Number.POSITIVE_INFINITY;
    this.#generation++;
  }

  #learn(outcome: DestinationOutcome, now: number, draw: number): void {
    if (outcome === "nothing") return;
    if (outcome === "failed") {
      if (this.#failures === 0) this.#failingSince = now;
      const waitMs = Math.min(PROBE_MS_MAX, PROBE_MS_MIN * 2 ** Math.min(20, this.#failures));
      // Up to a quarter sooner, so that those that failed together are not probed together.
      this.#waitUntil = now + waitMs * (1 - draw / 4);
      this.#failures++;
      this.#generation++;
      return;
    }
    this.#soundAt = now;
    if (this.#failures > 0) {
      this.#failures = 0;
      this.#window = 2;
    } else if (this.#window < WINDOW_MAX) this.#window *= 2;
    else this.#window = Number.POSITIVE_INFINITY;
  }

  /**
   * What the next hop counts as free lags behind what was begun, as hooks run before the connection. So each attempt that
   * ends makes room for one where there is any, and the whole is counted anew only after a while.
   */
  #ask(now: number, slots: () => DeliverySlots | undefined): boolean {
    const isLongAgo = now - this.#askedAt >= SLOTS_ASKED_MS;
    if (!isLongAgo && this.#ended === 0) return false;
    const { max, free } = slots() ?? { max: SLOTS_DEFAULT, free: SLOTS_DEFAULT };
    const room = Math.min(free, max - this.running);
    this.#credit = Math.max(0, isLongAgo ? room : Math.min(room, this.#ended));
    this.#ended = 0;
    if (isLongAgo) this.#askedAt = now;
    return this.#credit > 0;
  }
}
