/**
 * A bounded trace: the first third and the last two thirds of the entries are kept. Hooks that did not run take a third
 * of the places at most, so that conditions over many recipients do not push out what was done.
 */
import type { TraceEntry } from "./trace-record.ts";

/** Collects the entries of one transaction. */
export class Trace {
  readonly #max: number;
  readonly #head: TraceEntry[] = [];
  readonly #tail: TraceEntry[] = [];
  #dropped = 0;
  #skipped = 0;

  /** @param entriesMax how many entries are kept, at least 3 */
  constructor(entriesMax: number) {
    this.#max = Math.max(3, entriesMax);
  }

  add(entry: TraceEntry): void {
    const headMax = Math.floor(this.#max / 3);
    if ((entry as { readonly skipped?: string }).skipped !== undefined && ++this.#skipped > headMax) {
      this.#dropped++;
      return;
    }
    if (this.#head.length < headMax) {
      this.#head.push(entry);
      return;
    }
    this.#tail.push(entry);
    // Dropped in slices, so that a long trace costs the same for each entry.
    const tailMax = this.#max - headMax;
    if (this.#tail.length >= tailMax * 2) {
      this.#dropped += this.#tail.length - tailMax;
      this.#tail.splice(0, this.#tail.length - tailMax);
    }
  }

  /** The kept entries in order, and how many were dropped: between the first third and the rest, and of skips. */
  entries(): { readonly entries: readonly TraceEntry[]; readonly dropped: number } {
    const tailMax = this.#max - Math.floor(this.#max / 3);
    const over = Math.max(0, this.#tail.length - tailMax);
    return { entries: [...this.#head, ...this.#tail.slice(over)], dropped: this.#dropped + over };
  }
}
