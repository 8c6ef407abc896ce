/**
 * DNS messages (RFC 1035 4.1): one question, and what its answer means (RFC 2308). Written for answers that may be
 * hostile: in linear time, and what is not whole and well formed is a servfail, never "there is none".
 */
import type { DnsAnswer, DnsType } from "../pipeline/mod.ts";
import { readName, wireName } from "./wire-name.ts";
import { recordText, TYPE_NUMBERS, uint16, uint32, type WireData } from "./wire-record.ts";

/** Octets of a message (RFC 1035 4.2.2); it has at most 5,957 records, as each takes 11 octets. */
export const MESSAGE_OCTETS_MAX = 65_535;
/** Aliases followed from the name that was asked for. */
const ALIASES_MAX = 16;

const HEADER_OCTETS = 12;
const CLASS_IN = 1;
const QR = 0x8000;
const OPCODE = 0x7800;
const TC = 0x0200;
const RD = 0x0100;
const RCODE = 0x000f;
const NXDOMAIN = 3;
const SERVFAIL: DnsAnswer = { status: "servfail" };

/** A question that asks for recursion, with the id 0 (RFC 8484 4.1). @param name as `toDomainName` gives it */
export function questionMessage(name: string, type: DnsType): Uint8Array<ArrayBuffer> {
  const asked = wireName(name);
  const message = new Uint8Array(HEADER_OCTETS + asked.length + 4);
  message[2] = RD >> 8;
  message[5] = 1;
  message.set(asked, HEADER_OCTETS);
  message[message.length - 3] = TYPE_NUMBERS[type];
  message[message.length - 1] = CLASS_IN;
  return message;
}

/**
 * What a message says to the question; the TTL is the least of all records on the way. Cut, garbled or another
 * question's: servfail.
 */
export function answerOf(message: Uint8Array, name: string, type: DnsType): DnsAnswer {
  if (message.length < HEADER_OCTETS || message.length > MESSAGE_OCTETS_MAX) return SERVFAIL;
  const flags = uint16(message, 2);
  const rcode = flags & RCODE;
  if ((flags & QR) === 0 || (flags & (OPCODE | TC)) !== 0 || (rcode !== 0 && rcode !== NXDOMAIN))
    return SERVFAIL;
  const answers = uint16(message, 6);
  const start = afterQuestion(message, name, type);
  const records = start === undefined ? undefined : readRecords(message, start, answers + uint16(message, 8));
  if (!records) return SERVFAIL;
  const chain = followAliases(records.slice(0, answers), `${readable(name)}.`, type);
  if (!chain) return SERVFAIL;
  const { texts, ttlSeconds } = chain;
  // Records of a name that is not there.
  if (texts.length > 0) return rcode === 0 ? { status: "found", records: texts, ttlSeconds } : SERVFAIL;
  return negative(rcode === NXDOMAIN ? "nxdomain" : "nodata", records.slice(answers));
}

/** Where the records begin; undefined when the message is about another question than ours. */
function afterQuestion(message: Uint8Array, name: string, type: DnsType): number | undefined {
  if (uint16(message, 4) !== 1) return undefined;
  const asked = readName(message, HEADER_OCTETS);
  if (!asked || asked.end + 4 > message.length) return undefined;
  const isOurs =
    asked.text.toLowerCase() === `${readable(name)}.` &&
    uint16(message, asked.end) === TYPE_NUMBERS[type] &&
    uint16(message, asked.end + 2) === CLASS_IN;
  return isOurs ? asked.end + 4 : undefined;
}

/** A name that we ask for as `readName` gives it back: a backslash is an octet like others to `toDomainName`. */
const readable = (name: string): string => name.toLowerCase().replaceAll("\\", "\\\\");

interface WireRecord extends WireData {
  /** In lower case, with the final dot. */
  readonly owner: string;
  readonly type: number;
  readonly ttlSeconds: number;
}

/** Records of our class; undefined when one is not whole. */
function readRecords(message: Uint8Array, start: number, count: number): readonly WireRecord[] | undefined {
  const records: WireRecord[] = [];
  let at = start;
  for (let n = 0; n < count; n++) {
    const name = readName(message, at);
    if (!name || name.end + 10 > message.length) return undefined;
    const { end: head } = name;
    const begin = head + 10;
    const end = begin + uint16(message, head + 8);
    if (end > message.length) return undefined;
    const ttl = uint32(message, head + 4);
    records.push({
      owner: uint16(message, head + 2) === CLASS_IN ? name.text.toLowerCase() : "",
      type: uint16(message, head),
      // RFC 2181 8: one with its top bit set counts as 0.
      ttlSeconds: ttl < 2 ** 31 ? ttl : 0,
      message,
      start: begin,
      end,
    });
    at = end;
  }
  return records;
}

/** The records at the end of the aliases (RFC 1034 3.6.2); undefined when those loop, are too many, or data is wrong. */
function followAliases(answers: readonly WireRecord[], asked: string, type: DnsType) {
  const wanted = new Map<string, WireRecord[]>();
  const aliases = new Map<string, WireRecord>();
  for (const record of answers) {
    if (record.type === TYPE_NUMBERS[type]) {
      const others = wanted.get(record.owner);
      if (others) others.push(record);
      else wanted.set(record.owner, [record]);
    } else if (record.type === TYPE_NUMBERS.CNAME) aliases.set(record.owner, record);
  }
  let owner = asked;
  let ttlSeconds = 2 ** 31;
  for (let followed = 0; followed <= ALIASES_MAX; followed++) {
    const found = wanted.get(owner);
    if (found) {
      const texts: string[] = [];
      for (const record of found) {
        const text = recordText(type, record);
        if (text === undefined) return undefined;
        texts.push(text);
        ttlSeconds = Math.min(ttlSeconds, record.ttlSeconds);
      }
      return { texts, ttlSeconds };
    }
    const alias = aliases.get(owner);
    if (!alias) return { texts: [], ttlSeconds };
    const target = recordText("CNAME", alias);
    if (target === undefined) return undefined;
    owner = target.toLowerCase();
    ttlSeconds = Math.min(ttlSeconds, alias.ttlSeconds);
  }
  return undefined;
}

/** RFC 2308 2 and 5: how long "there is none" holds is the lesser of the TTL of the SOA and its last number. */
function negative(status: "nxdomain" | "nodata", authority: readonly WireRecord[]): DnsAnswer {
  const soa = authority.find(({ type }) => type === TYPE_NUMBERS.SOA);
  if (soa) {
    const text = recordText("SOA", soa);
    if (text === undefined) return SERVFAIL;
    const minimum = Number(text.slice(text.lastIndexOf(" ") + 1));
    return { status, ttlSeconds: Math.min(soa.ttlSeconds, minimum < 2 ** 31 ? minimum : 0) };
  }
  // RFC 2308 2.2: name servers without a SOA are a referral: whom we asked does not know.
  const isReferral = status === "nodata" && authority.some(({ type }) => type === TYPE_NUMBERS.NS);
  return isReferral ? SERVFAIL : { status };
}
