/**
 * The octets after DATA, decoded (RFC 5321 4.1.1.4, 4.5.2): ends at CRLF "." CRLF only, takes the first dot of a line
 * off after CRLF only, and tells of bare CR, bare LF and NUL (RFC 5321 2.3.8), which are what message smuggling is
 * made of, or has them made CRLF by line-ends.ts, in which case they still end nothing. Pure: no socket, no limits of
 * size.
 */
import { type BareNewlines, type DataFault, LineEnds } from "./line-ends.ts";
import { copyOctets, Newlines } from "./newlines.ts";

const CR = 13;
const LF = 10;
const DOT = 46;

type State = "lineStart" | "dot" | "dotCr" | "text" | "cr";

/** Lines that began with a dot in one chunk before it is asked whether its lines are short. */
const DOTS_MIN = 16;
/** Octets of a line, on average, below which searches cost more than looking at each octet. */
const SHORT_LINE = 24;

/**
 * Decodes one message. Linear time; the octets are searched natively, two searches a line, or one by one where nearly
 * every line is short and begins with a dot.
 */
export class DataDecoder {
  /** Where bare newlines are normalised; it then tells of NUL too. */
  readonly #lineEnds: LineEnds | undefined;
  #state: State = "lineStart";
  #fault: DataFault | undefined;
  #endedAt = -1;
  #out: Buffer | undefined;
  #used = 0;

  constructor(bareNewlines: BareNewlines = "refuse") {
    if (bareNewlines === "normalise") this.#lineEnds = new LineEnds(bareNewlines);
  }

  /** The first fault so far. */
  get fault(): DataFault | undefined {
    return this.#lineEnds === undefined ? this.#fault : this.#lineEnds.fault;
  }

  /** Where the octets after the final dot begin in the last chunk; -1 before the end. */
  get endedAt(): number {
    return this.#endedAt;
  }

  /** Takes a chunk and gives its content: a view of the chunk, or a new buffer where dots were taken off. */
  decode(chunk: Buffer): Buffer {
    const content = this.#strictly(chunk);
    return this.#lineEnds === undefined ? content : this.#lineEnds.take(content);
  }

  #strictly(chunk: Buffer): Buffer {
    const length = chunk.length;
    this.#out = undefined;
    this.#used = 0;
    let state = this.#state;
    let pos = 0;
    let from = 0;
    let dots = 0;
    const newlines = new Newlines(chunk);
    while (pos < length) {
      switch (state) {
        case "lineStart":
          state = "text";
          if (chunk[pos] === DOT) {
            this.#keep(chunk, from, pos);
            pos += 1;
            from = pos;
            state = "dot";
            dots += 1;
            if (dots >= DOTS_MIN && pos < dots * SHORT_LINE) return this.#octetByOctet(chunk, pos);
          }
          break;
        case "dot":
          state = "text";
          if (chunk[pos] === CR) {
            pos += 1;
            from = pos;
            state = "dotCr";
          }
          break;
        case "dotCr":
          if (chunk[pos] === LF) {
            this.#state = state;
            this.#endedAt = pos + 1;
            return this.#finish(chunk, from, from, pos + 1);
          }
          this.#fault ??= "bareCr";
          this.#keepCr(chunk);
          state = "text";
          break;
        case "cr":
          state = "text";
          if (chunk[pos] === LF) {
            pos += 1;
            state = "lineStart";
          } else {
            this.#fault ??= "bareCr";
          }
          break;
        case "text":
          pos = newlines.next(pos);
          if (pos < length && chunk[pos] === LF) this.#fault ??= "bareLf";
          else if (pos < length) state = "cr";
          pos += 1;
          break;
      }
    }
    this.#state = state;
    return this.#finish(chunk, from, length, length);
  }

  /** The same for the rest of a chunk, from behind a dot at the begin of a line. */
  #octetByOctet(chunk: Buffer, begin: number): Buffer {
    const out = this.#out ?? Buffer.allocUnsafe(chunk.length + 1);
    let used = this.#used;
    let state: State = "dot";
    let pos = begin;
    for (; pos < chunk.length; pos += 1) {
      const octet = chunk[pos] as number;
      if (state === "text") {
        if (octet === CR) state = "cr";
        else if (octet === LF) this.#fault ??= "bareLf";
        out[used++] = octet;
      } else if (state === "cr" && octet === LF) {
        state = "lineStart";
        out[used++] = octet;
      } else if (state === "lineStart" && octet === DOT) state = "dot";
      else if (state === "dot" && octet === CR) state = "dotCr";
      else if (state === "dotCr" && octet === LF) {
        pos += 1;
        this.#endedAt = pos;
        break;
      } else {
        if (state === "cr" || state === "dotCr") this.#fault ??= "bareCr";
        if (state === "dotCr") out[used++] = CR;
        if (octet === LF) this.#fault ??= "bareLf";
        out[used++] = octet;
        state = octet === CR ? "cr" : "text";
      }
    }
    this.#state = state;
    this.#out = out;
    this.#used = used;
    return this.#finish(chunk, pos, pos, pos);
  }

  #keep(chunk: Buffer, start: number, end: number): void {
    if (start === end) return;
    this.#out ??= Buffer.allocUnsafe(chunk.length + 1);
    this.#used = copyOctets(chunk, start, end, this.#out, this.#used);
  }

  #keepCr(chunk: Buffer): void {
    this.#out ??= Buffer.allocUnsafe(chunk.length + 1);
    this.#out[this.#used] = CR;
    this.#used += 1;
  }

  #finish(chunk: Buffer, from: number, end: number, seen: number): Buffer {
    if (this.#fault === undefined) {
      const nul = chunk.indexOf(0);
      if (nul !== -1 && nul < seen) this.#fault = "nul";
    }
    if (this.#out === undefined) return chunk.subarray(from, end);
    this.#keep(chunk, from, end);
    return this.#out.subarray(0, this.#used);
  }
}
