/**
 * The arguments of XCLIENT, as Postfix's XCLIENT_README has them: a relay or a proxy in front says who its client is.
 * Pure. LOGIN is refused with a value: nothing here can take a login for proven.
 */
import { isIP } from "node:net";
import { canonicalIp } from "./client-address.ts";
import { decodeXtext } from "./xtext.ts";

/** What is offered in EHLO. */
export const XCLIENT_KEYWORD = "XCLIENT NAME ADDR PORT PROTO HELO DESTADDR DESTPORT";

/** What was said; absent where it was not, null where it is not known ("[UNAVAILABLE]", "[TEMPUNAVAIL]"). */
export interface XclientAttributes {
  /** Host name by reverse DNS. */
  readonly name?: string | null;
  readonly addr?: string | null;
  readonly port?: number | null;
  readonly proto?: "SMTP" | "ESMTP" | null;
  readonly helo?: string | null;
  readonly login?: null;
  readonly destaddr?: string | null;
  readonly destport?: number | null;
}

const ATTRIBUTES_MAX = 8;
const NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,254})$/;
const HELO = /^[\x21-\x7e]{1,255}$/;

const READERS: { readonly [K in keyof Required<XclientAttributes>]: (text: string) => unknown } = {
  name: (text) => (NAME.test(text) ? text : undefined),
  addr: readAddress,
  port: readPort,
  proto: (text) => (/^E?SMTP$/i.test(text) ? text.toUpperCase() : undefined),
  helo: (text) => (HELO.test(text) ? text : undefined),
  login: () => undefined,
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
    const read = /^\[(?:UNAVAILABLE|TEMPUNAVAIL)\]$/i.test(value)
      ? null
      : READERS[key as keyof XclientAttributes](value);
    if (read === undefined) return undefined;
    attributes[key] = read;
  }
  return attributes;
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
