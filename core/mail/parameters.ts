/**
 * Parameters of MIME header fields (RFC 2045 5.1) with continuations, charsets and percent encoding (RFC 2231). As
 * readers of mail do it rather than strictly: values with spaces and without quotes are taken whole, so that a file
 * name can not hide from a filter. Encoded words in values stay as they are.
 */
import { decoderFor } from "./encoded-word.ts";
import { octetsOf } from "./octets.ts";

/** A field's value with its parameters. */
export interface ParsedParameters {
  /** What stands before the first ";", trimmed, without comments; letter case as written. */
  readonly value: string;
  /** By lower-case name, put together and decoded. Of two equal names the first counts. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Parameters read of one field, continuations counted singly; the rest is left out. */
export const parametersMax = 500;

const gap = /[\s;]+/y;
const name = /[^\s;=()"]+/y;
const equals = /\s*=\s*/y;
const sectionName = /^([^*]+)\*(?:(\d{1,3})(\*)?)?$/;

interface Section {
  readonly text: string;
  /** True when percent-encoded. */
  readonly encoded: boolean;
}

interface Collected {
  plain?: string;
  /** `name*=`, the extended form in one piece. */
  extended?: string;
  readonly sections: Map<number, Section>;
}

/** Reads the value of Content-Type, Content-Disposition and the like. */
export function parseParameters(text: string): ParsedParameters {
  const reader = new Reader(text);
  const value = reader.rawValue();
  const found = new Map<string, Collected>();
  for (let n = 0; n < parametersMax; n++) {
    const pair = reader.pair();
    if (pair === undefined) break;
    collect(found, pair.name.toLowerCase(), pair.value);
  }
  const parameters = new Map<string, string>();
  for (const [key, collected] of found) parameters.set(key, together(collected));
  return { value, parameters };
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The next `name=value`; what is none is passed over. Undefined at the end. */
  pair(): { name: string; value: string } | undefined {
    while (this.#at < this.#text.length) {
      this.#take(gap);
      if (this.#text[this.#at] === "(") this.#skipComment();
      const found = this.#take(name);
      if (found === undefined) {
        this.#at++;
        continue;
      }
      if (this.#take(equals) === undefined) continue;
      return { name: found, value: this.#text[this.#at] === '"' ? this.#quoted() : this.rawValue() };
    }
    return undefined;
  }

  /** All up to the next ";", without a comment at its end. */
  rawValue(): string {
    const next = this.#text.indexOf(";", this.#at);
    const end = next < 0 ? this.#text.length : next;
    const raw = this.#text.slice(this.#at, end).trim();
    this.#at = end;
    const comment = raw.endsWith(")") ? raw.lastIndexOf("(") : -1;
    return comment > 0 && /\s/.test(raw[comment - 1] ?? "") ? raw.slice(0, comment).trim() : raw;
  }

  /** A quoted string; one that does not end goes to the end of the text. */
  #quoted(): string {
    const text = this.#text;
    let out = "";
    let from = ++this.#at;
    for (; this.#at < text.length && text[this.#at] !== '"'; this.#at++) {
      if (text[this.#at] !== "\\") continue;
      out += text.slice(from, this.#at);
      from = ++this.#at;
    }
    out += text.slice(from, this.#at);
    this.#at++;
    return out;
  }

  #skipComment(): void {
    let depth = 0;
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at];
      if (character === "\\") this.#at++;
      else if (character === "(") depth++;
      else if (character === ")" && --depth === 0) break;
    }
    this.#at++;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return undefined;
    this.#at = pattern.lastIndex;
    return found[0];
  }
}

function collect(found: Map<string, Collected>, key: string, value: string): void {
  const [, base = key, number, star] = sectionName.exec(key) ?? [];
  let collected = found.get(base);
  if (collected === undefined) {
    collected = { sections: new Map() };
    found.set(base, collected);
  }
  if (base === key) collected.plain ??= value;
  else if (number === undefined) collected.extended ??= value;
  else if (!collected.sections.has(Number(number))) {
    collected.sections.set(Number(number), { text: value, encoded: star === "*" });
  }
}

/** RFC 2231 3, 4: the form with charset, then the continuations, then the plain form. */
function together(collected: Collected): string {
  if (collected.extended !== undefined) return decodeSections([{ text: collected.extended, encoded: true }]);
  const sections: Section[] = [];
  for (let n = 0; collected.sections.has(n); n++) sections.push(collected.sections.get(n) as Section);
  if (sections.length > 0) return decodeSections(sections);
  // Continuations without their beginning still name something.
  return collected.plain ?? [...collected.sections.values()].map((section) => section.text).join("");
}

function decodeSections(sections: readonly Section[]): string {
  let charset = "utf-8";
  let out = "";
  let octets = "";
  const flush = () => {
    if (octets !== "") out += (decoderFor(charset) ?? decoderFor("utf-8"))?.decode(octetsOf(octets)) ?? "";
    octets = "";
  };
  for (const [n, section] of sections.entries()) {
    if (!section.encoded) {
      flush();
      out += section.text;
      continue;
    }
    let text = section.text;
    // charset'language'text stands in the first section only.
    const prefix = n === 0 ? /^([^']*)'[^']*'/.exec(text) : null;
    if (prefix) {
      charset = prefix[1] === "" ? "utf-8" : (prefix[1] ?? "utf-8");
      text = text.slice(prefix[0].length);
    }
    octets += percentOctets(text);
  }
  flush();
  return out;
}

const encoder = new TextEncoder();

/** A string of one character for each octet; characters that are not ASCII as their UTF-8. */
function percentOctets(text: string): string {
  const ascii = text.replace(/[^\0-\x7f]+/g, (raw) => {
    let out = "";
    for (const octet of encoder.encode(raw)) out += String.fromCharCode(octet);
    return out;
  });
  return ascii.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
