/**
 * Canonical forms of a body for signatures (RFC 6376 3.4.3 simple, 3.4.4 relaxed), streamed and linear also on long
 * runs of blank lines or spaces. Line ends are CRLF; a bare CR or LF is an octet like others, white space not.
 */

/** Takes a body in chunks. `finish` is called once, after the last. */
export interface BodyCanonicalizer {
  update(chunk: Uint8Array): void;
  finish(): void;
}

/** @param sink gets the canonical octets in order; the chunks are views that hold only until it returns */
export function canonicalBody(
  form: "simple" | "relaxed",
  sink: (chunk: Uint8Array) => void,
): BodyCanonicalizer {
  return form === "simple" ? new SimpleBody(sink) : new RelaxedBody(sink);
}

/** Line ends held back until something other than a line end follows: those at the end of the body do not count. */
class SimpleBody implements BodyCanonicalizer {
  readonly #sink: (chunk: Uint8Array) => void;
  #lineEnds = 0;
  #carriageReturn = false;

  constructor(sink: (chunk: Uint8Array) => void) {
    this.#sink = sink;
  }

  update(chunk: Uint8Array): void {
    let start = 0;
    if (this.#carriageReturn && chunk.length > 0) {
      this.#carriageReturn = false;
      if (chunk[0] === LF) {
        this.#lineEnds++;
        start = 1;
      } else {
        this.#releaseLineEnds();
        this.#sink(CR_ONLY);
      }
    }
    // What is held back is at the end of the chunk or before its first other octet, so only the ends are looked at.
    while (chunk[start] === CR && chunk[start + 1] === LF) {
      this.#lineEnds++;
      start += 2;
    }
    let end = chunk.length;
    if (end > start && chunk[end - 1] === CR) {
      this.#carriageReturn = true;
      end--;
    }
    if (end === start) return;
    this.#releaseLineEnds();
    while (end - 2 >= start && chunk[end - 1] === LF && chunk[end - 2] === CR) {
      this.#lineEnds++;
      end -= 2;
    }
    this.#sink(chunk.subarray(start, end));
  }

  finish(): void {
    if (this.#carriageReturn) {
      this.#releaseLineEnds();
      this.#sink(CR_ONLY);
    }
    // RFC 6376 3.4.3: one CRLF at the end, also for an empty body.
    this.#sink(CRLF);
  }

  #releaseLineEnds(): void {
    releaseLineEnds(this.#lineEnds, this.#sink);
    this.#lineEnds = 0;
  }
}

class RelaxedBody implements BodyCanonicalizer {
  readonly #sink: (chunk: Uint8Array) => void;
  #lineEnds = 0;
  #space = false;
  #carriageReturn = false;
  #any = false;

  constructor(sink: (chunk: Uint8Array) => void) {
    this.#sink = sink;
  }

  update(chunk: Uint8Array): void {
    // Most of most bodies is in this form already: what is needs no copy. Past a letter nothing is held back.
    const isHeld = this.#lineEnds > 0 || this.#space || this.#carriageReturn;
    const start = isHeld ? chunk.findIndex((octet) => octet > 32) + 1 || chunk.length : 0;
    if (start > 0) this.#copy(chunk.subarray(0, start));
    const end = relaxedUpTo(chunk, start);
    if (end > start) {
      this.#any = true;
      this.#sink(chunk.subarray(start, end));
    }
    if (end < chunk.length) this.#copy(chunk.subarray(end));
  }

  #copy(chunk: Uint8Array): void {
    // Line ends are collected in #lineEnds, so the output is never longer than the input and what is held back.
    const out = new Uint8Array(chunk.length + 2);
    let size = 0;
    let isHeld = this.#lineEnds > 0 || this.#space || this.#carriageReturn;
    for (let at = 0; at < chunk.length; at++) {
      const octet = chunk[at] as number;
      if (octet > 32 && !isHeld) {
        out[size++] = octet;
        continue;
      }
      isHeld = true;
      if (this.#carriageReturn) {
        this.#carriageReturn = false;
        if (octet === LF) {
          this.#lineEnds++;
          this.#space = false;
          continue;
        }
        size = this.#put(out, size, CR);
      }
      if (octet === CR) this.#carriageReturn = true;
      else if (octet === 32 || octet === 9) this.#space = true;
      else {
        size = this.#put(out, size, octet);
        isHeld = false;
      }
    }
    if (size === 0) return;
    this.#any = true;
    this.#sink(out.subarray(0, size));
  }

  finish(): void {
    if (this.#carriageReturn) {
      const out = new Uint8Array(2);
      this.#sink(out.subarray(0, this.#put(out, 0, CR)));
    }
    // RFC 6376 3.4.4: an empty body stays empty; any other ends in CRLF.
    if (this.#any) this.#sink(CRLF);
  }

  /**
   * Writes an octet with what was held back before it. Before the first octet of a chunk the line ends may be of
   * earlier chunks, any number, and go to the sink by themselves; later ones are of this chunk, so there is room.
   */
  #put(out: Uint8Array, size: number, octet: number): number {
    let at = size;
    if (this.#lineEnds > 0) {
      if (at === 0) releaseLineEnds(this.#lineEnds, this.#sink);
      else for (let n = 0; n < this.#lineEnds; n++) at = putLineEnd(out, at);
      this.#lineEnds = 0;
    }
    if (this.#space) {
      out[at++] = 32;
      this.#space = false;
    }
    out[at++] = octet;
    this.#any = true;
    return at;
  }
}

/** Where the octets end, from `start`, that stay as they are: letters, with one space or one line end between them. */
function relaxedUpTo(chunk: Uint8Array, start: number): number {
  let at = start;
  const last = chunk.length - 2;
  while (at < last) {
    const octet = chunk[at] as number;
    if (octet > 32) at++;
    else {
      const next = chunk[at + 1] as number;
      if (octet === 32 && next > 32) at += 2;
      else if (octet === CR && next === LF && (chunk[at + 2] as number) > 32) at += 3;
      else break;
    }
  }
  return at;
}

function putLineEnd(out: Uint8Array, at: number): number {
  out[at] = CR;
  out[at + 1] = LF;
  return at + 2;
}

function releaseLineEnds(count: number, sink: (chunk: Uint8Array) => void): void {
  for (let left = count; left > 0; left -= 512)
    sink(left >= 512 ? LINE_ENDS : LINE_ENDS.subarray(0, left * 2));
}

const LF = 10;
const CR = 13;
const CRLF = Uint8Array.of(13, 10);
const CR_ONLY = Uint8Array.of(13);
const LINE_ENDS = new Uint8Array(1024);
for (let n = 0; n < 1024; n += 2) LINE_ENDS.set(CRLF, n);
