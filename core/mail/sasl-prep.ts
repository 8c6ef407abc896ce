/**
 * SASLprep (RFC 4013): names and passwords brought to one spelling before they are compared or hashed. Mapping, NFKC
 * and prohibited characters are done, by the Unicode tables of the platform in place of 3.2's: characters unassigned
 * then are taken, as in a query (RFC 3454 7). Bidirectional text (RFC 4013 2.3) is not checked.
 */

/** RFC 3454 B.1: characters that stand for nothing. */
const NOTHING = /\u034f|[\u180b-\u180d]|[\ufe00-\ufe0f]|\u200d|[\u00ad\u1806\u200c\u2060\ufeff]/g;
/** RFC 3454 C.1.2: spaces that are not ASCII. U+200B is in B.1 too, and a space for those who did it first. */
const SPACES = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g;
/** RFC 3454 C.2 to C.9: controls, private use, no characters, surrogates, marks that only steer how text is shown. */
const PROHIBITED =
  /[\p{Cc}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}\u06dd\u070f\u180e\u200e\u200f\u2028-\u202e\u2061-\u2063\u206a-\u206f\u2ff0-\u2ffb\ufff9-\ufffd\u{1d173}-\u{1d17a}\u{e0001}\u{e0020}-\u{e007f}]/u;

/** The prepared form; undefined where the text holds a character that may not be there. */
export function saslPrep(text: string): string | undefined {
  const prepared = text.replace(SPACES, " ").replace(NOTHING, "").normalize("NFKC");
  return PROHIBITED.test(prepared) ? undefined : prepared;
}
