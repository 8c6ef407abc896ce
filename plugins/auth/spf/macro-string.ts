/**
 * Macro-strings of SPF (RFC 7208 7): parsed once, expanded for each use, in linear time. What the letters stand for is
 * the evaluation's to say (check-host.ts).
 */

/** One macro to expand. */
interface Macro {
  /** In lower case. */
  readonly letter: string;
  /** Written in upper case: what it stands for is URL-escaped (RFC 7208 7.3). */
  readonly escaped: boolean;
  /** How many of the right-hand parts stay; 0: all. */
  readonly parts: number;
  readonly reversed: boolean;
  /** The characters that part it; "" is ".". */
  readonly delimiters: string;
}

/** Literals and macros in turn. */
export type MacroString = readonly (string | Macro)[];

/** What each letter stands for. */
export type MacroValues = (letter: string) => string;

/** Letters that may stand in a record (RFC 7208 7.2). */
export const RECORD_LETTERS = "slodiphv";
/** Letters that may stand in an explanation. */
export const EXPLANATION_LETTERS = "slodiphvcrt";

const MACRO = /%(?:([%_-])|\{([a-z])(\d*)(r?)([.+,/_=-]*)\})/iy;
/** RFC 7208 12, macro-literal; the space of explain-string is told apart by the caller. */
const LITERAL = /[!-$&-~]+/y;
const LITERAL_OR_SPACE = /[ -$&-~]+/y;
const WRITTEN: { readonly [written: string]: string } = { "%": "%", _: " ", "-": "%20" };

/** Parses a macro-string; undefined when it is none, or has letters that are not among those given. */
export function parseMacroString(text: string, letters: string, spaces = false): MacroString | undefined {
  const literal = spaces ? LITERAL_OR_SPACE : LITERAL;
  const parsed: (string | Macro)[] = [];
  for (let at = 0; at < text.length; ) {
    const pattern = text[at] === "%" ? MACRO : literal;
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (!found) return undefined;
    at = pattern.lastIndex;
    const [whole, percent, letter, digits = "", reverse = "", delimiters = ""] = found;
    if (percent !== undefined) parsed.push(WRITTEN[percent] ?? "");
    else if (letter === undefined) parsed.push(whole);
    else {
      const lower = letter.toLowerCase();
      // RFC 7208 7.1: a number of parts is not zero. One of many digits reads as more parts than there are.
      if (!letters.includes(lower) || (digits !== "" && Number(digits) === 0)) return undefined;
      const escaped = letter !== lower;
      parsed.push({ letter: lower, escaped, parts: Number(digits), reversed: reverse !== "", delimiters });
    }
  }
  return parsed;
}

/** Whether it has one of these letters, as "sl". */
export const usesLetter = (macros: MacroString, letters: string): boolean =>
  macros.some((one) => typeof one !== "string" && letters.includes(one.letter));

/**
 * The text that it stands for: all of it where that is not longer than `charactersMax`, else a part that is, from the
 * beginning or up to the end.
 */
export function expandMacros(
  macros: MacroString,
  values: MacroValues,
  charactersMax: number,
  side: "begin" | "end",
): string {
  let text = "";
  for (let n = 0; n < macros.length && text.length <= charactersMax; n++) {
    const one = macros[side === "begin" ? n : macros.length - 1 - n]!;
    const value = typeof one === "string" ? one : expand(one, values(one.letter));
    text = side === "begin" ? text + value : value + text;
  }
  return text;
}

function expand({ parts, reversed, delimiters, escaped }: Macro, value: string): string {
  let text = value;
  if (parts > 0 || reversed || delimiters !== "") {
    let all = split(value, delimiters === "" ? "." : delimiters);
    if (reversed) all.reverse();
    if (parts > 0) all = all.slice(-parts);
    // RFC 7208 7.1: joined with dots, whatever parted them.
    text = all.join(".");
  }
  return escaped ? escapeUrl(text) : text;
}

function split(value: string, delimiters: string): string[] {
  const parts: string[] = [];
  let from = 0;
  for (let at = 0; at < value.length; at++) {
    if (!delimiters.includes(value[at]!)) continue;
    parts.push(value.slice(from, at));
    from = at + 1;
  }
  parts.push(value.slice(from));
  return parts;
}

const encoder = new TextEncoder();
const hex = (octet: number): string => `%${octet.toString(16).toUpperCase().padStart(2, "0")}`;

/** All but the unreserved characters of RFC 3986 2.3. */
const escapeUrl = (text: string): string =>
  text.replace(/[^A-Za-z0-9._~-]+/g, (run) => [...encoder.encode(run)].map(hex).join(""));
