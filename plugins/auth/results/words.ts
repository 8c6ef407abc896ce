/** The words that fields of results are made of (RFC 8601 2.2, RFC 8617 3.9), in linear time. Values are unfolded. */

/** What stands at a place, and where it ends. */
export interface Word {
  readonly text: string;
  readonly end: number;
}

/** RFC 2045 5.1, with what RFC 6532 adds; no controls. */
const TOKEN = /[^\s()<>@,;:\\"/[\]?=\p{C}]+/uy;

/** A token; undefined where there is none. */
export function token(value: string, start: number): Word | undefined {
  TOKEN.lastIndex = start;
  const [text] = TOKEN.exec(value) ?? [];
  return text === undefined ? undefined : { text, end: start + text.length };
}

/** A quoted string (RFC 5322 3.2.4) without its quotes, from the first of them; undefined where it is none. */
export function quotedString(value: string, start: number): Word | undefined {
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
export function afterCfws(value: string, start: number): number | undefined {
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

/** Whether a character is one of 0 to 9. */
export const isDigit = (character: string | undefined): boolean =>
  character !== undefined && /\d/.test(character);
