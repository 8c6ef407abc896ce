/**
 * Domains of addresses: names in ASCII or Unicode (RFC 5890) and address literals (RFC 5321 4.1.3). The mapping of
 * Unicode to A-labels (UTS #46) is that of the platform's URL parser; what that parser would read as something else
 * than a host name is refused before it gets there. Of IDNA2008 (RFC 5891 to 5893) an A-label is held against the mapping
 * of what it decodes to, and so against the mapping's own rules; the code points that RFC 5892 disallows and UTS #46 does
 * not (symbols, emoji), its contextual rules beyond those for joiners, which are refused here everywhere, and the rules
 * of direction for a name as a whole are not. Nothing is looked up here.
 */
import { hasHiddenCharacter } from "./hidden-characters.ts";
import { decodePunycode } from "./punycode.ts";

/** Octets of a domain (RFC 5321 4.5.3.1.2). */
export const domainBytesMax = 255;

// RFC 5321 4.1.2, and "_", which some senders' host names have and which means nothing anywhere.
const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
// What would end a host in a URL, or be decoded there.
const urlSyntax = /[ %/\\?#@:<>[\]^|]/;
const octet = /^(?:0|[1-9]\d{0,2})$/;

/**
 * The domain in A-labels and lower case, or the address literal in its normal form (`[192.0.2.1]`,
 * `[IPv6:2001:db8::1]`). Undefined when it is no domain: empty labels, a trailing dot, forbidden characters, a name
 * of digits only, A-labels that do not decode, too long.
 */
export function domainToAscii(domain: string): string | undefined {
  if (domain === "" || domain.length > domainBytesMax) return undefined;
  if (domain.startsWith("[")) return literalToAscii(domain);
  const plain = /^[ -~]*$/.test(domain);
  if (!plain && isNoName(domain)) return undefined;
  const lower = plain ? domain.toLowerCase() : hostOf(domain);
  if (lower === undefined || lower.length > domainBytesMax) return undefined;
  const labels = lower.split(".");
  // The mapping turns U+3002 and its like into dots: a label more than was written is another domain than was read.
  if (!plain && labels.length !== domain.split(".").length) return undefined;
  if (!labels.every((one) => label.test(one))) return undefined;
  // RFC 1123 2.1: a last label of digits is an address, which needs its brackets here.
  if (/^\d+$/.test(labels[labels.length - 1] ?? "")) return undefined;
  if (!plain && mapsToAscii(domain.split("."), labels)) return undefined;
  if (labels.some((one) => one.startsWith("xn--") && !isALabel(one))) return undefined;
  return lower;
}

/** True where a label that is not ASCII became ASCII, as full-width letters do: it would pass for a domain it is not. */
function mapsToAscii(written: readonly string[], labels: readonly string[]): boolean {
  return labels.some((one, n) => !one.startsWith("xn--") && !/^[ -~]*$/.test(written[n] ?? ""));
}

/** What UTS #46 drops without a word would make two spellings of one domain. */
function isNoName(text: string): boolean {
  return hasHiddenCharacter(text) || urlSyntax.test(text);
}

/** RFC 5890 2.3.2.1: an A-label decodes to a label that encodes to the same. Not every URL parser looks. */
function isALabel(one: string): boolean {
  const decoded = decodePunycode(one.slice(4));
  return decoded !== undefined && !isNoName(decoded) && !/^[ -~]*$/.test(decoded) && hostOf(decoded) === one;
}

function literalToAscii(domain: string): string | undefined {
  if (!domain.endsWith("]")) return undefined;
  const inside = domain.slice(1, -1);
  if (/^ipv6:[0-9a-f:.]{2,45}$/i.test(inside)) {
    const host = hostOf(`[${inside.slice(5)}]`);
    return host === undefined ? undefined : `[IPv6:${host.slice(1, -1)}]`;
  }
  const octets = inside.split(".");
  if (octets.length !== 4 || !octets.every((one) => octet.test(one) && Number(one) <= 255)) return undefined;
  return domain;
}

function hostOf(name: string): string | undefined {
  try {
    return new URL(`http://${name}/`).hostname;
  } catch {
    return undefined;
  }
}
