/** Patterns of addresses, `local@domain` with `*` for any run of characters, matched in linear passes without regexes. */
import { domainToAscii } from "postern";

/** A compiled glob: matches a whole text. */
export type Glob = (text: string) => boolean;

/** Compiles a glob whose only special character is `*`. Each piece is looked for once, left to right. */
export function compileGlob(pattern: string): Glob {
  const pieces = pattern.split("*");
  const first = pieces[0] ?? "";
  if (pieces.length === 1) return (text) => text === first;
  const last = pieces[pieces.length - 1] ?? "";
  const middle = pieces.slice(1, -1).filter((piece) => piece !== "");
  return (text) => {
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
      return false;
    const end = text.length - last.length;
    let at = first.length;
    for (const piece of middle) {
      const found = text.indexOf(piece, at);
      if (found < 0 || found + piece.length > end) return false;
      at = found + piece.length;
    }
    return true;
  };
}

/** A compiled pattern of addresses. */
export interface AddressPattern {
  readonly text: string;
  /** The domain where the pattern names one whole, for checks against the config. */
  readonly domain: string | undefined;
  matches(localPart: string, domainAscii: string): boolean;
  /** Whether every address that `other` matches is matched here too; false where that is not certain. */
  covers(other: AddressPattern): boolean;
  readonly local: string;
  readonly domainGlob: string;
}

/** Label by label where there are stars, which no domain has. */
const comparableGlob = (domain: string): string =>
  domainToAscii(domain) ??
  domain
    .split(".")
    .map((label) => domainToAscii(label) ?? label.toLowerCase())
    .join(".");

/** Compiles `local@domain`; `*` alone matches every address. Letter case plays no part. */
export function compileAddressPattern(text: string): AddressPattern {
  const at = text.lastIndexOf("@");
  const local = text === "*" ? "*" : text.slice(0, at).toLowerCase();
  const domainGlob = text === "*" ? "*" : comparableGlob(text.slice(at + 1));
  const matchesLocal = compileGlob(local);
  const matchesDomain = compileGlob(domainGlob);
  return {
    text,
    local,
    domainGlob,
    domain: domainGlob.includes("*") ? undefined : domainGlob,
    matches: (localPart, domainAscii) => matchesDomain(domainAscii) && matchesLocal(localPart.toLowerCase()),
    // The stars of the other pattern are matched as characters: only a star of this one can match them.
    covers: (other) => matchesLocal(other.local) && matchesDomain(other.domainGlob),
  };
}
