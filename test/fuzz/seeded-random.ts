/** The one source of all choices of a fuzz run: the same seed gives the same choices (xorshift128, seeded by FNV-1a). */

/** A value and how often it is chosen beside the others. */
export type Weighted<T> = readonly [weight: number, value: T];

/** Choices that follow from a seed. */
export class SeededRandom {
  readonly #seed: string;
  readonly #state: Uint32Array;

  constructor(seed: string) {
    this.#seed = seed;
    this.#state = Uint32Array.from([0, 1, 2, 3], (n) => hash(`${n} ${seed}`));
    for (let warm = 0; warm < 8; warm += 1) this.#word();
  }

  /** Another source for a part of the run, so that parts that run at once do not take each other's choices. */
  fork(part: string): SeededRandom {
    return new SeededRandom(`${this.#seed}/${part}`);
  }

  /** A whole number from 0 to below `bound`. */
  below(bound: number): number {
    return Math.floor((this.#word() / 2 ** 32) * bound);
  }

  /** From `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  chance(share: number): boolean {
    return this.#word() / 2 ** 32 < share;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  weighted<T>(values: readonly Weighted<T>[]): T {
    let at = this.below(values.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, value] of values) {
      if (at < weight) return value;
      at -= weight;
    }
    throw new Error("no values to choose from");
  }

  bytes(length: number): Buffer {
    return Buffer.from(Uint8Array.from({ length }, () => this.#word() >>> 24));
  }

  #word(): number {
    const state = this.#state;
    let mixed = state[3]!;
    const first = state[0]!;
    state[3] = state[2]!;
    state[2] = state[1]!;
    state[1] = first;
    mixed ^= mixed << 11;
    mixed ^= mixed >>> 8;
    state[0] = mixed ^ first ^ (first >>> 19);
    return state[0];
  }
}

function hash(text: string): number {
  let sum = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
  return (sum >>> 0) | 1;
}
