/**
 * Finds CR and LF in a chunk of content, and copies parts of it. Native calls are the quickest way over a long line and
 * the slowest over a short one, where the call costs more than the octets: a message of short lines must not cost many
 * times what another one of its size does. Pure.
 */
const CR = 13;
const LF = 10;
/** Octets that are looked at one by one before, or instead of, a native call. */
const SHORT = 32;

/** The newlines of one chunk, asked for from its begin to its end. Linear time in all. */
export class Newlines {
  readonly #chunk: Buffer;
  // Found positions are kept until passed, so that a chunk full of one of the two is not searched again and again.
  #cr = -1;
  #lf = -1;
  /** Whether the last line was short; the next one is likely to be as well. */
  #short = false;

  constructor(chunk: Buffer) {
    this.#chunk = chunk;
  }

  /** The place of the first CR or LF from `from` on, or the chunk's length. */
  next(from: number): number {
    const chunk = this.#chunk;
    if (this.#short) {
      const stop = Math.min(from + SHORT, chunk.length);
      for (let at = from; at < stop; at += 1) {
        const octet = chunk[at];
        if (octet === CR || octet === LF) return at;
      }
      this.#short = false;
    }
    if (this.#cr < from) this.#cr = indexOrEnd(chunk, CR, from);
    if (this.#lf < from) this.#lf = indexOrEnd(chunk, LF, from);
    const at = this.#cr < this.#lf ? this.#cr : this.#lf;
    this.#short = at - from < SHORT;
    return at;
  }
}

function indexOrEnd(chunk: Buffer, octet: number, from: number): number {
  const at = chunk.indexOf(octet, from);
  return at === -1 ? chunk.length : at;
}

/** Copies a part of a chunk to `at`. Gives the place behind it. */
export function copyOctets(chunk: Buffer, start: number, end: number, out: Buffer, at: number): number {
  if (end - start >= SHORT) return at + chunk.copy(out, at, start, end);
  let to = at;
  for (let from = start; from < end; from += 1, to += 1) out[to] = chunk[from] as number;
  return to;
}
