/** Networks in CIDR form (RFC 4632, RFC 4291 2.3). */

/** The octets of an IP address; undefined when it is none. */
function octetsOf(ip: string): readonly number[] | undefined {
  if (ip.includes(":")) return octetsOf6(ip);
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(ip);
  const octets = match?.slice(1).map(Number);
  return octets?.every((octet) => octet < 256) ? octets : undefined;
}

function octetsOf6(ip: string): readonly number[] | undefined {
  if (!/^[0-9a-f:.]{2,45}$/i.test(ip)) return undefined;
  let text: string;
  try {
    text = new URL(`http://[${ip}]/`).hostname.slice(1, -1);
  } catch {
    return undefined;
  }
  const [head = "", tail] = text.split("::");
  const groups = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const all = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
  const mapped = all.slice(0, 5).every((group) => group === 0) && all[5] === 0xffff;
  return (mapped ? all.slice(6) : all).flatMap((group) => [group >> 8, group & 255]);
}

/** Whether an address is in a network. */
export type Network = (ip: string) => boolean;

/** Reads `address` or `address/bits`; undefined when it is neither. IPv4-mapped addresses are IPv4. */
export function parseNetwork(text: string): Network | undefined {
  const [address = "", length, ...rest] = text.split("/");
  const octets = octetsOf(address);
  if (!octets || rest.length > 0 || (length !== undefined && !/^\d{1,3}$/.test(length))) return undefined;
  const bits = length === undefined ? octets.length * 8 : Number(length);
  if (bits > octets.length * 8) return undefined;
  return (ip) => {
    const other = octetsOf(ip);
    if (other?.length !== octets.length) return false;
    for (let i = 0; i * 8 < bits; i++) {
      const mask = bits - i * 8 >= 8 ? 255 : (0xff << (8 - (bits - i * 8))) & 255;
      if (((octets[i] ?? 0) & mask) !== ((other[i] ?? 0) & mask)) return false;
    }
    return true;
  };
}
