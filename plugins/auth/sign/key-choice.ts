/**
 * Which keys sign a message: those of the domain of its From field, of the nearest domain above it that signs for those
 * below, or of the fall-back. A From that readers may take for one of several domains is nobody's.
 */
import { domainToAscii, type HeaderView, type Mailbox } from "postern";
import { isDisguised } from "../look-alike.ts";
import { isBelow } from "./sign-options.ts";

/** What of a key the choice is made by. */
export interface DomainKey {
  /** In A-labels and lower case. */
  readonly domain: string;
  readonly subdomains: boolean;
  readonly identity?: string | undefined;
}

/** The keys to sign with, and the author of the message; or why there are none. */
export type Choice<K> =
  | { readonly keys: readonly K[]; readonly author: Mailbox }
  | { readonly keys?: undefined; readonly reason: string };

/** Makes the choice for keys that do not change. */
export function keyChoice<K extends DomainKey>(
  keys: readonly K[],
  fallback: string | undefined,
): (header: HeaderView) => Choice<K> {
  const byDomain = new Map<string, K[]>();
  for (const key of keys) byDomain.set(key.domain, [...(byDomain.get(key.domain) ?? []), key]);
  const keysFor = (domain: string): readonly K[] | undefined => {
    const own = byDomain.get(domain);
    if (own) return own;
    for (let dot = domain.indexOf("."); dot >= 0; dot = domain.indexOf(".", dot + 1)) {
      const above = byDomain.get(domain.slice(dot + 1))?.filter(({ subdomains }) => subdomains);
      if (above?.length) return above;
    }
    return fallback === undefined ? undefined : byDomain.get(fallback);
  };
  return (header) => {
    const { mailboxes, malformed } = header.addresses("From");
    const [author] = mailboxes;
    // RFC 5322 3.6: one field. With more of them each reader shows another one.
    if (header.all("From").length !== 1) return { reason: "not one From field" };
    if (isDisguised(header, "from")) return { reason: "a line that some readers take for a From field" };
    if (malformed || !author) return { reason: "the From field can not be read" };
    const domain = domainToAscii(author.domain);
    if (domain === undefined) return { reason: "the domain of the From field can not be read" };
    if (mailboxes.some((other) => domainToAscii(other.domain) !== domain))
      return { reason: "the From field has several domains" };
    const found = keysFor(domain);
    return found ? { keys: found, author } : { reason: `there is no key for ${domain}` };
  };
}

/** `i=` of a key for a message, encoded; undefined: none (RFC 6376 3.5). */
export function identityOf({ domain, identity }: DomainKey, author: Mailbox): string | undefined {
  if (identity === undefined) return undefined;
  if (identity !== "headerFrom") return encodeIdentity(identity);
  return isBelow(domainToAscii(author.domain) ?? "", domain) ? encodeIdentity(author.address) : undefined;
}

function encodeIdentity(address: string): string {
  const at = address.lastIndexOf("@");
  const encoded = quotedPrintable(address.slice(0, at));
  return `${encoded}@${domainToAscii(address.slice(at + 1)) ?? ""}`;
}

/** RFC 6376 2.11, dkim-quoted-printable: UTF-8, and all that is no dkim-safe-char by its hex digits. */
function quotedPrintable(text: string): string {
  let encoded = "";
  for (const octet of encoder.encode(text)) {
    const safe = octet >= 0x21 && octet <= 0x7e && octet !== SEMICOLON && octet !== EQUALS;
    encoded += safe ? String.fromCharCode(octet) : `=${octet.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

const encoder = new TextEncoder();
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
