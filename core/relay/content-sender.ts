/**
 * Sends content that is streamed, as DATA (RFC 5321 4.5.2) or in the chunks of BDAT (RFC 3030), with what the socket
 * takes at a time. The end is only said for content that came whole; whoever calls cuts the connection otherwise.
 */
import { isAscii } from "node:buffer";
import type { Socket } from "node:net";
import type { Content } from "../mail/mod.ts";
import { DotStuffer } from "./dot-stuffing.ts";
import type { NextHopConnection } from "./next-hop-connection.ts";

/** The content has octets that this next hop does not take. */
export class NotSevenBit extends Error {}

/** Chunks whose replies may be out. */
const CHUNKS_OUT_MAX = 8;

/** What is sent, and whether it still is to be. */
export interface SendJob {
  readonly content: Content;
  /** Whether the next hop takes 7-bit content only. */
  readonly sevenBit: boolean;
  /** Asked before each write: the transaction has ended. */
  readonly isOver: () => boolean;
}

/** Sends all but the end of data. Resolves early when it is over; throws where the content is not whole. */
export async function sendStuffed(socket: Socket, job: SendJob): Promise<Uint8Array> {
  const stuffer = new DotStuffer();
  for await (const chunk of wholeContent(job)) {
    if (job.isOver()) break;
    if (!socket.write(stuffer.stuff(chunk))) await drained(socket);
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
  const { socket, timeouts } = connection;
  if (!socket) return;
  const outMax = connection.offers("PIPELINING") ? CHUNKS_OUT_MAX : 1;
  let out = 0;
  let wake: (() => void) | undefined;
  const answered = (raw: string) => {
    out--;
    onChunk(raw);
    wake?.();
  };
  // The content is not read on for a socket that has ended.
  const ended = () => wake?.();
  socket.once("close", ended);
  try {
    await sendAll();
  } finally {
    socket.removeListener("close", ended);
  }

  async function sendAll(): Promise<void> {
    // Held back by one: only the end of the content tells which is the last.
    let held: Uint8Array | undefined;
    for await (const chunk of wholeContent(job)) {
      if (chunk.length === 0) continue;
      if (held) {
        while (out >= outMax && !job.isOver()) {
          const { promise, resolve } = Promise.withResolvers<void>();
          wake = resolve;
          await promise;
        }
        if (job.isOver()) return;
        out++;
        connection.say(`BDAT ${held.length}`, answered, timeouts.blockMs);
        if (!connection.flush(held)) await drained(connection.socket);
      }
      held = chunk;
    }
    if (job.isOver()) return;
    onLast();
    connection.say(`BDAT ${held?.length ?? 0} LAST`, onFinal, timeouts.finalMs);
    connection.flush(held);
  }
}

/** The chunks of content, never more octets than it announces; throws at its end where there were less. */
async function* wholeContent({ content, sevenBit }: SendJob): AsyncGenerator<Uint8Array, void, undefined> {
  let octets = 0;
  for await (const chunk of content.read()) {
    octets += chunk.length;
    if (octets > content.size) break;
    if (sevenBit && !isAscii(chunk)) throw new NotSevenBit("it has 8-bit octets");
    yield chunk;
  }
  if (octets !== content.size) throw new Error(`it has ${octets} octets and announces ${content.size}`);
}

/** Waits until the socket takes more, or has ended. */
async function drained(socket: Socket | undefined): Promise<void> {
  if (!socket || socket.destroyed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.once("drain", resolve);
  socket.once("close", resolve);
  await promise;
  socket.removeListener("drain", resolve);
  socket.removeListener("close", resolve);
}
