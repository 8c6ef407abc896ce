/** The names by which DNS is asked about an address: in-addr.arpa and ip6.arpa (RFC 1035 3.5, 3596 2.5), and lists (RFC 5782 2). */
import { addressOctets } from "./networks.ts";

/** Octets of IPv4 or nibbles of IPv6 from the last to the first, with dots; undefined for what is no address. */
export function reversedAddress(
  ip: string,
): { readonly labels: string; readonly version: 4 | 6 } | undefined {
  const octets = addressOctets(ip);
  if (octets === undefined) return undefined;
  if (octets.length === 4) return { labels: octets.toReversed().join("."), version: 4 };
  const nibbles = octets.flatMap((octet) => [octet >> 4, octet & 15]);
  return {
    labels: nibbles
      .toReversed()
      .map((nibble) => nibble.toString(16))
      .join("."),
    version: 6,
  };
}

/** The name whose PTR records an address has; undefined for what is no address. */
export function reverseName(ip: string): string | undefined {
  const reversed = reversedAddress(ip);
  return reversed && `${reversed.labels}.${reversed.version === 4 ? "in-addr" : "ip6"}.arpa`;
}
