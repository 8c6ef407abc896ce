/**
 * The arguments of XCLIENT, as Postfix's XCLIENT_README has them: a relay or a proxy in front says who its client is.
 * Pure.
 */
import { isIP } from "node:net";
import { canonicalIp } from "../mail/mod.ts";
import { decodeXtext } from "./xtext.ts";

/** What is offered in EHLO. */
export const XCLIENT_KEYWORD = "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT REVERSE_NAME";

/** What was said; absent where it was not, null where there is none ("[UNAVAILABLE]") or it is not known. */
export interface XclientAttributes {
  /** Host name by reverse DNS, confirmed. */
  readonly name?: string | null;
  /** "[TEMPUNAVAIL]" in place of the name: it was looked up, and DNS did not answer. */
  readonly nameUnanswered?: true;
  /** What reverse DNS says, confirmed or not. */
  readonly reverse_name?: string | null;
  readonly addr?: string | null;
  readonly port?: number | null;
  readonly proto?: "SMTP" | "ESMTP" | null;
  readonly helo?: string | null;
  /** Who the client logged in as, in printable ASCII. */
  readonly login?: string | null;
  readonly destaddr?: string | null;
  readonly destport?: number | null;
}

const ATTRIBUTES_MAX = 9;
const NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,254})$/;
const HELO = /^[\x21-\x7e]{1,255}$/;
const LOGIN = /^[\x20-\x7e]{1,255}$/;
const UNKNOWN = /^\[(?:UNAVAILABLE|TEMPUNAVAIL)\]$/i;

const READERS: {
  readonly [K in Exclude<keyof XclientAttributes, "nameUnanswered">]-?: (text: string) => unknown;
} = {
  name: readName,
  reverse_name: readName,
  addr: readAddress,
  port: readPort,
  proto: (text) => (/^E?SMTP$/i.test(text) ? text.toUpperCase() : undefined),
  helo: (text) => (HELO.test(text) ? text : undefined),
  login: (text) => (LOGIN.test(text) && text.trim() !== "" ? text : undefined),
  destaddr: readAddress,
  destport: readPort,
};

/** Reads what stands behind "XCLIENT"; undefined where anything of it is wrong, and then nothing counts. */
export function parseXclient(text: string): XclientAttributes | undefined {
  const words = text.split(" ").filter((word) => word !== "");
  if (words.length === 0 || words.length > ATTRIBUTES_MAX) return undefined;
  const attributes: { [name: string]: unknown } = {};
  for (const word of words) {
    const equals = word.indexOf("=");
    const key = word.slice(0, Math.max(equals, 0)).toLowerCase();
    if (!Object.hasOwn(READERS, key) || Object.hasOwn(attributes, key)) return undefined;
    const value = decodeXtext(word.slice(equals + 1));
    if (value === undefined) return undefined;
    const read = UNKNOWN.test(value) ? null : READERS[key as keyof typeof READERS](value);
    if (read === undefined) return undefined;
    attributes[key] = read;
    if (key === "name" && /^\[T/i.test(value)) attributes.nameUnanswered = true;
  }
  return attributes;
}

function readName(text: string): string | undefined {
  return NAME.test(text) ? text : undefined;
}

// IPv6 has a lead, and only IPv6 may have it.
function readAddress(text: string): string | undefined {
  const v6 = /^IPV6:/i.test(text);
  const ip = v6 ? text.slice(5) : text;
  return isIP(ip) === (v6 ? 6 : 4) && !ip.includes("%") ? canonicalIp(ip) : undefined;
}

function readPort(text: string): number | undefined {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined;
}
