/**
 * The arguments of XCLIENT, as Postfix's XCLIENT_README has them: a relay or a proxy in front says who its client is.
 * Pure.
 */
import { readAddress, readAttributes, readPort } from "./attributes.ts";

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
  let nameUnanswered = false;
  const attributes = readAttributes(text, (key, value) => {
    if (!Object.hasOwn(READERS, key)) return undefined;
    if (!UNKNOWN.test(value)) return READERS[key as keyof typeof READERS](value);
    if (key === "name" && /^\[T/i.test(value)) nameUnanswered = true;
    return null;
  });
  return attributes && nameUnanswered ? { ...attributes, nameUnanswered } : attributes;
}

function readName(text: string): string | undefined {
  return NAME.test(text) ? text : undefined;
}
