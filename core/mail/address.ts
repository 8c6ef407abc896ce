/**
 * Addresses of the envelope: the paths of RFC 5321 4.1.2, with RFC 6531 3.3 where SMTPUTF8 is in use.
 * The addresses of header fields are in header-address.ts, domains in domain.ts.
 */
import { domainToAscii } from "./domain.ts";
import { hasHiddenCharacter } from "./hidden-characters.ts";

/** A mailbox of the envelope. */
export interface Address {
  /**
   * The path as it came, without angle brackets and without a source route. It always parses again to this address;
   * `pathText` gives it as it goes to the next hop.
   */
  readonly text: string;
  /** The local part as meant: quotes and backslashes taken off. Letter case is kept (RFC 5321 2.4). */
  readonly localPart: string;
  /** The domain as it came; "" only for the `<postmaster>` of RCPT (RFC 5321 4.5.1). */
  readonly domain: string;
  /** The domain for look-ups, logs and comparison: A-labels in lower case, or an address literal as `[192.0.2.1]`. */
  readonly domainAscii: string;
  /** Exactly what the client sent, where that is not the grammar's and a lenient listener took it. Not for the wire. */
  readonly raw?: string;
}

/** A null reverse-path is `null`, written `<>`. */
export type ReversePath = Address | null;

/** Why a path is none, in words fit for a reply; never holds what the client sent. */
export interface PathFault {
  readonly fault: string;
}

/** Octets of a local part as written, quotes included (RFC 5321 4.5.3.1.1). */
export const localPartBytesMax = 64;
/** Octets of a path with its angle brackets and source route (RFC 5321 4.5.3.1.3). */
export const pathBytesMax = 256;

// RFC 5321 4.1.2, and RFC 6531 3.3 for what is not ASCII.
const dotString =
  /^[\w!#$%&'*+/=?^`{|}~\u0080-\u{10ffff}-]+(?:\.[\w!#$%&'*+/=?^`{|}~\u0080-\u{10ffff}-]+)*$/u;
const quotedString = /^"(?:[ !#-[\]-~\u0080-\u{10ffff}]|\\[ -~])*"$/u;
const sourceRouteStep = /@(\[[^[\]<>@,]*\]|[^@,:<>[\]\s"]+)([,:])/y;
const encoder = new TextEncoder();

/**
 * Parses the path of MAIL or RCPT, angle brackets included. A source route is checked and dropped (RFC 5321 4.1.1.3).
 *
 * @param options.kind "forward" (default): `<postmaster>` is an address without domain and `<>` a fault; "reverse":
 * `<>` is `null`
 */
export function parsePath(text: string, options: { readonly kind: "reverse" }): ReversePath | PathFault;
export function parsePath(text: string, options?: { readonly kind?: "forward" }): Address | PathFault;
export function parsePath(
  text: string,
  options?: { readonly kind?: "reverse" | "forward" },
): Address | null | PathFault;
export function parsePath(
  text: string,
  options?: { readonly kind?: "reverse" | "forward" },
): Address | null | PathFault {
  if (!text.startsWith("<") || !text.endsWith(">") || text.length < 2)
    return fault("no angle brackets around it");
  if (octets(text, pathBytesMax) > pathBytesMax) return fault(`longer than ${pathBytesMax} octets`);
  const reverse = options?.kind === "reverse";
  if (text === "<>") return reverse ? null : fault("empty");
  let at = 1;
  if (text[1] === "@") {
    const end = sourceRouteEnd(text);
    if (end === undefined) return fault("source route does not parse");
    at = end;
  }
  const mailbox = text.slice(at, -1);
  // RFC 5321 4.5.1: without a domain, and without letter case.
  if (!reverse && at === 1 && mailbox.toLowerCase() === "postmaster") {
    return { text: mailbox, localPart: mailbox, domain: "", domainAscii: "" };
  }
  return parseAddress(mailbox);
}

/** Parses `local@domain` without angle brackets, as in a config. */
export function parseAddress(text: string): Address | PathFault {
  if (text.length > pathBytesMax) return fault(`longer than ${pathBytesMax} octets`);
  // Quoted local parts may hold "@", domains never do: the last one parts them.
  const at = text.lastIndexOf("@");
  if (at < 0) return fault("no domain");
  const local = text.slice(0, at);
  const domain = text.slice(at + 1);
  if (local === "") return fault("empty local part");
  if (octets(local, localPartBytesMax) > localPartBytesMax) {
    return fault(`local part longer than ${localPartBytesMax} octets`);
  }
  const quoted = local.startsWith('"');
  if (!(quoted ? quotedString : dotString).test(local)) return fault("local part does not parse");
  if (hasHiddenCharacter(local)) return fault("forbidden character in local part");
  const domainAscii = domainToAscii(domain);
  if (domainAscii === undefined) return fault("domain does not parse");
  return {
    text,
    localPart: quoted ? local.slice(1, -1).replace(/\\(.)/gu, "$1") : local,
    domain,
    domainAscii,
  };
}

/** True when parsing gave a fault. */
export function isPathFault(parsed: Address | null | PathFault): parsed is PathFault {
  return parsed !== null && "fault" in parsed;
}

/**
 * The address of a local part as meant and a domain; quotes are put where they are needed.
 *
 * @throws RangeError when there is no such address: controls in the local part, a bad domain, too long
 */
export function makeAddress(localPart: string, domain: string): Address {
  const local = dotString.test(localPart) ? localPart : `"${localPart.replace(/["\\]/g, "\\$&")}"`;
  const made = parseAddress(`${local}@${domain}`);
  if (isPathFault(made)) throw new RangeError(`no address: ${made.fault}`);
  return made;
}

/** The path as next hops, logs and traces get it: the local part as it came, a domain beyond ASCII in A-labels. */
export function pathText({ text, domain, domainAscii }: Address): string {
  return isAscii(domain) ? text : text.slice(0, text.lastIndexOf("@") + 1) + domainAscii;
}

/** The form by which two addresses are compared: local part as meant, domain in A-labels and lower case. */
export function addressKey(address: Address): string {
  return `${address.localPart}@${address.domainAscii}`;
}

/** The offset after the route's colon, or undefined when it does not parse. */
function sourceRouteEnd(text: string): number | undefined {
  sourceRouteStep.lastIndex = 1;
  for (;;) {
    const step = sourceRouteStep.exec(text);
    if (step === null || domainToAscii(step[1] ?? "") === undefined) return undefined;
    if (step[2] === ":") return sourceRouteStep.lastIndex;
  }
}

/** UTF-8 octets; past `max` units the exact number does not matter. */
function octets(text: string, max: number): number {
  return text.length > max || text.length * 3 <= max ? text.length : encoder.encode(text).length;
}

function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text);
}

function fault(words: string): PathFault {
  return { fault: words };
}
