/**
 * Tag-lists: the values of DKIM-Signature and ARC fields, and key records (RFC 6376 3.2), with UTF-8 in values as RFC 8616
 * 5 has it. Strict: a fault anywhere makes it none.
 */

/** Characters of a list; a DNS record holds no more. */
export const tagListCharactersMax = 65_536;
/** Tags of a list. */
export const tagsMax = 100;

// Names with their "=" and white space, from where the last tag ended.
const name = /[ \t\r\n]*([A-Za-z][A-Za-z0-9_]*)[ \t\r\n]*=/y;
// No semicolon, no control, no space but folding white space; U+FFFD stands for what was no UTF-8.
const value = /^[\t\n\r !-:<-~\u00a0-\ufffc\ufffe\uffff]*$/;

/**
 * The values by tag name, in the order in which they stand, without the white space around them. Names keep their
 * letter case. Words for people where it is no tag-list.
 *
 * @param text unfolded or not
 */
export function parseTagList(text: string): ReadonlyMap<string, string> | { readonly fault: string } {
  if (text.length > tagListCharactersMax) return { fault: "it is too long" };
  const tags = new Map<string, string>();
  let at = 0;
  while (at < text.length) {
    name.lastIndex = at;
    const tag = name.exec(text)?.[1];
    if (tag === undefined) {
      // A semicolon may stand behind the last tag, and white space behind it.
      if (tags.size > 0 && isBlank(text, at)) return tags;
      return { fault: "it is no list of tags" };
    }
    if (tags.has(tag)) return { fault: `the tag ${tag.slice(0, 20)}= stands there twice` };
    if (tags.size >= tagsMax) return { fault: "it has too many tags" };
    const start = name.lastIndex;
    const semicolon = text.indexOf(";", start);
    const end = semicolon < 0 ? text.length : semicolon;
    const written = text.slice(start, end);
    if (!value.test(written))
      return { fault: `the tag ${tag.slice(0, 20)}= has characters that may not stand there` };
    tags.set(tag, trimmed(written));
    at = end + 1;
  }
  return tags.size > 0 ? tags : { fault: "it is empty" };
}

function isBlank(text: string, from: number): boolean {
  for (let at = from; at < text.length; at++) if (!isSpace(text.charCodeAt(at))) return false;
  return true;
}

function trimmed(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

const isSpace = (code: number): boolean => code === 32 || code === 9 || code === 13 || code === 10;
