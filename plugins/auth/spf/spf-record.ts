/** The syntax of SPF records (RFC 7208 4.6 and 12). A fault anywhere in a record makes all of it a permerror. */
import { addressOctets } from "postern";
import { keptByText } from "../kept-by-text.ts";
import {
  EXPLANATION_LETTERS,
  type MacroString,
  parseMacroString,
  RECORD_LETTERS,
  usesLetter,
} from "./macro-string.ts";

/** What a match of a directive means (RFC 7208 4.6.2). */
export type Qualified = "pass" | "fail" | "softfail" | "neutral";

/** What a domain-spec came to: a name as it stands, or macros to expand. */
export type DomainSpec = string | MacroString;

/** What a directive looks for. Prefix lengths are in bits. */
export type Mechanism =
  | { readonly kind: "all" }
  | { readonly kind: "include" | "exists"; readonly target: DomainSpec }
  /** Without a target it is the domain itself. */
  | { readonly kind: "ptr"; readonly target: DomainSpec | undefined }
  | {
      readonly kind: "a" | "mx";
      readonly target: DomainSpec | undefined;
      readonly bits4: number;
      readonly bits6: number;
    }
  | { readonly kind: "ip"; readonly octets: readonly number[]; readonly bits: number };

/** A directive as it stands in the record. */
export interface Directive {
  readonly result: Qualified;
  readonly mechanism: Mechanism;
  /** As written, for the reason. */
  readonly text: string;
}

/** A record that was read. */
export interface SpfRecord {
  readonly directives: readonly Directive[];
  readonly redirect: DomainSpec | undefined;
  readonly explanation: DomainSpec | undefined;
}

/** Characters of a record; a DNS message holds no more. */
export const RECORD_CHARACTERS_MAX = 65_535;

const QUALIFIED: { readonly [qualifier: string]: Qualified } = {
  "+": "pass",
  "-": "fail",
  "~": "softfail",
  "?": "neutral",
};

/** Whether a text is an SPF record (RFC 7208 4.5). */
export const isSpfRecord = (text: string): boolean => /^v=spf1(?: |$)/i.test(text);

/** Reads a record that `isSpfRecord`. Words for people when it breaks the syntax. */
export const parseSpfRecord = (text: string): SpfRecord | { readonly fault: string } => readRecord(text)!;

const readRecord = keptByText((text): SpfRecord | { readonly fault: string } => {
  if (text.length > RECORD_CHARACTERS_MAX) return { fault: "longer than a DNS message" };
  const directives: Directive[] = [];
  const modifiers = new Map<string, DomainSpec>();
  for (const term of text.split(" ").slice(1)) {
    if (term === "") continue;
    const named = /^([a-z][a-z0-9_.-]*)=/i.exec(term);
    const name = named?.[1]?.toLowerCase();
    if (name === "redirect" || name === "exp") {
      const spec = parseDomainSpec(term.slice(name.length + 1));
      if (spec === undefined) return fault(term);
      // RFC 7208 6: not more than once.
      if (modifiers.has(name)) return { fault: `'${name}' stands twice` };
      modifiers.set(name, spec);
    } else if (named) {
      // RFC 7208 6: others mean nothing, and must be written well.
      if (!parseMacroString(term.slice(named[0].length), EXPLANATION_LETTERS)) return fault(term);
    } else {
      const directive = parseDirective(term);
      if (!directive) return fault(term);
      directives.push(directive);
    }
  }
  return { directives, redirect: modifiers.get("redirect"), explanation: modifiers.get("exp") };
});

/** Terms are a stranger's text: told where they are plain, and cut. */
const fault = (term: string) => ({
  fault: /^[!-~]*$/.test(term) ? `'${term.slice(0, 80)}' is no term of SPF` : "other characters than ASCII",
});

function parseDirective(term: string): Directive | undefined {
  const qualified = QUALIFIED[term[0] ?? ""];
  const bare = qualified === undefined ? term : term.slice(1);
  const name = /^[a-z0-9]*/i.exec(bare)?.[0] ?? "";
  const mechanism = parseMechanism(name.toLowerCase(), bare.slice(name.length));
  return mechanism && { result: qualified ?? "pass", mechanism, text: term.slice(0, 80) };
}

function parseMechanism(kind: string, rest: string): Mechanism | undefined {
  // RFC 7208 12: only "a", "mx" and "ptr" go without a colon, and none has an empty value.
  const value = rest[0] === ":" ? rest.slice(1) : undefined;
  switch (kind) {
    case "all":
      return rest === "" ? { kind } : undefined;
    case "include":
    case "exists": {
      const target = value === undefined ? undefined : parseDomainSpec(value);
      return target === undefined ? undefined : { kind, target };
    }
    case "ptr": {
      if (rest === "") return { kind, target: undefined };
      const target = value === undefined ? undefined : parseDomainSpec(value);
      return target === undefined ? undefined : { kind, target };
    }
    case "a":
    case "mx":
      return parseHost(kind, rest, value);
    case "ip4":
    case "ip6":
      return value === undefined ? undefined : parseNetwork(kind, value);
    default:
      return undefined;
  }
}

/** `[":" domain-spec] [dual-cidr-length]` */
function parseHost(kind: "a" | "mx", rest: string, value: string | undefined): Mechanism | undefined {
  const { before, bits4 = 32, bits6 = 128 } = splitPrefixes(value ?? rest);
  if (bits4 > 32 || bits6 > 128) return undefined;
  if (value === undefined) return before === "" ? { kind, target: undefined, bits4, bits6 } : undefined;
  const target = parseDomainSpec(before);
  return target === undefined ? undefined : { kind, target, bits4, bits6 };
}

const PREFIXES = /(?:\/(0|[1-9]\d?))?(?:\/\/(0|[1-9]\d{0,2}))?$/;
/** "/32//128" */
const PREFIXES_CHARACTERS_MAX = 8;

function splitPrefixes(text: string): { before: string; bits4?: number; bits6?: number } {
  const start = Math.max(0, text.length - PREFIXES_CHARACTERS_MAX);
  const [whole, four, six] = PREFIXES.exec(text.slice(start))!;
  return {
    before: text.slice(0, text.length - whole.length),
    ...(four === undefined ? {} : { bits4: Number(four) }),
    ...(six === undefined ? {} : { bits6: Number(six) }),
  };
}

function parseNetwork(kind: "ip4" | "ip6", text: string): Mechanism | undefined {
  const slash = text.indexOf("/");
  const address = slash < 0 ? text : text.slice(0, slash);
  const prefix = slash < 0 ? undefined : text.slice(slash + 1);
  if (prefix !== undefined && !/^(?:0|[1-9]\d{0,2})$/.test(prefix)) return undefined;
  const octets = kind === "ip4" ? ip4Octets(address) : ip6Octets(address);
  const most = kind === "ip4" ? 32 : 128;
  const bits = prefix === undefined ? most : Number(prefix);
  return octets === undefined || bits > most ? undefined : { kind: "ip", octets, bits };
}

const ip4Octets = (text: string) =>
  text.includes(":") || text.includes("%") ? undefined : addressOctets(text);

/** RFC 7208 5: an IPv4-mapped network is one of IPv6 here, and holds no client, as those of IPv4 come as such. */
function ip6Octets(text: string): readonly number[] | undefined {
  if (!text.includes(":") || text.includes("%") || text.length > 45) return undefined;
  const octets = addressOctets(text);
  return octets?.length === 4 ? [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...octets] : octets;
}

const TOP_LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/i;

/** A domain-spec ends in a macro, or in a dot and a top label with something else than digits (RFC 7208 7.1). */
function parseDomainSpec(text: string): DomainSpec | undefined {
  const macros = parseMacroString(text, RECORD_LETTERS);
  if (!macros || macros.length === 0) return undefined;
  const last = macros[macros.length - 1]!;
  // A literal has no "%" and no space: those come of "%%", "%-" and "%_", which are macros by the grammar.
  if (typeof last === "string" && !/[% ]/.test(last)) {
    const end = text.endsWith(".") ? text.slice(0, -1) : text;
    const label = end.slice(end.lastIndexOf(".") + 1);
    const dot = end.length - label.length - 1;
    // What "%{d}com" ends in is neither: the label's own dot is a literal.
    if (dot < 0 || !TOP_LABEL.test(label) || !/[a-z-]/i.test(label)) return undefined;
  }
  const [first] = macros;
  return macros.length === 1 && typeof first === "string" ? first : macros;
}

/** Whether expanding it asks DNS for the client's name, or takes the sender's local part. */
export const specUses = (spec: DomainSpec, letters: string): boolean =>
  typeof spec !== "string" && usesLetter(spec, letters);
