/**
 * Canonical forms of a header field for signatures (RFC 6376 3.4.1 simple, 3.4.2 relaxed), on octets and in linear time.
 * White space is SP, HTAB and the CR and LF of folds and nothing else: 0xA0 is half a character of many texts.
 */

/**
 * A field in its canonical form, with CRLF at its end whatever it ended in.
 *
 * @param field all octets of one field, from the name to the line end
 */
export function canonicalField(form: "simple" | "relaxed", field: Uint8Array): Uint8Array<ArrayBuffer> {
  return form === "simple" ? simpleField(field) : relaxedField(field);
}

function simpleField(field: Uint8Array): Uint8Array<ArrayBuffer> {
  let end = field.length;
  if (field[end - 1] === LF) end -= field[end - 2] === CR ? 2 : 1;
  const out = new Uint8Array(end + 2);
  out.set(field.subarray(0, end));
  out[end] = CR;
  out[end + 1] = LF;
  return out;
}

function relaxedField(field: Uint8Array): Uint8Array<ArrayBuffer> {
  const colon = field.indexOf(COLON);
  const nameEnd = colon < 0 ? field.length : colon;
  // Nothing gets longer but a line end that was missing.
  const out = new Uint8Array(field.length + 2);
  let size = 0;
  for (let at = 0; at < nameEnd; at++) {
    const octet = field[at] as number;
    if (!isSpace(octet)) out[size++] = octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet;
  }
  if (colon >= 0) out[size++] = COLON;
  const valueAt = size;
  let isSpaceDue = false;
  for (let at = nameEnd + 1; at < field.length; at++) {
    const octet = field[at] as number;
    if (octet <= SP && isSpace(octet)) {
      isSpaceDue = true;
      continue;
    }
    // None stands before the first octet of the value, and none behind its last.
    if (isSpaceDue && size > valueAt) out[size++] = SP;
    isSpaceDue = false;
    out[size++] = octet;
  }
  out[size++] = CR;
  out[size++] = LF;
  return out.subarray(0, size);
}

const isSpace = (octet: number): boolean => octet === SP || octet === HTAB || octet === CR || octet === LF;

const HTAB = 9;
const LF = 10;
const CR = 13;
const SP = 32;
const COLON = 58;
