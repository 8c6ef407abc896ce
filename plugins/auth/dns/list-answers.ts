/** What a DNS list says of an address (RFC 5782 2.1, 5): which of its answers are hits, and which are none at all. */
import { addressOctets, type DnsAnswer } from "postern";

/** Answers from one address to another, both included. */
export interface AnswerRange {
  readonly first: number;
  readonly last: number;
}

/** What came of asking one list. */
export type ListState =
  | { readonly state: "listed"; readonly answers: readonly string[] }
  | { readonly state: "absent" }
  | { readonly state: "error"; readonly reason: string };

/** Answers of one list that are looked at. */
const ANSWERS_MAX = 32;
const REASON_CHARACTERS_MAX = 100;

/** "127.0.0.2", or "127.0.0.2-127.0.0.11"; undefined for what is none, or not in 127.0.0.0/8. */
export function answerRange(text: string): AnswerRange | undefined {
  const [from = "", to = from, ...more] = text.split("-");
  const first = loopbackNumber(from);
  const last = loopbackNumber(to);
  if (more.length > 0 || first === undefined || last === undefined || first > last) return undefined;
  return { first, last };
}

/**
 * Reads a list's answer. One that is no address of 127.0.0.0/8 comes from a list that was given up or from a resolver
 * that lies; 127.0.0.1 must never be listed (RFC 5782 5), and 127.255.255.x tells that we are refused: each makes the
 * whole answer an error, and never a hit.
 *
 * @param counted the answers that count; undefined: all
 */
export function listState(answer: DnsAnswer, counted: readonly AnswerRange[] | undefined): ListState {
  if (answer.status === "nxdomain" || answer.status === "nodata") return { state: "absent" };
  if (answer.status !== "found") return { state: "error", reason: `DNS: ${answer.status}` };
  if (answer.records.length > ANSWERS_MAX)
    return { state: "error", reason: `more than ${ANSWERS_MAX} answers` };
  const hits: string[] = [];
  for (const record of answer.records) {
    const number = loopbackNumber(record);
    if (number === undefined || number === LOOPBACK || number >= REFUSALS)
      return { state: "error", reason: `the answer ${record.slice(0, REASON_CHARACTERS_MAX)}` };
    if (!counted || counted.some(({ first, last }) => number >= first && number <= last)) hits.push(record);
  }
  return hits.length > 0 ? { state: "listed", answers: hits } : { state: "absent" };
}

const LOOPBACK = 0x00_00_01;
/** 127.255.255.0 */
const REFUSALS = 0xff_ff_00;

/** The last three octets of an address in 127.0.0.0/8. */
function loopbackNumber(text: string): number | undefined {
  const octets = addressOctets(text);
  if (octets?.length !== 4 || octets[0] !== 127 || text.includes(":")) return undefined;
  return (octets[1]! << 16) | (octets[2]! << 8) | octets[3]!;
}
