/** The arguments of XCLIENT and XFORWARD, as Postfix's readmes of the two have them: names with values in xtext. Pure. */
import { isIP } from "node:net";
import { canonicalIp } from "../mail/mod.ts";
import { decodeXtext } from "./xtext.ts";

/** Of one command; there are no more names than that, and each comes once. */
const ATTRIBUTES_MAX = 9;

/**
 * Reads "NAME=value" words; undefined where anything of them is wrong.
 *
 * @param read gives what a value means, by its name in lower case; null: it is not known; undefined: it is wrong
 */
export function readAttributes(
  text: string,
  read: (name: string, value: string) => unknown,
): { readonly [name: string]: unknown } | undefined {
  const words = text.split(" ").filter((word) => word !== "");
  if (words.length === 0 || words.length > ATTRIBUTES_MAX) return undefined;
  const attributes: { [name: string]: unknown } = {};
  for (const word of words) {
    const equals = word.indexOf("=");
    const name = word.slice(0, Math.max(equals, 0)).toLowerCase();
    const value = decodeXtext(word.slice(equals + 1));
    if (value === undefined || Object.hasOwn(attributes, name)) return undefined;
    const meant = read(name, value);
    if (meant === undefined) return undefined;
    attributes[name] = meant;
  }
  return attributes;
}

/** An address; IPv6 has a lead, and only IPv6 may have it. */
export function readAddress(text: string): string | undefined {
  const v6 = /^IPV6:/i.test(text);
  const ip = v6 ? text.slice(5) : text;
  return isIP(ip) === (v6 ? 6 : 4) && !ip.includes("%") ? canonicalIp(ip) : undefined;
}

/** A port in decimal. */
export function readPort(text: string): number | undefined {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined;
}
