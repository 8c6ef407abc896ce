/**
 * The client of whom a trusted upstream had the message: the one that its Received field names (RFC 5321 4.4). An
 * upstream is a server in front of us that speaks no PROXY and no XCLIENT. Pure. What a field says grants nothing: the
 * client is no more trusted than the upstream that named it, and nobody is asked for relaying by it.
 */
import { addressOctets, canonicalIp, type HeaderView } from "../mail/mod.ts";
import type { Client } from "../pipeline/mod.ts";

/** Received fields that are read of one message: more servers of one's own in a row are a mistake. */
export const UPSTREAM_FIELDS_MAX = 10;
/** Characters of a field that are looked at: the client stands at its begin. */
const FIELD_CHARACTERS_MAX = 1_000;
/** Comments of a field that are looked at. */
const COMMENTS_MAX = 2;

/** Which addresses are whose, by the listener that took the session. */
export interface UpstreamNetworks {
  readonly isUpstream: (ip: string) => boolean;
  readonly trusts: (ip: string) => boolean;
}

/**
 * Walks down the Received fields while the client that one names is an upstream too. The first that is none is the true
 * client; where none is named, the mail began at the last upstream that is known.
 *
 * @param header of the message as it came in
 * @param peer the client of the session, which is an upstream
 */
export function trueClientOf(header: HeaderView, peer: Client, networks: UpstreamNetworks): Client {
  let ip = peer.ip;
  for (const { value } of header.all("received").slice(0, UPSTREAM_FIELDS_MAX)) {
    const named = clientOfReceived(value);
    if (named === undefined) break;
    const goesOn = networks.isUpstream(named);
    // It is the upstream's own loopback, and not ours: the mail began on that server, or a filter beside it gave it
    // back, of which the config tells by listing loopback.
    if (!isLoopback(named)) ip = named;
    if (!goesOn) break;
  }
  if (ip === peer.ip) return peer;
  return { ip, port: 0, trusted: peer.trusted && networks.trusts(ip), via: peer.ip };
}

const isLoopback = (ip: string): boolean => ip === "::1" || ip.startsWith("127.");

const LITERAL = String.raw`\[([^\][\s]{1,60})\](?::\d{1,5})?`;
/** Exim of a client whose name is known, Postern: "([192.0.2.1] helo=x)". */
const FIRST = new RegExp(`^${LITERAL}(?:\\s|$)`);
/** Postfix, Sendmail, RFC 5321 4.4: "(name [192.0.2.1])". */
const AFTER_NAME = new RegExp(`^[^\\s[\\]]{1,255}\\s*${LITERAL}(?:\\s|$)`);
/** Exim of a client without a name: "from [192.0.2.1] (helo=x)". */
const ALONE = new RegExp(`^${LITERAL}$`);
/** Exchange: "(192.0.2.1)"; qmail: "(ident@192.0.2.1)". */
const BARE = /^(?:[^\s@]{1,255}@)?([0-9a-fA-F:.]{2,45})$/;
/** What the client said, which may look like an address: "(helo=[192.0.2.1])", "(HELO 192.0.2.1)". */
const SAID = /^(?:helo|ehlo|port|ident)[=\s]/i;

/**
 * The address of the client that a field names; undefined where it names none, or in no way that is known. What the
 * client could write into it (its HELO name) is never taken for the address. In linear time.
 */
export function clientOfReceived(field: string): string | undefined {
  const text = field.slice(0, FIELD_CHARACTERS_MAX).trimStart();
  const from = /^from\s+([^\s(]{1,255})\s*(?=\()/i.exec(text);
  if (!from) return undefined;
  const [lead, name = ""] = from;
  const [first = "", second = ""] = commentsAt(text, lead.length);
  if (!SAID.test(first)) return address(FIRST.exec(first) ?? AFTER_NAME.exec(first) ?? BARE.exec(first));
  return address(ALONE.exec(name) ?? FIRST.exec(second) ?? BARE.exec(second));
}

/** The texts of the comments that follow each other from here (RFC 5322 3.2.2), outer brackets taken off. */
function commentsAt(text: string, start: number): readonly string[] {
  const comments: string[] = [];
  let at = start;
  while (comments.length < COMMENTS_MAX) {
    while (/\s/.test(text[at] ?? "")) at += 1;
    if (text[at] !== "(") return comments;
    const end = commentEnd(text, at);
    // One without an end could be anything that the client made of it.
    if (end === undefined) return comments;
    comments.push(text.slice(at + 1, end).trim());
    at = end + 1;
  }
  return comments;
}

function commentEnd(text: string, start: number): number | undefined {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const character = text[at];
    if (character === "\\") at += 1;
    else if (character === "(") depth += 1;
    else if (character === ")") {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return undefined;
}

function address(found: RegExpExecArray | null): string | undefined {
  const text = found?.[1]?.replace(/^IPv6:/i, "");
  if (text === undefined || text.includes("%") || addressOctets(text) === undefined) return undefined;
  return canonicalIp(text);
}
