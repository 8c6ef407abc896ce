/** A DNS server on loopback (RFC 1035 4) that answers over UDP as it is told, faults included. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import type { AddressInfo } from "node:net";

/** One record as it goes over the wire. */
export interface FakeRecord {
  /** The number of its type: 1 is A, 15 is MX. */
  readonly type: number;
  readonly data: Uint8Array;
  /** In seconds; default 300. */
  readonly ttl?: number;
}

/** What the server says to a question. `silent`: nothing at all. `garbage`: octets that are no answer. */
export type FakeAnswer = readonly FakeRecord[] | "nxdomain" | "servfail" | "refused" | "silent" | "garbage";

/** The numbers of the record types (RFC 1035 3.2.2, 3596, 6698). */
export const TYPES = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, MX: 15, TXT: 16, AAAA: 28, TLSA: 52 } as const;

const RCODES = { servfail: 2, nxdomain: 3, refused: 5 } as const;
const CLASS_IN = 1;
/** Response, recursion desired and available. */
const FLAGS = 0x8180;

/** A server that runs. */
export interface FakeDnsServer {
  /** "127.0.0.1:port". */
  readonly address: string;
  /** What was asked, in order: "name TYPE-NUMBER". */
  readonly questions: readonly string[];
  close(): Promise<void>;
}

/** Starts one. Names that `answers` does not have, by "name TYPE-NUMBER" or "name", are nxdomain. */
export async function startFakeDns(answers: {
  readonly [question: string]: FakeAnswer;
}): Promise<FakeDnsServer> {
  const socket = createSocket("udp4");
  const questions: string[] = [];
  socket.on("message", (query, from) => {
    const { question, octets } = responseTo<never>(query, answers);
    questions.push(question);
    if (octets) socket.send(octets, from.port, from.address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    address: `127.0.0.1:${(socket.address() as AddressInfo).port}`,
    questions,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

/** What a table of answers, by "name TYPE-NUMBER" or "name", has for a query; no octets for what it does not write. */
export function responseTo<More>(
  query: Buffer,
  answers: { readonly [question: string]: FakeAnswer | More },
): { readonly question: string; readonly answer: FakeAnswer | More; readonly octets?: Uint8Array } {
  const { name, type, end } = readQuestion(query);
  const question = `${name} ${type}`;
  const answer = answers[question] ?? answers[name] ?? "nxdomain";
  if (answer === "silent" || !(typeof answer === "string" || Array.isArray(answer)))
    return { question, answer };
  return { question, answer, octets: respond(query, end, answer as Exclude<FakeAnswer, "silent">) };
}

/** A name as labels with their lengths; "" is the root. */
export function nameBytes(name: string): Uint8Array {
  const labels = name.split(".").filter((label) => label !== "");
  return Buffer.concat([...labels.map((label) => stringBytes(label)), Buffer.of(0)]);
}

/** A character-string of TXT: its length, then its octets. */
export function stringBytes(text: string): Uint8Array {
  const octets = Buffer.from(text, "latin1");
  return Buffer.concat([Buffer.of(octets.length), octets]);
}

function readQuestion(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length).toLowerCase());
    at += 1 + length;
  }
  return { name: labels.join("."), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function respond(query: Buffer, questionEnd: number, answer: Exclude<FakeAnswer, "silent">): Uint8Array {
  const header = Buffer.from(query.subarray(0, 12));
  const rcode = typeof answer === "string" && answer !== "garbage" ? RCODES[answer] : 0;
  const records = typeof answer === "string" ? [] : answer;
  header.writeUInt16BE(FLAGS | rcode, 2);
  // One record is promised and none follows: no reader can take that for an answer.
  header.writeUInt16BE(answer === "garbage" ? 1 : records.length, 6);
  header.writeUInt32BE(0, 8);
  return Buffer.concat([header, query.subarray(12, questionEnd), ...records.map(recordBytes)]);
}

function recordBytes({ type, data, ttl = 300 }: FakeRecord): Uint8Array {
  // The name is a pointer to that of the question (RFC 1035 4.1.4).
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(CLASS_IN, 4);
  head.writeUInt32BE(ttl, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}
