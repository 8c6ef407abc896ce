/**
 * What readers that are less strict than this one take for a field of a name (RFC 5322 2.2): they drop from a name what is
 * not visible, unfold before they look for the colon, or take a bare CR for the end of a line. A second From or a result
 * that only they see would be what people are shown. Names are given in small letters. In linear time.
 */
import type { HeaderField, HeaderView } from "postern";

/** Whether a field has this name to any reader: white space before the colon, or a no-break space, is no part of it. */
export const readsAs = ({ name }: HeaderField, wanted: string): boolean =>
  name.length === wanted.length ? name.toLowerCase() === wanted : isDisguise(name, wanted);

/** Whether a line that is no field, or what stands behind a bare CR in one that is, is a field of this name to some. */
export function hidesField({ fields, malformed }: HeaderView, wanted: string): boolean {
  for (const { bytes } of fields) if (hasBehindCr(bytes, wanted)) return true;
  return malformed.some(({ bytes }) => begins(bytes, 0, wanted));
}

/** Whether anything but a field of this very name is one to some readers. */
export function isDisguised(header: HeaderView, wanted: string): boolean {
  for (const { name } of header.fields) if (isDisguise(name, wanted)) return true;
  return hidesField(header, wanted);
}

/** Most names are of other lengths or visible: they cost next to nothing. */
const isDisguise = (name: string, wanted: string): boolean =>
  name.length > wanted.length &&
  INVISIBLE.test(name) &&
  name.replace(INVISIBLES, "").toLowerCase() === wanted;

const INVISIBLE = /[^!-~]/;
const INVISIBLES = /[^!-~]+/g;

function hasBehindCr(bytes: Uint8Array, wanted: string): boolean {
  // The one that ends the field is the first in most.
  for (let cr = bytes.indexOf(CR); cr >= 0 && cr < bytes.length - 2; cr = bytes.indexOf(CR, cr + 1))
    // What is searched from the first one on is searched once, with all that follow.
    if (bytes[cr + 1] !== LF) return begins(bytes, cr + 1, wanted);
  return false;
}

/** Whether octets begin with a name and its colon, there or behind a bare CR; what is not visible plays no part. */
function begins(bytes: Uint8Array, start: number, wanted: string): boolean {
  const text = `${wanted}:`;
  const next = (matched: number, letter: string) => (letter === text[matched] ? matched + 1 : OTHER);
  // For readers that drop a CR from a name, and for those that begin a line with it.
  let [dropped, broken] = [0, OTHER];
  for (let at = start; at < bytes.length; at += 1) {
    const octet = bytes[at]!;
    if (octet === CR && bytes[at + 1] !== LF) broken = 0;
    if (octet <= 0x20 || octet >= 0x7f || (dropped === OTHER && broken === OTHER)) continue;
    const letter = String.fromCharCode(octet).toLowerCase();
    dropped = next(dropped, letter);
    broken = next(broken, letter);
    if (dropped === text.length || broken === text.length) return true;
  }
  return false;
}

/** In the place of the characters that were found: it is another line. */
const OTHER = -1;
const LF = 10;
const CR = 13;
