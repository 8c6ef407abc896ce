/**
 * Writes an Authentication-Results field (RFC 8601 2.2): line by line, each result on lines of its own. Nothing that a
 * stranger chose can end its place: what is no token is a quoted string, and no comments are written. What is not ASCII,
 * or reads as an encoded word, is not shown as it was: a reader that decodes before it parses would see quotes.
 */
import { domainToAscii } from "postern";

/** One result of one method, as it stands in the field. */
export interface MethodResult {
  /** As "spf"; a keyword. */
  readonly method: string;
  /** As "pass"; a keyword. */
  readonly result: string;
  /** For people; absent: none is shown. */
  readonly reason?: string;
  /** As ["smtp.mailfrom", "ann@example.com"], in their order; values as `pvalue` and `addressValue` give them. */
  readonly properties: readonly (readonly [property: string, value: string])[];
}

/** Characters of a line where folding begins (RFC 5322 2.1.1). */
const LINE_CHARACTERS = 78;
/** Characters of a reason; more are cut, so that it stands in one line. The whole is in the trace. */
const REASON_CHARACTERS_MAX = 60;
/** Characters of any other value. */
const VALUE_CHARACTERS_MAX = 320;

/**
 * The lines of the field's value, without the name, for `addFoldedField`.
 *
 * @param results none: the field says so (RFC 8601 2.2, no-result)
 */
export function resultsLines(authservId: string, results: readonly MethodResult[]): readonly string[] {
  const lines = [`${pvalue(authservId)};`];
  if (results.length === 0) return [...lines, "none"];
  results.forEach(({ method, result, reason, properties }, n) => {
    const words = [`${method}=${result}`];
    if (reason) words.push(`reason=${quoted(reason, REASON_CHARACTERS_MAX)}`);
    for (const [property, value] of properties) words.push(`${property}=${value}`);
    const end = n === results.length - 1 ? "" : ";";
    lines.push(...folded(words, end));
  });
  return lines;
}

/** A value as a token (RFC 2045 5.1) or a quoted string. */
export function pvalue(text: string): string {
  return TOKEN.test(text) ? text : quoted(text, VALUE_CHARACTERS_MAX);
}

/**
 * An address, or a domain where `localPart` is undefined; "" for an identity without a local part, as "@example.com".
 * The domain is in A-labels; a local part that can not be shown is left out.
 */
export function addressValue(localPart: string | undefined, domain: string): string {
  const name = domainToAscii(domain) ?? domain;
  if (localPart === undefined || /[^ -~]|=\?/.test(localPart)) return pvalue(name);
  // Behind the "=" of the property a "?" would begin an encoded word.
  const isBare = localPart === "" || (DOT_ATOM.test(localPart) && !localPart.startsWith("?"));
  const written = isBare ? localPart : `"${localPart.replace(/["\\]/g, "\\$&")}"`;
  const address = `${written}@${name}`;
  // What is no domain-name, as an address literal, can not stand behind the @ (RFC 8601 2.2): then all is quoted.
  return DOMAIN_NAME.test(name) ? address : quoted(address, VALUE_CHARACTERS_MAX);
}

const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,320}$/;
const DOT_ATOM = /^[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*$/;
/** RFC 6376 3.5: two labels at least. */
const DOMAIN_NAME = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+$/i;

function quoted(text: string, charactersMax: number): string {
  const shown = text
    .slice(0, charactersMax)
    .replace(/[\0-\x1f\x7f]+/g, " ")
    .replace(/[^ -~]+/g, "?")
    .replace(/=(?=\?)/g, "_")
    .trim();
  return `"${shown.replace(/["\\]/g, "\\$&")}"`;
}

/** Words put into lines of the field, one space to come before each; a word that is longer has a line of its own. */
function folded(words: readonly string[], end: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const [n, word] of words.entries()) {
    const text = n === words.length - 1 ? word + end : word;
    if (line !== "" && line.length + text.length + 2 > LINE_CHARACTERS) {
      lines.push(line);
      // Further lines of a result stand in from its first.
      line = `  ${text}`;
    } else line = line === "" ? text : `${line} ${text}`;
  }
  lines.push(line);
  return lines;
}
