/**
 * The line ends of content whose end is known by other means (RFC 5321 2.3.8): tells of bare CR, bare LF and NUL, which
 * are what message smuggling is made of, or makes a CRLF of each bare CR and bare LF. NUL is a fault either way, as no
 * server agrees with the next one about it. Pure.
 */
import { copyOctets, Newlines } from "./newlines.ts";

const CR = 13;
const LF = 10;
const MISSING_LF = Buffer.of(LF);
const NOTHING = Buffer.alloc(0);

/** What becomes of bare CR and bare LF. */
export type BareNewlines = "refuse" | "normalise";

/** What is wrong with the content; the first that was found. */
export type DataFault = "bareCr" | "bareLf" | "nul";

/** Reads the content of one message, chunk by chunk. Linear time. */
export class LineEnds {
  readonly #normalise: boolean;
  #fault: DataFault | undefined;
  /** Whether the last octet was a CR whose LF may still come. */
  #afterCr = false;
  #out: Buffer | undefined;
  #used = 0;

  constructor(bareNewlines: BareNewlines) {
    this.#normalise = bareNewlines === "normalise";
  }

  /** The first fault so far. */
  get fault(): DataFault | undefined {
    return this.#fault;
  }

  /** The chunk itself, or a new buffer where line ends were mended. */
  take(chunk: Buffer): Buffer {
    const length = chunk.length;
    if (length === 0) return chunk;
    this.#out = undefined;
    this.#used = 0;
    let pos = 0;
    let from = 0;
    if (this.#afterCr) {
      this.#afterCr = false;
      if (chunk[0] === LF) pos = 1;
      else from = this.#bare("bareCr", chunk, from, 0);
    }
    const newlines = new Newlines(chunk);
    while (pos < length) {
      pos = newlines.next(pos);
      if (pos === length) break;
      pos += 1;
      const octet = chunk[pos - 1];
      if (octet === LF) from = this.#bare("bareLf", chunk, from, pos - 1);
      else if (octet !== CR) this.#fault ??= "nul";
      else if (pos === length) this.#afterCr = true;
      else if (chunk[pos] === LF) pos += 1;
      else from = this.#bare("bareCr", chunk, from, pos);
    }
    return this.#finish(chunk, from);
  }

  /** No octet follows. Gives the LF that a last bare CR lacks, where it is mended; else nothing. */
  end(): Buffer {
    if (!this.#afterCr) return NOTHING;
    this.#afterCr = false;
    if (this.#normalise) return MISSING_LF;
    this.#fault ??= "bareCr";
    return NOTHING;
  }

  /** The other half of the line end belongs at `at`. Gives the place up to which the chunk has been kept. */
  #bare(fault: "bareCr" | "bareLf", chunk: Buffer, from: number, at: number): number {
    if (!this.#normalise) {
      this.#fault ??= fault;
      return from;
    }
    // Each octet is kept once, and at most one is put before each and one before the first.
    this.#out ??= Buffer.allocUnsafe(chunk.length * 2 + 1);
    this.#keep(this.#out, chunk, from, at);
    this.#out[this.#used] = fault === "bareCr" ? LF : CR;
    this.#used += 1;
    return at;
  }

  #finish(chunk: Buffer, from: number): Buffer {
    if (this.#out === undefined) return chunk;
    this.#keep(this.#out, chunk, from, chunk.length);
    return this.#out.subarray(0, this.#used);
  }

  #keep(out: Buffer, chunk: Buffer, from: number, end: number): void {
    this.#used = copyOctets(chunk, from, end, out, this.#used);
  }
}
