/**
 * Whose results an Authentication-Results field claims to be (RFC 8601 2.2, 2.5): read to judge who may say it, and
 * never to act on what it says. What can not be read for certain counts as a claim to be ours, as a reader that is less
 * strict than this one may take it so. In linear time.
 */
import { domainToAscii, type HeaderField } from "postern";
import { afterCfws, isDigit, quotedString, token } from "./words.ts";

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
