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
const NUL = 0;
const DOT = 46;

type State = "lineStart" | "dot" | "dotCr" | "text" | "cr";

/** Lines that began with a dot in one chunk before it is asked whether its lines are short. */
const DOTS_MIN = 16;
/** Octets of a line, on average, below which searches cost more than looking at each octet. */
const SHORT_LINE = 24;

/** Octets of a line that is a dot and nothing else, stuffed, read as a number: the worst content there is is full of them. */
const DOT_LINE = 0x0a0d2e2e;

/** Where content is put together that lost dots: the last one's is over before the next one's is asked for. */
let scratch = Buffer.allocUnsafeSlow(65_540);

/** Decodes one message. Linear time; octets are looked at one by one where nearly every line is short and begins with a dot. */
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

  /**
   * Takes a chunk and gives its content: a view of the chunk, or one of a buffer that the next call of any decoder
   * overwrites.
   */
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
            if (dots >= DOTS_MIN && pos < dots * SHORT_LINE) {
              // Its line begins at the dot.
              const begin = pos - 1;
              pos = this.#shortLines(chunk, begin);
              if (pos > begin) state = "lineStart";
              else pos = begin + 1;
              from = pos;
            }
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
            return this.#finish(chunk, from, from);
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
          // Most lines end so: on to the next one, in state "text".
          while (pos + 2 < length && chunk[pos] === CR && chunk[pos + 1] === LF && chunk[pos + 2] !== DOT)
            pos = newlines.next(pos + 2);
          if (pos < length && chunk[pos] === CR) state = "cr";
          else if (pos < length) this.#fault ??= chunk[pos] === LF ? "bareLf" : "nul";
          pos += 1;
          break;
      }
    }
    this.#state = state;
    return this.#finish(chunk, from, length);
  }

  /**
   * Takes whole lines from the begin of one on, octet by octet, as long as nothing about them is wrong. Gives the begin of
   * the first that it leaves.
   */
  #shortLines(chunk: Buffer, begin: number): number {
    const out = this.#room(chunk);
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
    const lastFour = chunk.length - 4;
    let used = this.#used;
    let at = begin;
    while (at <= lastFour) {
      if (view.getInt32(at, true) === DOT_LINE) {
        out[used] = DOT;
        out[used + 1] = CR;
        out[used + 2] = LF;
        used += 3;
        at += 4;
        continue;
      }
      let pos = at;
      let to = used;
      let octet = chunk[pos] as number;
      if (octet === DOT) {
        pos += 1;
        octet = chunk[pos] as number;
        // The end, perhaps.
        if (octet === CR) break;
      }
      while (pos < lastFour && (octet > CR || (octet !== CR && octet !== LF && octet !== NUL))) {
        out[to] = octet;
        to += 1;
        pos += 1;
        octet = chunk[pos] as number;
      }
      if (octet !== CR || chunk[pos + 1] !== LF) break;
      out[to] = CR;
      out[to + 1] = LF;
      used = to + 2;
      at = pos + 2;
    }
    this.#used = used;
    return at;
  }

  #room(chunk: Buffer): Buffer {
    // A CR of the chunk before may stand before all of this one.
    if (scratch.length <= chunk.length) scratch = Buffer.allocUnsafeSlow(chunk.length + 1);
    this.#out = scratch;
    return scratch;
  }

  #keep(chunk: Buffer, start: number, end: number): void {
    if (start === end) return;
    this.#used = copyOctets(chunk, start, end, this.#room(chunk), this.#used);
  }

  #keepCr(chunk: Buffer): void {
    this.#room(chunk)[this.#used] = CR;
    this.#used += 1;
  }

  #finish(chunk: Buffer, from: number, end: number): Buffer {
    if (this.#out === undefined) return chunk.subarray(from, end);
    this.#keep(chunk, from, end);
    return this.#out.subarray(0, this.#used);
  }
}
