/**
 * Finds CR, LF and NUL in a chunk of content, and copies parts of it. Eight octets are looked at together: a native
 * search for each of the three costs more than the octets of a line do, and the more so the shorter the lines are. Pure.
 */
const CR = 13;
const LF = 10;
const NUL = 0;
/** Octets that are copied one by one, as a native call costs more. */
const SHORT = 32;
/** An octet below 14 in each place. */
const FOURTEEN = 0x0e0e0e0e;
const HIGH_BITS = 0x80808080 | 0;

/** The control octets of one chunk that say something about its lines. */
export class Newlines {
  readonly #chunk: Buffer;
  readonly #view: DataView;

  constructor(chunk: Buffer) {
    this.#chunk = chunk;
    this.#view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
  }

  /** The place of the first CR, LF or NUL from `from` on, or the chunk's length. */
  next(from: number): number {
    const chunk = this.#chunk;
    const view = this.#view;
    const lastEight = chunk.length - 8;
    let at = from;
    while (at <= lastEight) {
      const four = view.getInt32(at, true);
      const next = view.getInt32(at + 4, true);
      // Taking 14 away borrows into the high bit of an octet below it, and of none else that had no high bit.
      if ((((four - FOURTEEN) & ~four) | ((next - FOURTEEN) & ~next)) & HIGH_BITS) {
        // A tab, or what is looked for.
        for (const end = at + 8; at < end; at += 1) if (isSought(chunk[at] as number)) return at;
      } else at += 8;
    }
    while (at < chunk.length && !isSought(chunk[at] as number)) at += 1;
    return at;
  }
}

function isSought(octet: number): boolean {
  return octet <= CR && (octet === CR || octet === LF || octet === NUL);
}

/** Copies a part of a chunk to `at`. Gives the place behind it. */
export function copyOctets(chunk: Buffer, start: number, end: number, out: Buffer, at: number): number {
  if (end - start >= SHORT) return at + chunk.copy(out, at, start, end);
  let to = at;
  for (let from = start; from < end; from += 1, to += 1) out[to] = chunk[from] as number;
  return to;
}
