/**
 * Addresses of type utf-8 in ORCPT (RFC 6533 3). They are kept in the 7-bit form, "\x{E9}" for what is not plain, which
 * holds nothing that xtext would encode: so they can go to each next hop, with SMTPUTF8 or without.
 */
import { hasHiddenCharacter } from "../mail/mod.ts";

const FORM = /^(?:[!-*,-<>-[\]-~]|\\x\{[0-9A-F]{2,6}\}|[\u{a0}-\u{10ffff}])+$/u;
const ESCAPE = /\\x\{([0-9A-F]+)\}/g;

/** The address in 7-bit form; undefined where it is none. @param raw whether it may hold characters beyond ASCII */
export function utf8AddressTo7Bit(text: string, raw: boolean): string | undefined {
  if (!FORM.test(text) || hasHiddenCharacter(text)) return undefined;
  for (const [, hex = ""] of text.matchAll(ESCAPE)) {
    const point = Number.parseInt(hex, 16);
    // What must not stand in an address must not by being written in digits either.
    if (point > 0x10ffff || hasHiddenCharacter(String.fromCodePoint(point))) return undefined;
  }
  const ascii = text.replace(
    /[^\0-\x7f]/gu,
    (character) => `\\x{${character.codePointAt(0)?.toString(16).toUpperCase()}}`,
  );
  return ascii === text || raw ? ascii : undefined;
}
