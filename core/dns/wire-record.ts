/**
 * The data of records as text, as `DnsAnswer` says: A and MX, NS, PTR, CNAME, SOA, TXT (RFC 1035 3.3), AAAA (RFC 3596),
 * TLSA (RFC 6698). Other types are nobody's here.
 */
import { canonicalIp } from "../mail/mod.ts";
import type { DnsType } from "../pipeline/mod.ts";
import { readName } from "./wire-name.ts";

/** The numbers of the types (RFC 1035 3.2.2, 3596, 6698). */
export const TYPE_NUMBERS: Readonly<Record<DnsType, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  TLSA: 52,
};

/** A record's data within its message, which names in it may point into. */
export interface WireData {
  readonly message: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** The data as text; undefined where it is none of that type. */
export function recordText(type: DnsType, data: WireData): string | undefined {
  const { message, start, end } = data;
  const length = end - start;
  switch (type) {
    case "A":
      return length === 4 ? message.subarray(start, end).join(".") : undefined;
    case "AAAA":
      return length === 16 ? ipv6Text(message.subarray(start, end)) : undefined;
    case "NS":
    case "CNAME":
    case "PTR":
      return nameText(data, start);
    case "MX": {
      const host = length > 2 ? nameText(data, start + 2) : undefined;
      return host === undefined ? undefined : `${uint16(message, start)} ${host}`;
    }
    case "TXT":
      return txtText(data);
    case "SOA":
      return soaText(data);
    case "TLSA": {
      if (length < 4) return undefined;
      const [usage, selector, matching, ...octets] = message.subarray(start, end);
      return `${usage} ${selector} ${matching} ${octets.map((octet) => octet.toString(16).padStart(2, "0")).join("")}`;
    }
  }
}

/** Two octets as a number. */
export const uint16 = (octets: Uint8Array, at: number): number => (octets[at]! << 8) | octets[at + 1]!;

/** Four octets as a number. */
export const uint32 = (octets: Uint8Array, at: number): number =>
  uint16(octets, at) * 0x1_0000 + uint16(octets, at + 2);

/** A name that fills the data from a place on. */
function nameText({ message, end }: WireData, at: number): string | undefined {
  const name = readName(message, at);
  return name?.end === end ? name.text : undefined;
}

function ipv6Text(octets: Uint8Array): string {
  const groups: string[] = [];
  for (let at = 0; at < 16; at += 2) groups.push(uint16(octets, at).toString(16));
  return canonicalIp(groups.join(":"));
}

/** Its strings joined, an octet a character: what they mean is for who reads them. */
function txtText({ message, start, end }: WireData): string | undefined {
  // RFC 1035 3.3.14: one string at least.
  if (start === end) return undefined;
  const strings: string[] = [];
  for (let at = start; at < end; ) {
    const next = at + 1 + message[at]!;
    if (next > end) return undefined;
    strings.push(String.fromCharCode(...message.subarray(at + 1, next)));
    at = next;
  }
  return strings.join("");
}

const SOA_NUMBERS = 5;

function soaText({ message, start, end }: WireData): string | undefined {
  const server = readName(message, start);
  const mailbox = server && readName(message, server.end);
  if (!mailbox || mailbox.end + SOA_NUMBERS * 4 !== end) return undefined;
  const numbers = Array.from({ length: SOA_NUMBERS }, (_, n) => uint32(message, mailbox.end + n * 4));
  return [server.text, mailbox.text, ...numbers].join(" ");
}
