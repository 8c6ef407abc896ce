/** Ranges of addresses in CIDR notation (RFC 4632, RFC 4291 2.3). */

/** An address as its octets: 4 or 16; undefined when it is none. IPv4-mapped IPv6 reads as IPv4. */
export function addressOctets(text: string): readonly number[] | undefined {
  const bare = text.toLowerCase().split("%")[0] ?? "";
  if (!bare.includes(":")) return ipv4Octets(bare);
  const tail = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(bare);
  let source = bare;
  if (tail) {
    const four = ipv4Octets(tail[2]!);
    if (!four) return undefined;
    const [a, b, c, d] = four as [number, number, number, number];
    source = `${tail[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const halves = source.split("::");
  if (halves.length > 2) return undefined;
  const groups = (half: string | undefined) => (half ? half.split(":") : []);
  const left = groups(halves[0]);
  const right = groups(halves[1]);
  const gap = 8 - left.length - right.length;
  if (halves.length === 2 ? gap < 1 : gap !== 0) return undefined;
  const all = [...left, ...(new Array(halves.length === 2 ? gap : 0).fill("0") as string[]), ...right];
  const octets: number[] = [];
  for (const group of all) {
    if (!/^[0-9a-f]{1,4}$/.test(group)) return undefined;
    const value = Number.parseInt(group, 16);
    octets.push(value >> 8, value & 255);
  }
  const mapped = octets.slice(0, 10).every((o) => o === 0) && octets[10] === 255 && octets[11] === 255;
  return mapped ? octets.slice(12) : octets;
}

/** An address in its shortest form (RFC 5952); IPv4-mapped IPv6 is IPv4. @param ip a valid one, without a scope */
export function canonicalIp(ip: string): string {
  const octets = addressOctets(ip);
  if (octets?.length === 4) return octets.join(".");
  return new URL(`http://[${ip}]`).hostname.slice(1, -1);
}

function ipv4Octets(text: string): readonly number[] | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined;
  return parts.map(Number);
}

interface Range {
  readonly octets: readonly number[];
  readonly bits: number;
}

function parseRange(cidr: string): Range | undefined {
  const slash = cidr.indexOf("/");
  const octets = addressOctets(slash < 0 ? cidr : cidr.slice(0, slash));
  if (!octets) return undefined;
  const most = octets.length * 8;
  const length = slash < 0 ? String(most) : cidr.slice(slash + 1);
  // Digits only: Number("") is 0, and "10.0.0.0/" would hold every address.
  if (!/^\d{1,3}$/.test(length) || Number(length) > most) return undefined;
  return { octets, bits: Number(length) };
}

/** Whether a text is an address or a range of addresses ("192.0.2.0/24"). */
export const isNetwork = (cidr: string): boolean => parseRange(cidr) !== undefined;

/** Makes a test of addresses against ranges; ranges that do not parse hold nothing. */
export function networkMatcher(cidrs: readonly string[]): (ip: string) => boolean {
  const ranges = cidrs.map(parseRange).filter((range) => range !== undefined);
  if (ranges.length === 0) return () => false;
  return (ip) => {
    const octets = addressOctets(ip);
    return octets !== undefined && ranges.some((range) => inRange(octets, range));
  };
}

function inRange(octets: readonly number[], { octets: base, bits }: Range): boolean {
  if (octets.length !== base.length) return false;
  for (let i = 0, left = bits; left > 0; i++, left -= 8) {
    const mask = left >= 8 ? 255 : (255 << (8 - left)) & 255;
    if ((octets[i]! & mask) !== (base[i]! & mask)) return false;
  }
  return true;
}
