/**
 * Writes one header field (RFC 5322 2.2, 3.6.8): folded, in ASCII, and such that no value can end the field.
 * Reading is in header-section.ts.
 */
import { decodeWords, encodeWords } from "./encoded-word.ts";
import { formatMailboxes, parseMailboxes } from "./header-address.ts";

/** Characters of a line where folding begins (RFC 5322 2.1.1), without CRLF. */
export const lineLengthSoft = 78;
/** Characters no line exceeds (RFC 5322 2.1.1), without CRLF. */
export const lineLengthMax = 998;

const nameLengthMax = 76;
// A token longer than this can not be folded and goes as encoded words, which can.
const tokenLengthMax = 900;
const gapLengthMax = 60;
const encoder = new TextEncoder();
const addressFields = new Set(
  "from sender reply-to to cc bcc resent-from resent-sender resent-reply-to resent-to resent-cc resent-bcc".split(
    " ",
  ),
);
const lineEnds = /[\r\n\u0085\u2028\u2029]+/g;
const controls = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]+/g;

/**
 * The octets of a field with CRLF at its end. Line ends in the value become a space and other controls go; what is
 * not ASCII becomes encoded words (in address fields in the display names only); encoded words in the value count as
 * the text they stand for. Lines are folded at white space past 78 characters, and none exceeds 998.
 *
 * @throws RangeError when the name is none (RFC 5322 2.2: printable ASCII without colon, here at most 76 characters)
 */
export function formatField(name: string, value: string): Uint8Array<ArrayBuffer> {
  if (!isFieldName(name)) throw new RangeError("no name of a header field");
  return encoder.encode(fold(name, encoded(name, value.replace(lineEnds, " ").replace(controls, "").trim())));
}

/**
 * The octets of a field that is folded already, with CRLF at its end: the first line behind the name, each further one
 * behind one space. Nothing is cleaned or encoded: what could end the field is refused.
 *
 * @throws RangeError when the name is none, or a line is blank, too long, or not ASCII without controls
 */
export function formatFoldedField(name: string, lines: readonly string[]): Uint8Array<ArrayBuffer> {
  if (!isFieldName(name)) throw new RangeError("no name of a header field");
  if (lines.length === 0 || !lines.every((line) => /^ *[!-~][ -~]*$/.test(line)))
    throw new RangeError("no lines of a header field");
  const text = `${name}: ${lines.join("\r\n ")}`;
  if (text.split("\r\n").some((line) => line.length > lineLengthMax))
    throw new RangeError("a line of a header field is too long");
  return encoder.encode(`${text}\r\n`);
}

/** True for a name that `formatField` takes. */
export function isFieldName(name: string): boolean {
  return name.length <= nameLengthMax && /^[!-9;-~]+$/.test(name);
}

function encoded(name: string, value: string): string {
  const ascii = /^[\t -~]*$/.test(value);
  if (ascii && (value.length <= tokenLengthMax || !hasLongToken(value))) return value;
  if (!ascii && addressFields.has(name.toLowerCase())) {
    const parsed = parseMailboxes(value);
    const written = parsed.malformed ? "" : formatMailboxes(parsed.mailboxes);
    if (written !== "" && /^[\t -~]*$/.test(written) && !hasLongToken(written)) return written;
  }
  // Controls again: those that encoded words of the value hide.
  return encodeWords(decodeWords(value).replace(lineEnds, " ").replace(controls, ""), tokenLengthMax).trim();
}

function hasLongToken(value: string): boolean {
  return value.split(/[ \t]/).some((token) => token.length > tokenLengthMax);
}

function fold(name: string, value: string): string {
  let out = `${name}:`;
  let length = out.length;
  for (const [, gap = "", token = ""] of ` ${value}`.matchAll(/([ \t]+)([^ \t]+)/g)) {
    // White space as long as a line would give a line of white space alone, which RFC 5322 4.2 forbids.
    const space = gap.length > gapLengthMax ? " " : gap;
    // Not before the first token: some readers take a first line without value for an empty one.
    if (length + space.length + token.length > lineLengthSoft && length > name.length + 1) {
      out += "\r\n";
      length = 0;
    }
    out += space + token;
    length += space.length + token.length;
  }
  return `${out}\r\n`;
}
