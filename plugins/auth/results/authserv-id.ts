/**
 * Whose results an Authentication-Results field claims to be (RFC 8601 2.2, 2.5): read to judge who may say it, and
 * never to act on what it says. What can not be read for certain counts as a claim to be ours, as a reader that is less
 * strict than this one may take it so. In linear time.
 */
import { domainToAscii, type HeaderField } from "postern";

const NAME = "authentication-results";

/**
 * Whether a field is an Authentication-Results field to any reader: some drop from a name what is not visible ASCII,
 * such as the white space that obsolete syntax allows before the colon, or a no-break space.
 */
export function isResultsField({ name }: HeaderField): boolean {
  return name.replace(/[^!-~]/g, "").toLowerCase() === NAME;
}

/**
 * Whether a line that is no header field is an Authentication-Results field to a reader that is less strict: one that
 * unfolds before it looks for the colon, or drops what is not visible from the name.
 */
export function isHiddenResultsField({ bytes }: HeaderField): boolean {
  const wanted = `${NAME}:`;
  let matched = 0;
  for (const octet of bytes) {
    if (octet <= 0x20 || octet >= 0x7f) continue;
    if (String.fromCharCode(octet).toLowerCase() !== wanted[matched]) return false;
    matched += 1;
    if (matched === wanted.length) return true;
  }
  return false;
}

/**
 * Makes a test of fields against one's own ids. True for a field that claims one of them, or whose id can not be read.
 *
 * @param ids domains, or other words, letter case aside
 */
export function claimsOneOf(ids: readonly string[]): (field: HeaderField) => boolean {
  const own = new Set(ids.map((id) => comparable(id)));
  const claims = (text: string): boolean => {
    const id = authservIdOf(text);
    const known = id === undefined ? undefined : comparable(id);
    return known === undefined || own.has(known);
  };
  // A reader may decode encoded words before it parses (RFC 2047 forbids that and it is done): both must be another's.
  return ({ value, text }) => claims(value) || (text !== value && claims(text));
}

/** The authserv-id of a field's value (RFC 8601 2.2), quotes taken off; undefined where the grammar is not met. */
export function authservIdOf(value: string): string | undefined {
  const start = afterCfws(value, 0);
  if (start === undefined) return undefined;
  const id = value[start] === '"' ? quotedString(value, start) : token(value, start);
  if (id === undefined) return undefined;
  let at = afterCfws(value, id.end);
  if (at === undefined) return undefined;
  // The version: digits that white space or a comment parts from the id.
  if (at > id.end && isDigit(value[at])) {
    while (isDigit(value[at])) at += 1;
    at = afterCfws(value, at);
  }
  return at === value.length || (at !== undefined && value[at] === ";") ? id.text : undefined;
}

/** The form by which ids are compared; undefined where nobody can say what a reader makes of it. */
function comparable(id: string): string | undefined {
  const bare = id.trim().replace(/\.+$/, "");
  // Only quotes make them a part of it: a reader that takes those off first sees a shorter id, and our name perhaps.
  if (/[()<>@,;:\\"/[\]?=]/.test(bare)) return undefined;
  return /^[!-~]+$/.test(bare) ? bare.toLowerCase() : domainToAscii(bare);
}

interface Word {
  readonly text: string;
  readonly end: number;
}

/** RFC 2045 5.1, with what RFC 6532 adds; no controls. */
const TOKEN = /[^\s()<>@,;:\\"/[\]?=\p{C}]+/uy;

function token(value: string, start: number): Word | undefined {
  TOKEN.lastIndex = start;
  const [text] = TOKEN.exec(value) ?? [];
  return text === undefined ? undefined : { text, end: start + text.length };
}

function quotedString(value: string, start: number): Word | undefined {
  let text = "";
  for (let at = start + 1; at < value.length; at += 1) {
    let character = value[at]!;
    if (character === '"') return { text, end: at + 1 };
    if (character === "\\") {
      at += 1;
      character = value[at] ?? "\0";
    }
    if (character !== "\t" && /[\0-\x1f\x7f]/.test(character)) return undefined;
    text += character;
  }
  return undefined;
}

/** The offset behind white space and comments (RFC 5322 3.2.2); undefined where a comment does not end. */
function afterCfws(value: string, start: number): number | undefined {
  let depth = 0;
  let at = start;
  for (; at < value.length; at += 1) {
    const character = value[at];
    if (depth > 0 && character === "\\") at += 1;
    else if (character === "(") depth += 1;
    else if (depth > 0 && character === ")") depth -= 1;
    else if (depth === 0 && character !== " " && character !== "\t") break;
  }
  return depth === 0 ? Math.min(at, value.length) : undefined;
}

const isDigit = (character: string | undefined): boolean => character !== undefined && /\d/.test(character);
