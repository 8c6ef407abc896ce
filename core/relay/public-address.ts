/**
 * Which addresses a name that strangers choose may lead to. A domain's MX records, and address literals, name whatever
 * their writer wants: without this list anybody could have the gateway speak to the servers behind it.
 */
import { addressOctets, networkMatcher } from "../mail/mod.ts";

/** Whether an address is always that of this machine: loopback, and the unspecified one, which connects there too. */
export const isThisMachine = networkMatcher(["127.0.0.0/8", "0.0.0.0/8", "::1", "::"]);

/** IPv4 that is not everybody's (RFC 6890), with multicast and what lies behind it. */
const isInner = networkMatcher([
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"],
  ...["192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3"],
]);
/** Global unicast, all that IANA gives out (RFC 4291 2.4); ULA, link-local, multicast and the rest are not in it. */
const isGlobal = networkMatcher(["2000::/3"]);
/** IPv4 in the last octets: the translators' well-known prefix (RFC 6052 2.1). */
const isTranslated = networkMatcher(["64:ff9b::/96"]);
/** IPv4 behind the first two octets: 6to4 (RFC 3056 2). */
const is6to4 = networkMatcher(["2002::/16"]);
/** Tunnels whose far end the address names (RFC 4380). */
const isTunnel = networkMatcher(["2001::/32"]);

/** Whether an address is one of the public Internet, also by the IPv4 address that is in it. False for what is none. */
export function isPublicAddress(ip: string): boolean {
  const octets = addressOctets(ip);
  if (octets === undefined) return false;
  // IPv4-mapped addresses read as IPv4.
  if (octets.length === 4) return !isInner(ip);
  if (isTranslated(ip)) return !isInner(octets.slice(12).join("."));
  if (is6to4(ip)) return !isInner(octets.slice(2, 6).join("."));
  return isGlobal(ip) && !isTunnel(ip);
}
