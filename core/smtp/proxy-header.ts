/**
 * The header of the PROXY protocol, versions 1 and 2, as HAProxy's proxy-protocol.txt has it: who the client of a
 * proxy is. Pure. The protocol's TLVs are stepped over. Whose header is read is decided elsewhere: it is not
 * authenticated in any way.
 */
import { isIPv4, isIPv6 } from "node:net";
import { addressOctets } from "../mail/mod.ts";

/** An end of the connection that the proxy took. */
export interface ProxyEnd {
  readonly ip: string;
  readonly port: number;
}

/** What a header says. `local`: the proxy speaks for itself. `unknown`: for a client that it can not name. */
export type ProxyHeader =
  | { readonly kind: "local" | "unknown"; readonly bytes: number }
  | {
      readonly kind: "proxied";
      /** Octets of the header. */
      readonly bytes: number;
      readonly source: ProxyEnd;
      readonly destination: ProxyEnd;
    };

const V1_LEAD = Buffer.from("PROXY ");
/** With its CRLF, as long as the longest that can be made. */
const V1_BYTES_MAX = 107;
const V1 = /^PROXY (TCP4|TCP6) ([0-9A-Fa-f.:]{2,39}) ([0-9A-Fa-f.:]{2,39}) (\d{1,5}) (\d{1,5})$/;
const V2_LEAD = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const V2_FIXED_BYTES = 16;
/** Room for a client certificate's names in TLVs; the length field could say 64 KB. */
const V2_BYTES_MAX = 4096;
const TCP4 = 0x11;
const TCP6 = 0x21;
const UNIX = 0x31;

/** Reads the header at the beginning of what has come so far: "more" where it is not whole yet. */
export function parseProxyHeader(octets: Buffer): ProxyHeader | "more" | "malformed" {
  if (startsAlike(octets, V2_LEAD)) return octets.length < V2_FIXED_BYTES ? "more" : parseV2(octets);
  if (startsAlike(octets, V1_LEAD)) return parseV1(octets);
  return "malformed";
}

function startsAlike(octets: Buffer, lead: Buffer): boolean {
  const length = Math.min(octets.length, lead.length);
  return octets.compare(lead, 0, length, 0, length) === 0;
}

function parseV1(octets: Buffer): ProxyHeader | "more" | "malformed" {
  const end = octets.subarray(0, V1_BYTES_MAX).indexOf("\r\n");
  if (end === -1) return octets.length < V1_BYTES_MAX ? "more" : "malformed";
  const bytes = end + 2;
  const line = octets.toString("latin1", 0, end);
  if (line === "PROXY UNKNOWN" || line.startsWith("PROXY UNKNOWN ")) return { kind: "unknown", bytes };
  const [, family, from = "", to = "", fromPort = "", toPort = ""] = V1.exec(line) ?? [];
  if (family === undefined) return "malformed";
  const isIp = family === "TCP4" ? isIPv4 : isIPv6;
  if (!isIp(from) || !isIp(to) || !isPort(fromPort) || !isPort(toPort)) return "malformed";
  return {
    ...{ kind: "proxied", bytes, source: { ip: from, port: Number(fromPort) } },
    destination: { ip: to, port: Number(toPort) },
  };
}

const isPort = (digits: string): boolean => /^(?:0|[1-9]\d*)$/.test(digits) && Number(digits) <= 65_535;

function parseV2(octets: Buffer): ProxyHeader | "more" | "malformed" {
  const bytes = V2_FIXED_BYTES + octets.readUInt16BE(14);
  if (bytes > V2_BYTES_MAX) return "malformed";
  const versionAndCommand = octets[12];
  if (versionAndCommand !== 0x20 && versionAndCommand !== 0x21) return "malformed";
  const family = octets[13];
  const length = bytes - V2_FIXED_BYTES;
  const local = versionAndCommand === 0x20;
  if (!local && length < addressBytes(family)) return "malformed";
  if (octets.length < bytes) return "more";
  // Whatever a LOCAL header says of addresses must be thrown away.
  if (local) return { kind: "local", bytes };
  if (family === TCP4) {
    const ip = (at: number): string => octets.subarray(at, at + 4).join(".");
    return proxied(octets, bytes, ip(16), ip(20), 24);
  }
  if (family === TCP6) {
    const ip = (at: number): string => {
      const groups: string[] = [];
      for (let i = at; i < at + 16; i += 2) groups.push(octets.readUInt16BE(i).toString(16));
      const ip = groups.join(":");
      // A proxy on a dual-stack socket names an IPv4 client as IPv4-mapped IPv6.
      const octets4 = addressOctets(ip);
      return octets4?.length === 4 ? octets4.join(".") : ip;
    };
    return proxied(octets, bytes, ip(16), ip(32), 48);
  }
  return { kind: "unknown", bytes };
}

/** Octets of the addresses of a family; more than there can be for one that no SMTP comes over. */
function addressBytes(family: number | undefined): number {
  if (family === 0x00) return 0;
  if (family === TCP4) return 12;
  if (family === TCP6) return 36;
  return family === UNIX ? 216 : V2_BYTES_MAX;
}

function proxied(octets: Buffer, bytes: number, from: string, to: string, portsAt: number): ProxyHeader {
  return {
    ...{ kind: "proxied", bytes, source: { ip: from, port: octets.readUInt16BE(portsAt) } },
    destination: { ip: to, port: octets.readUInt16BE(portsAt + 2) },
  };
}
