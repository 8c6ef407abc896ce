/**
 * Addresses of header fields (RFC 5322 3.4): mailboxes, groups, comments, quoted strings, the routes of obsolete
 * syntax (4.4) and UTF-8 (RFC 6532). One pass, without recursion. Domains are not checked as names here.
 */
import { decodeWords, encodeWords } from "./encoded-word.ts";
import type { Mailbox } from "./message-view.ts";

/** What a list of addresses came to. */
export interface MailboxList {
  readonly mailboxes: readonly Mailbox[];
  /** True when anything in it does not parse, may be read as another address, or a bound was met. */
  readonly malformed: boolean;
}

/** Mailboxes read of one field; more make it malformed. */
export const mailboxesMax = 10_000;

const commentDepthMax = 50;
const atom = /[^\s()<>[\]:;@\\,."]+/y;
const literal = /\[[^[\]\\]*\]/y;
const space = /\s+/y;
const controls = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;
const dotAtom = /^[^\s()<>[\]:;@\\,."]+(?:\.[^\s()<>[\]:;@\\,."]+)*$/;

interface Token {
  readonly kind: "atom" | "quoted" | "literal" | "special" | "broken";
  /** The text as meant: quotes taken off. */
  readonly text: string;
  /** True when white space or a comment stands before it. */
  readonly spaced: boolean;
}

/** Reads a list of mailboxes and groups, as the value of From or To. What does not parse is left out. */
export function parseMailboxes(text: string): MailboxList {
  const mailboxes: Mailbox[] = [];
  let malformed = false;
  let group: string | undefined;
  let words: Token[] = [];
  let angle: Token[] | undefined;
  let phrase: Token[] = [];
  let inAngle = false;

  const finish = () => {
    if (words.length > 0 || angle) {
      const mailbox =
        angle && words.length === 0 && !inAngle
          ? mailboxOf(angle, phrase)
          : angle
            ? undefined
            : mailboxOf(words, []);
      if (mailbox && mailboxes.length < mailboxesMax)
        mailboxes.push(group === undefined ? mailbox : { ...mailbox, group });
      else malformed = true;
      if (mailbox && !isPhrase(phrase, mailbox.domain)) malformed = true;
    }
    words = [];
    phrase = [];
    angle = undefined;
    inAngle = false;
  };

  for (const token of tokens(text)) {
    const special = token.kind === "special" ? token.text : "";
    if (token.kind === "broken") malformed = true;
    else if (inAngle && angle) {
      if (special === ">") inAngle = false;
      // A comma belongs to a route only, "<@a,@b:c@d>"; elsewhere the bracket was left open.
      else if (special === ";" || (special === "," && angle[0]?.text !== "@")) finish();
      else angle.push(token);
    } else if (special === "<" && !angle) {
      phrase = words;
      words = [];
      angle = [];
      inAngle = true;
    } else if (special === ",") finish();
    else if (special === ";") {
      finish();
      if (group === undefined) malformed = true;
      group = undefined;
    } else if (special === ":" && !angle && group === undefined) {
      group = phraseText(words);
      if (!isPhrase(words, "")) malformed = true;
      words = [];
    } else words.push(token);
  }
  finish();
  return { mailboxes, malformed: malformed || group !== undefined };
}

/** Writes mailboxes as a list, groups included, display names as quoted strings or encoded words. */
export function formatMailboxes(mailboxes: readonly Mailbox[]): string {
  const out: string[] = [];
  let group: string | undefined;
  for (const mailbox of mailboxes) {
    let one =
      mailbox.displayName === "" ? mailbox.address : `${phraseOf(mailbox.displayName)} <${mailbox.address}>`;
    if (mailbox.group !== group) {
      if (group !== undefined) out[out.length - 1] += ";";
      if (mailbox.group !== undefined) one = `${phraseOf(mailbox.group)}: ${one}`;
      group = mailbox.group;
    }
    out.push(one);
  }
  const list = out.join(", ");
  return group === undefined ? list : `${list};`;
}

function phraseOf(name: string): string {
  const clean = name.replace(controls, " ");
  if (
    /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/.test(clean) &&
    !clean.includes("=?")
  ) {
    return clean;
  }
  if (/^[ -~]*$/.test(clean) && !clean.includes("=?")) return `"${clean.replace(/["\\]/g, "\\$&")}"`;
  // Whole, as a plain word beside encoded ones could hold specials.
  return encodeWords(clean, 0);
}

function* tokens(text: string): Generator<Token> {
  let at = 0;
  let spaced = false;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found) at = pattern.lastIndex;
    return found;
  };
  while (at < text.length) {
    const character = text[at] ?? "";
    if (take(space)) {
      spaced = true;
      continue;
    }
    if (character === "(") {
      const end = commentEnd(text, at);
      if (end === undefined) return yield { kind: "broken", text: "", spaced };
      at = end;
      spaced = true;
      continue;
    }
    let found = take(atom);
    if (found) yield { kind: "atom", text: found[0], spaced };
    else if (character === '"') {
      const end = quotedEnd(text, at);
      // Nothing behind a quote that does not close can be told apart; looking on from each quote would be quadratic.
      if (end === undefined) return yield { kind: "broken", text: "", spaced };
      yield { kind: "quoted", text: text.slice(at + 1, end - 1).replace(/\\([\s\S])/g, "$1"), spaced };
      at = end;
    } else if (character === "[") {
      found = take(literal);
      if (!found) return yield { kind: "broken", text: "", spaced };
      yield { kind: "literal", text: found[0], spaced };
    } else {
      at++;
      yield "<>@,;:.".includes(character)
        ? { kind: "special", text: character, spaced }
        : { kind: "broken", text: character, spaced };
    }
    spaced = false;
  }
}

/** The offset after a quoted string, or undefined when it does not end. */
function quotedEnd(text: string, start: number): number | undefined {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at + 1;
  }
  return undefined;
}

/** The offset after a comment, or undefined when it does not end or nests too deep. */
function commentEnd(text: string, start: number): number | undefined {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (character === "\\") at++;
    else if (character === "(" && ++depth > commentDepthMax) return undefined;
    else if (character === ")" && --depth === 0) return at + 1;
  }
  return undefined;
}

function mailboxOf(all: readonly Token[], phrase: readonly Token[]): Mailbox | undefined {
  const spec = withoutRoute(all);
  const at = spec.findIndex((token) => token.kind === "special" && token.text === "@");
  if (at < 1) return undefined;
  const localPart = dotted(spec.slice(0, at), true);
  const domain = dotted(spec.slice(at + 1), false);
  if (localPart === undefined || domain === undefined) return undefined;
  // RFC 2047 5 forbids encoded words in addresses: who decodes them reads another one, perhaps with an "@" of its own.
  if (localPart.includes("=?") && decodeWords(localPart) !== localPart) return undefined;
  const local = dotAtom.test(localPart) ? localPart : `"${localPart.replace(/["\\]/g, "\\$&")}"`;
  return { displayName: phraseText(phrase), address: `${local}@${domain}`, localPart, domain };
}

/**
 * Whether a display name can be nothing else. RFC 5322 3.2.5 has no "@" in it but in quotes, and readers differ in what
 * they take for the address then: only one of the same domain, as many write `a@b.example <a@b.example>`, harms nobody.
 */
function isPhrase(words: readonly Token[], domain: string): boolean {
  if (words.some(({ kind, text }) => kind === "special" && text !== "."))
    return mailboxOf(words, [])?.domain.toLowerCase() === domain.toLowerCase();
  // Brackets are no words either: some find in what is quoted or encoded beside them the address.
  return !(words.some(({ kind }) => kind === "literal") && phraseText(words).includes("@"));
}

/** RFC 5322 4.4: "@a,@b:" before the address says nothing any more. */
function withoutRoute(spec: readonly Token[]): readonly Token[] {
  if (spec[0]?.kind !== "special" || spec[0].text !== "@") return spec;
  return spec.slice(spec.findIndex((token) => token.kind === "special" && token.text === ":") + 1);
}

/** Words parted by dots, or undefined when it is something else. */
function dotted(parts: readonly Token[], local: boolean): string | undefined {
  if (parts.length === 0) return undefined;
  let text = "";
  let wasWord = false;
  for (const part of parts) {
    const isDot = part.kind === "special" && part.text === ".";
    const isWord =
      part.kind === "atom" || (local ? part.kind === "quoted" : part.kind === "literal" && text === "");
    if (!(isDot || (isWord && !wasWord)) || controls.test(part.text)) {
      controls.lastIndex = 0;
      return undefined;
    }
    // Some phones' addresses have "a..b" and "a.@": taken in the local part, where they harm nobody.
    if (isDot && !local && !wasWord) return undefined;
    text += part.text;
    wasWord = isWord;
  }
  return local || wasWord ? text : undefined;
}

/** A display name: the words as written, encoded words decoded, controls taken out. */
function phraseText(words: readonly Token[]): string {
  let text = "";
  for (const word of words) text += (word.spaced && text !== "" ? " " : "") + word.text;
  return decodeWords(text).replace(controls, "").trim();
}
