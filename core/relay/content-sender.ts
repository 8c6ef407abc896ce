/**
 * Sends content that is streamed, as DATA (RFC 5321 4.5.2) or in the chunks of BDAT (RFC 3030), with what the socket
 * takes at a time. The end is only said for content that came whole; whoever calls cuts the connection otherwise.
 */
import { isAscii } from "node:buffer";
import { BufferPool, type Content } from "../mail/mod.ts";
import { DotStuffer } from "./dot-stuffing.ts";
import type { NextHopConnection } from "./next-hop-connection.ts";

/** The content has octets that this next hop does not take. */
export class NotSevenBit extends Error {}

/** Chunks whose replies may be out. */
const CHUNKS_OUT_MAX = 8;

/** 16 MB at most, and 4 MB while nothing is sent. A part of this size is one read of a file and one BDAT. */
const buffers = new BufferPool(262_144, 64, 16);

/** What is sent, and whether it still is to be. */
export interface SendJob {
  readonly content: Content;
  /** Whether the next hop takes 7-bit content only. */
  readonly sevenBit: boolean;
  /** Asked before each write: the transaction has ended. */
  readonly isOver: () => boolean;
}

/** Sends all but the end of data. Resolves early when it is over; throws where the content is not whole. */
export async function sendStuffed(connection: NextHopConnection, job: SendJob): Promise<Uint8Array> {
  const stuffer = new DotStuffer();
  const sender = new PartSender(connection);
  try {
    for await (const { octets } of partsOf(job, sender)) {
      if (job.isOver()) break;
      await sender.send(stuffer.stuff(octets));
    }
  } finally {
    sender.end();
  }
  return stuffer.finish();
}

/** Gets the code of each chunk's reply but the last one's: whether to go on. */
export interface ChunkReplies {
  readonly onChunk: (raw: string) => void;
  /** The last chunk is about to leave. */
  readonly onLast: () => void;
  readonly onFinal: (raw: string) => void;
}

/** Sends content in chunks, the last one with LAST. Throws as `sendStuffed`. */
export async function sendChunks(
  connection: NextHopConnection,
  job: SendJob,
  { onChunk, onLast, onFinal }: ChunkReplies,
): Promise<void> {
  const { timeouts } = connection;
  const sender = new PartSender(connection);
  const outMax = connection.offers("PIPELINING") ? CHUNKS_OUT_MAX : 1;
  let out = 0;
  let wake: (() => void) | undefined;
  const answered = (raw: string) => {
    out--;
    onChunk(raw);
    wake?.();
  };
  // The content is not read on for a socket that has ended.
  void sender.ended.then(() => wake?.());
  try {
    for await (const { octets, last } of partsOf(job, sender)) {
      while (out >= outMax && !job.isOver()) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
      }
      if (job.isOver()) return;
      if (last) {
        onLast();
        connection.say(`BDAT ${octets.length} LAST`, onFinal, timeouts.finalMs);
      } else {
        out++;
        connection.say(`BDAT ${octets.length}`, answered, timeouts.blockMs);
      }
      await sender.send(octets);
    }
  } finally {
    sender.end();
  }
}

/** Sends part after part, each once the one before may be overwritten. */
class PartSender {
  /** Resolves when the socket has ended, or `end` was called. */
  readonly ended: Promise<void>;
  readonly end: () => void;
  /** Whether nobody looks any more at octets that were sent. */
  clean = true;
  readonly #connection: NextHopConnection;

  constructor(connection: NextHopConnection) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { socket } = connection;
    this.#connection = connection;
    this.ended = promise;
    const end = () => {
      socket?.removeListener("close", resolve);
      resolve();
    };
    this.end = end;
    if (socket) socket.once("close", resolve);
    else resolve();
  }

  /** Resolves when the octets may be overwritten, or when the connection has ended. */
  async send(octets: Uint8Array): Promise<void> {
    this.clean = false;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#connection.send(octets, (error) => {
      if (!error) this.clean = true;
      resolve();
    });
    await Promise.race([promise, this.ended]);
  }
}

/** A part of the content; its octets hold until the next one is asked for. */
interface Part {
  readonly octets: Uint8Array;
  readonly last: boolean;
}

/** The content in parts, one at least. Never the last one of content that does not have what it announces: it throws. */
async function* partsOf(
  { content, sevenBit }: SendJob,
  sender: PartSender,
): AsyncGenerator<Part, void, undefined> {
  for await (const part of content.readInto ? readAgain(content, sender) : readOnce(content)) {
    if (sevenBit && !isAscii(part.octets)) throw new NotSevenBit("it has 8-bit octets");
    yield part;
  }
}

async function* readOnce(content: Content): AsyncGenerator<Part, void, undefined> {
  // Held back by one: only the end of the content tells which is the last.
  let held: Uint8Array = new Uint8Array(0);
  let at = 0;
  for await (const octets of content.read()) {
    at += octets.length;
    if (at > content.size) break;
    if (octets.length === 0) continue;
    if (held.length > 0) yield { octets: held, last: false };
    held = octets;
  }
  if (at !== content.size) throw notWhole(at, content);
  yield { octets: held, last: true };
}

/** Into one buffer, again and again. */
async function* readAgain(content: Content, sender: PartSender): AsyncGenerator<Part, void, undefined> {
  const buffer = buffers.take();
  if (!buffer) {
    yield* readOnce(content);
    return;
  }
  try {
    let at = 0;
    do {
      const octets = (await content.readInto?.(buffer, at)) ?? 0;
      at += octets;
      if (octets === 0 && at < content.size) throw notWhole(at, content);
      yield { octets: buffer.subarray(0, octets), last: at === content.size };
    } while (at < content.size);
  } finally {
    // A socket that was cut in a write may still have it.
    if (sender.clean) buffers.giveBack(buffer);
    else buffers.lose();
  }
}

const notWhole = (octets: number, { size }: Content): Error =>
  new Error(`it has ${octets} octets and announces ${size}`);
