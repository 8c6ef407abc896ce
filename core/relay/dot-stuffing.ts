/**
 * Transparency of DATA (RFC 5321 4.5.2), streamed. Changes nothing but the dots: bare CR and LF stay. A dot after one
 * of them is doubled too, as a receiver that takes them for a line end would see an end of data there.
 */

const dot = 0x2e;
const cr = 0x0d;
const lf = 0x0a;
const lfDot = Buffer.from("\n.");
const crDot = Buffer.from("\r.");
/** ".CRLF", read as a number of three octets. */
const dotLine = 0x0a0d2e;
const threeOctets = 0xffffff;
const end = Buffer.from(".\r\n");
const endAfterLine = Buffer.from("\r\n.\r\n");

/** Doubles dots at the begin of lines, chunk by chunk. */
export class DotStuffer {
  #previous = lf;
  #beforePrevious = cr;

  /** The chunk as it goes on the wire; the same array where nothing changes. */
  stuff(chunk: Uint8Array): Uint8Array {
    if (chunk.length === 0) return chunk;
    const previous = this.#previous;
    this.#beforePrevious = chunk.length > 1 ? chunk[chunk.length - 2]! : previous;
    this.#previous = chunk[chunk.length - 1]!;
    const leading = chunk[0] === dot && (previous === lf || previous === cr);
    const view = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    // Native searches tell the common chunk without such dots; only the others are walked through.
    if (!leading && view.indexOf(lfDot) < 0 && view.indexOf(crDot) < 0) return chunk;
    return double(view, previous);
  }

  /** The end of data, with the line end that the content may lack. */
  finish(): Uint8Array {
    return this.#beforePrevious === cr && this.#previous === lf ? end : endAfterLine;
  }
}

function double(chunk: Buffer, before: number): Uint8Array {
  const stuffed = Buffer.allocUnsafe(chunk.length * 2);
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
  const lastFour = chunk.length - 4;
  let octet = before;
  let to = 0;
  for (let from = 0; from < chunk.length; from += 1) {
    if (octet <= cr && (octet === lf || octet === cr)) {
      // A line that is a dot and nothing else: content that is full of them is the worst there is.
      while (from < lastFour && (view.getInt32(from, true) & threeOctets) === dotLine) {
        stuffed[to] = dot;
        stuffed[to + 1] = dot;
        stuffed[to + 2] = cr;
        stuffed[to + 3] = lf;
        to += 4;
        from += 3;
      }
      if (chunk[from] === dot) {
        stuffed[to] = dot;
        to += 1;
      }
    }
    octet = chunk[from] as number;
    stuffed[to] = octet;
    to += 1;
  }
  return stuffed.subarray(0, to);
}
