/** A DNS server on loopback (RFC 1035 4) that answers over UDP and TCP as it is told, faults included. */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

/** One record as it goes over the wire. */
export interface FakeRecord {
  /** The number of its type: 1 is A, 15 is MX. */
  readonly type: number;
  readonly data: Uint8Array;
  /** In seconds; default 300. */
  readonly ttl?: number;
  /** Whose it is; absent: that of the question. */
  readonly owner?: string;
}

/**
 * What the server says to a question. `silent`: nothing at all. `garbage`: a record is promised and none follows.
 * `noise`: octets that are no message. `cut`: it ends in the middle, and says so by no flag. `truncated`: the flag says
 * so, and TCP breaks off. `otherId`: as to somebody else's question.
 */
export type FakeAnswer =
  | readonly FakeRecord[]
  | ("nxdomain" | "servfail" | "refused" | "silent" | "garbage" | "noise" | "cut" | "truncated" | "otherId");

/** The numbers of the record types (RFC 1035 3.2.2, 3596, 6698). */
export const TYPES = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, MX: 15, TXT: 16, AAAA: 28, TLSA: 52 } as const;

const RCODES = { servfail: 2, nxdomain: 3, refused: 5 } as const;
const CLASS_IN = 1;
/** Response, recursion desired and available. */
const FLAGS = 0x8180;
const TRUNCATED = 0x0200;
/** Octets of an answer over UDP, as most servers have it; a longer one is truncated, and whole over TCP. */
const UDP_OCTETS_MAX = 1_232;

/** A server that runs. */
export interface FakeDnsServer {
  /** "127.0.0.1:port". */
  readonly address: string;
  /** What was asked, in order: "name TYPE-NUMBER". */
  readonly questions: readonly string[];
  close(): Promise<void>;
}

/** Starts one. Names that `answers` does not have, by "name TYPE-NUMBER", "name" or "*", are nxdomain. */
export async function startFakeDns(answers: {
  readonly [question: string]: FakeAnswer;
}): Promise<FakeDnsServer> {
  const questions: string[] = [];
  const answer = (query: Buffer, isTcp: boolean): Uint8Array | undefined => {
    const { question, octets } = responseTo<never>(query, answers);
    // Asked again because the first answer was cut: one question all the same.
    if (!isTcp) questions.push(question);
    return octets && (isTcp ? octets : fitted(octets));
  };
  const { udp, tcp, port } = await bindBoth();
  udp.on("message", (query, from) => {
    const octets = answer(query, false);
    if (octets) udp.send(octets, from.port, from.address);
  });
  const open = new Set<Socket>();
  tcp.on("connection", (socket) => {
    open.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => open.delete(socket));
    let heard = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      heard = Buffer.concat([heard, chunk]);
      while (heard.length >= 2 && heard.length >= 2 + heard.readUInt16BE(0)) {
        const end = 2 + heard.readUInt16BE(0);
        const octets = answer(heard.subarray(2, end), true);
        heard = heard.subarray(end);
        if (octets && (octets[2]! & 0x02) !== 0) socket.destroy();
        else if (octets)
          socket.write(Buffer.concat([Buffer.of(octets.length >> 8, octets.length & 255), octets]));
      }
    });
  });
  return {
    address: `127.0.0.1:${port}`,
    questions,
    async close() {
      await new Promise<void>((resolve) => udp.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => tcp.close(() => resolve()));
    },
  };
}

/** The same port for both. One that is free for UDP may be taken for TCP: then another is tried. */
async function bindBoth(): Promise<{ udp: UdpSocket; tcp: Server; port: number }> {
  for (let tries = 1; ; tries++) {
    const udp = createSocket("udp4");
    udp.bind(0, "127.0.0.1");
    await once(udp, "listening");
    const { port } = udp.address() as AddressInfo;
    const tcp = createServer();
    try {
      tcp.listen(port, "127.0.0.1");
      await once(tcp, "listening");
      return { udp, tcp, port };
    } catch (error) {
      await new Promise<void>((resolve) => udp.close(() => resolve()));
      if (tries === 20) throw error;
    }
  }
}

/** An answer that UDP does not carry is its header and question, with the flag. */
function fitted(octets: Uint8Array): Uint8Array {
  if (octets.length <= UDP_OCTETS_MAX) return octets;
  const message = Buffer.from(octets);
  const short = Buffer.from(message.subarray(0, readQuestion(message).end));
  short.writeUInt16BE(short.readUInt16BE(2) | TRUNCATED, 2);
  short.fill(0, 6, 12);
  return short;
}

/** What a table of answers, by "name TYPE-NUMBER", "name" or "*", has for a query; no octets for what it does not write. */
export function responseTo<More>(
  query: Buffer,
  answers: { readonly [question: string]: FakeAnswer | More },
): { readonly question: string; readonly answer: FakeAnswer | More; readonly octets?: Uint8Array } {
  const { name, type, end } = readQuestion(query);
  const question = `${name} ${type}`;
  const answer = answers[question] ?? answers[name] ?? answers["*"] ?? "nxdomain";
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
  if (answer === "noise") return Buffer.from("no message of DNS at all");
  const header = Buffer.from(query.subarray(0, 12));
  const records = typeof answer === "string" ? [] : answer;
  const rcode = RCODES[answer as keyof typeof RCODES] ?? 0;
  header.writeUInt16BE(FLAGS | rcode | (answer === "truncated" ? TRUNCATED : 0), 2);
  if (answer === "otherId") header.writeUInt16BE(header.readUInt16BE(0) ^ 1, 0);
  // One record is promised and none follows: no reader can take that for an answer.
  header.writeUInt16BE(answer === "garbage" ? 1 : records.length, 6);
  header.writeUInt32BE(0, 8);
  const end = answer === "cut" ? questionEnd - 6 : questionEnd;
  return Buffer.concat([header, query.subarray(12, end), ...records.map(recordBytes)]);
}

function recordBytes({ type, data, ttl = 300, owner }: FakeRecord): Uint8Array {
  const head = Buffer.alloc(10);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(CLASS_IN, 2);
  head.writeUInt32BE(ttl, 4);
  head.writeUInt16BE(data.length, 8);
  // The name is a pointer to that of the question (RFC 1035 4.1.4).
  return Buffer.concat([owner === undefined ? Buffer.of(0xc0, 0x0c) : nameBytes(owner), head, data]);
}
