/**
 * The octets after DATA, decoded (RFC 5321 4.1.1.4, 4.5.2): ends at CRLF "." CRLF only, takes the first dot of a line
 * off after CRLF only, and tells of bare CR, bare LF and NUL (RFC 5321 2.3.8), which are what message smuggling is
 * made of. Pure: no socket, no limits of size.
 */
const CR = 13;
const LF = 10;
const DOT = 46;

type State = "lineStart" | "dot" | "dotCr" | "text" | "cr";

/** What is wrong with the content; the first that was found. */
export type DataFault = "bareCr" | "bareLf" | "nul";

/** Decodes one message. Linear time; the octets are searched natively, two searches a line. */
export class DataDecoder {
  #state: State = "lineStart";
  #fault: DataFault | undefined;
  #endedAt = -1;
  #out: Buffer | undefined;
  #used = 0;

  /** The first fault so far. */
  get fault(): DataFault | undefined {
    return this.#fault;
  }

  /** Where the octets after the final dot begin in the last chunk; -1 before the end. */
  get endedAt(): number {
    return this.#endedAt;
  }

  /** Takes a chunk and gives its content: a view of the chunk, or a new buffer where dots were taken off. */
  decode(chunk: Buffer): Buffer {
    const length = chunk.length;
    this.#out = undefined;
    this.#used = 0;
    let pos = 0;
    let from = 0;
    // Found positions are kept until passed, so that a chunk full of one of the two is not searched again and again.
    let cr = -1;
    let lf = -1;
    while (pos < length) {
      switch (this.#state) {
        case "lineStart":
          this.#state = "text";
          if (chunk[pos] === DOT) {
            this.#keep(chunk, from, pos);
            pos += 1;
            from = pos;
            this.#state = "dot";
          }
          break;
        case "dot":
          this.#state = "text";
          if (chunk[pos] === CR) {
            pos += 1;
            from = pos;
            this.#state = "dotCr";
          }
          break;
        case "dotCr":
          if (chunk[pos] === LF) {
            this.#endedAt = pos + 1;
            return this.#finish(chunk, from, from, pos + 1);
          }
          this.#fault ??= "bareCr";
          this.#keepCr(chunk);
          this.#state = "text";
          break;
        case "cr":
          this.#state = "text";
          if (chunk[pos] === LF) {
            pos += 1;
            this.#state = "lineStart";
          } else {
            this.#fault ??= "bareCr";
          }
          break;
        case "text":
          if (cr < pos) cr = indexOrEnd(chunk, CR, pos);
          if (lf < pos) lf = indexOrEnd(chunk, LF, pos);
          if (lf < cr) {
            this.#fault ??= "bareLf";
            pos = lf + 1;
          } else if (cr < length) {
            pos = cr + 1;
            this.#state = "cr";
          } else {
            pos = length;
          }
          break;
      }
    }
    return this.#finish(chunk, from, length, length);
  }

  #keep(chunk: Buffer, start: number, end: number): void {
    if (start === end) return;
    this.#out ??= Buffer.allocUnsafe(chunk.length + 1);
    this.#used += chunk.copy(this.#out, this.#used, start, end);
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

function indexOrEnd(chunk: Buffer, octet: number, from: number): number {
  const at = chunk.indexOf(octet, from);
  return at === -1 ? chunk.length : at;
}
