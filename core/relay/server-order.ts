/**
 * Which server of a next hop is tried first: the order of the config, a draw by weights, or the preference of MX
 * records; those that failed a short while ago last. Knows nothing of connections.
 */
import type { Clock } from "../pipeline/mod.ts";

/** A server that failed is passed over so long, twice as long with each further failure. */
const PASS_MS_MIN = 1_000;
/** The longest time that a server is passed over. */
const PASS_MS_MAX = 300_000;

/** See the head of the file. */
export class ServerOrder {
  readonly #clock: Clock;
  readonly #weights: readonly number[] | undefined;
  readonly #preferences: readonly number[] | undefined;
  /** From 0 to below 1. */
  readonly #random: () => number;
  /** For each server its failures in a row, and until when it is passed over by the monotonic clock. */
  readonly #failures: number[];
  readonly #passedUntil: number[];

  constructor(
    count: number,
    weights: readonly number[] | undefined,
    clock: Clock,
    random: () => number = Math.random,
    preferences?: readonly number[],
  ) {
    this.#clock = clock;
    this.#weights = weights;
    this.#preferences = preferences;
    this.#random = random;
    this.#failures = Array<number>(count).fill(0);
    this.#passedUntil = Array<number>(count).fill(0);
  }

  /**
   * Indexes of all servers, in the order to try them. One that failed is last, not left out: it may be the only one.
   *
   * @param except what other servers are wanted than: there are some already, and only sound ones are worth a try
   */
  next(except?: ReadonlySet<number>): readonly number[] {
    const count = this.#failures.length;
    if (count === 1) return [0];
    const now = this.#clock.monotonic();
    const preferred = this.#preferred();
    const passed = preferred.filter((index) => this.#passedUntil[index]! > now);
    if (except) return preferred.filter((index) => !except.has(index) && !passed.includes(index));
    if (passed.length === 0) return preferred;
    passed.sort((a, b) => this.#passedUntil[a]! - this.#passedUntil[b]!);
    return [...preferred.filter((index) => this.#passedUntil[index]! <= now), ...passed];
  }

  /** A server is being tried. One that failed before is probed by this try alone: others pass it over meanwhile. */
  trying(index: number): void {
    if (this.#failures[index]! > 0) this.#pass(index);
  }

  /** @returns true when it had failed before, and is taken back */
  answered(index: number): boolean {
    const back = this.#failures[index]! > 0;
    this.#failures[index] = 0;
    this.#passedUntil[index] = 0;
    return back;
  }

  /** Whether there is a server beside these that is not passed over. */
  hasSound(except: ReadonlySet<number>): boolean {
    const now = this.#clock.monotonic();
    return this.#passedUntil.some((until, index) => until <= now && !except.has(index));
  }

  failed(index: number): void {
    this.#failures[index]!++;
    this.#pass(index);
  }

  #pass(index: number): void {
    // Above 2^20 the longest time is reached by far.
    const passMs = PASS_MS_MIN * 2 ** Math.min(20, this.#failures[index]! - 1);
    this.#passedUntil[index] = this.#clock.monotonic() + Math.min(PASS_MS_MAX, passMs);
  }

  #preferred(): readonly number[] {
    if (this.#weights) return this.#draw(this.#weights);
    const preferences = this.#preferences;
    if (!preferences) return [...this.#failures.keys()];
    // RFC 5321 5.1: equal ones in random order, each time anew.
    const drawn = this.#draw([]);
    return [...drawn].sort((a, b) => preferences[a]! - preferences[b]!);
  }

  /** A weighted order: each place is drawn among the rest, and those of weight 0 are last. */
  #draw(weights: readonly number[]): number[] {
    const keys = this.#failures.map((_, index) => {
      const weight = weights[index] ?? 1;
      // Efraimidis and Spirakis: the order of random^(1/weight) is such a draw.
      return weight === 0 ? -index - 1 : this.#random() ** (1 / weight);
    });
    return [...keys.keys()].sort((a, b) => keys[b]! - keys[a]!);
  }
}
