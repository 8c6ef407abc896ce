/**
 * Content transfer encodings (RFC 2045 section 6): base64 and quoted-printable, streamed both ways. Decoders take
 * what can be decoded and never fail. Uuencode and other names are not decoded.
 */

/** A decoder of one body. The arrays it returns are the caller's. */
export interface TransferDecoder {
  update(chunk: Uint8Array): Uint8Array;
  finish(): Uint8Array;
}

/** A decoder by lower-case name; undefined where the octets stand for themselves or the encoding is not known. */
export function transferDecoder(name: string): TransferDecoder | undefined {
  if (name === "base64") return new Base64Decoder();
  if (name === "quoted-printable") return new QuotedPrintableDecoder();
  return undefined;
}

/**
 * RFC 2045 6.8. Octets outside the alphabet are passed over. After padding, decoding goes on with a new group, as
 * joined encodings are read so by some readers, and nothing may hide behind the padding.
 */
export class Base64Decoder implements TransferDecoder {
  #bits = 0;
  #digits = 0;
  #consumed = 0;
  #produced = 0;
  #groupStart = 0;

  /** A second decoder at the same place. */
  copy(): Base64Decoder {
    const copy = new Base64Decoder();
    copy.#bits = this.#bits;
    copy.#digits = this.#digits;
    copy.#consumed = this.#consumed;
    copy.#produced = this.#produced;
    copy.#groupStart = this.#groupStart;
    return copy;
  }

  /** Octets decoded in whole groups so far. */
  get produced(): number {
    return this.#produced;
  }

  /** Offset in the encoded body of the first digit of the group that is not whole, where there is one. */
  get groupStart(): number | undefined {
    return this.#digits > 0 ? this.#groupStart : undefined;
  }

  update(chunk: Uint8Array): Uint8Array {
    const decoded = new Uint8Array(((chunk.length + 3) >> 2) * 3 + 3);
    let bits = this.#bits;
    let digits = this.#digits;
    let out = 0;
    for (let at = 0; at < chunk.length; at++) {
      const value = DIGIT_VALUES[chunk[at] as number] as number;
      if (value < 64) {
        if (digits === 0) this.#groupStart = this.#consumed + at;
        bits = (bits << 6) | value;
        if (++digits === 4) {
          decoded[out++] = bits >> 16;
          decoded[out++] = bits >> 8;
          decoded[out++] = bits;
          bits = 0;
          digits = 0;
        }
      } else if (value === PADDING && digits > 0) {
        if (digits === 2) decoded[out++] = bits >> 4;
        if (digits === 3) {
          decoded[out++] = bits >> 10;
          decoded[out++] = bits >> 2;
        }
        bits = 0;
        digits = 0;
      }
    }
    this.#bits = bits;
    this.#digits = digits;
    this.#consumed += chunk.length;
    this.#produced += out;
    return decoded.subarray(0, out);
  }

  finish(): Uint8Array {
    const { bits, digits } = { bits: this.#bits, digits: this.#digits };
    this.#bits = 0;
    this.#digits = 0;
    if (digits === 2) return Uint8Array.of(bits >> 4);
    if (digits === 3) return Uint8Array.of(bits >> 10, bits >> 2);
    return new Uint8Array(0);
  }
}

/** RFC 2045 6.7. A `=` that begins no escape stands for itself. */
export class QuotedPrintableDecoder implements TransferDecoder {
  #held: Uint8Array = new Uint8Array(0);

  update(chunk: Uint8Array): Uint8Array {
    return this.#decode(chunk, false);
  }

  finish(): Uint8Array {
    return this.#decode(new Uint8Array(0), true);
  }

  #decode(chunk: Uint8Array, last: boolean): Uint8Array {
    let bytes = chunk;
    if (this.#held.length > 0) {
      bytes = new Uint8Array(this.#held.length + chunk.length);
      bytes.set(this.#held);
      bytes.set(chunk, this.#held.length);
      this.#held = new Uint8Array(0);
    }
    const decoded = new Uint8Array(bytes.length);
    let out = 0;
    let at = 0;
    while (at < bytes.length) {
      const mark = bytes.indexOf(EQUALS, at);
      const literalEnd = mark < 0 ? bytes.length : mark;
      decoded.set(bytes.subarray(at, literalEnd), out);
      out += literalEnd - at;
      if (mark < 0) break;
      const found = readEscape(bytes, mark, last);
      if (found === undefined) {
        this.#held = bytes.slice(mark);
        break;
      }
      if (found.octet !== undefined) decoded[out++] = found.octet;
      at = found.end;
    }
    return decoded.subarray(0, out);
  }
}

/** What begins at a `=`; undefined when the octets that decide are still to come. `octet` absent: a soft break. */
export function readEscape(
  bytes: Uint8Array,
  at: number,
  last: boolean,
): { readonly end: number; readonly octet?: number } | undefined {
  const high = hexValue(bytes[at + 1]);
  const low = hexValue(bytes[at + 2]);
  if (high >= 0 && low >= 0) return { end: at + 3, octet: high * 16 + low };
  let next = at + 1;
  // White space may have been put at the end of the line on the way (RFC 2045 6.7, rule 3).
  while (next < bytes.length && next - at < PADDING_OCTETS_MAX && (bytes[next] === 32 || bytes[next] === 9))
    next++;
  if (bytes[next] === 10) return { end: next + 1 };
  if (bytes[next] === 13 && bytes[next + 1] === 10) return { end: next + 2 };
  const undecided = next >= bytes.length || (bytes[next] === 13 && next + 1 >= bytes.length);
  if (undecided || (high >= 0 && at + 2 >= bytes.length)) {
    if (!last) return undefined;
    if (next >= bytes.length) return { end: bytes.length };
  }
  return { end: at + 1, octet: EQUALS };
}

/** Base64 in lines of 76 digits with CRLF between them and, where asked, at the end. */
export function encodeBase64(bytes: Uint8Array, lineEndAtEnd: boolean): Uint8Array {
  const lines = Math.ceil(bytes.length / 57);
  const digits = Math.ceil(bytes.length / 3) * 4;
  const encoded = new Uint8Array(digits + Math.max(lines - 1, 0) * 2 + (lineEndAtEnd ? 2 : 0));
  let out = 0;
  for (let at = 0; at < bytes.length; at += 3) {
    if (at > 0 && at % 57 === 0) {
      encoded[out++] = 13;
      encoded[out++] = 10;
    }
    const left = bytes.length - at;
    const group = ((bytes[at] as number) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    encoded[out++] = DIGITS.charCodeAt(group >> 18);
    encoded[out++] = DIGITS.charCodeAt((group >> 12) & 63);
    encoded[out++] = left > 1 ? DIGITS.charCodeAt((group >> 6) & 63) : EQUALS;
    encoded[out++] = left > 2 ? DIGITS.charCodeAt(group & 63) : EQUALS;
  }
  if (lineEndAtEnd) encoded.set([13, 10], out);
  return encoded;
}

/** Quoted-printable with soft breaks, no line over 76; CRLF stays a line end, a lone CR or LF is escaped. */
export function encodeQuotedPrintable(bytes: Uint8Array): Uint8Array {
  const encoded: number[] = [];
  let column = 0;
  for (let at = 0; at < bytes.length; at++) {
    const octet = bytes[at] as number;
    if (octet === 13 && bytes[at + 1] === 10) {
      encoded.push(13, 10);
      column = 0;
      at++;
      continue;
    }
    const next = bytes[at + 1];
    const spaceAtEnd = (octet === 32 || octet === 9) && (next === undefined || next === 13 || next === 10);
    const literal = octet === 9 || (octet >= 32 && octet < 127 && octet !== EQUALS);
    // A dot or a dash at the start of a line is escaped: neither SMTP nor a boundary can then take it for its own.
    const marked = column === 0 && (octet === 46 || octet === 45);
    const width = literal && !spaceAtEnd && !marked ? 1 : 3;
    if (column + width > 75) {
      encoded.push(EQUALS, 13, 10);
      column = 0;
    }
    if (width === 1) encoded.push(octet);
    else encoded.push(EQUALS, HEX.charCodeAt(octet >> 4), HEX.charCodeAt(octet & 15));
    column += width;
  }
  return Uint8Array.from(encoded);
}

function hexValue(octet: number | undefined): number {
  if (octet === undefined) return -1;
  if (octet >= 48 && octet <= 57) return octet - 48;
  if (octet >= 65 && octet <= 70) return octet - 55;
  if (octet >= 97 && octet <= 102) return octet - 87;
  return -1;
}

const EQUALS = 61;
const PADDING = 64;
const PADDING_OCTETS_MAX = 1_000;
const HEX = "0123456789ABCDEF";
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/** Digit values; 64 is padding, 255 is passed over. */
const DIGIT_VALUES = new Uint8Array(256).fill(255);
for (let n = 0; n < 64; n++) DIGIT_VALUES[DIGITS.charCodeAt(n)] = n;
DIGIT_VALUES[EQUALS] = PADDING;
