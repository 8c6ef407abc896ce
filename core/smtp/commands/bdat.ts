/**
 * BDAT (RFC 3030 2): a message in chunks of announced size, without dots and final dot. BINARYMIME is not offered, so
 * that bare CR, bare LF and NUL are what they are after DATA. A refused chunk is read and thrown away: its octets must
 * never be taken for commands.
 */
import type { Reply } from "../../mail/mod.ts";
import { ChunkDecoder } from "../chunk-decoder.ts";
import type { GatewayConnection } from "../gateway-connection.ts";
import { type DataSink, GatewayStream } from "../gateway-stream.ts";
import { type DataFault, LineEnds } from "../line-ends.ts";
import { chunkTaken, REPLIES } from "../replies.ts";
import { noRecipientReply } from "./message-reply.ts";
import { beginMessage, drainBytesMax, type MessageSink } from "./message-sink.ts";

/** A message that comes in chunks, from its first BDAT to its last, a reset or the end of the session. */
export interface ChunkedMessage {
  readonly sink: MessageSink;
  readonly lineEnds: LineEnds;
  emptyChunks: number;
}

/** Chunks of no octets in one message, which no limit of content would ever end. */
const EMPTY_CHUNKS_MAX = 100;

/** Whether a line, be it malformed, begins a chunk. */
export function isBdat(command: Buffer): boolean {
  return /^BDAT\b/i.test(command.toString("latin1", 0, 5));
}

const SYNTAX = /^BDAT +(\d{1,15})( +LAST)? *$/i;

/** Runs BDAT: the chunk, and the answer to it. @param command the line without its end */
export async function bdatCommand(connection: GatewayConnection, command: Buffer): Promise<void> {
  const parts = SYNTAX.exec(command.toString("latin1"));
  // How many octets of content follow is not known: none of them may be run as a command.
  if (parts === null) return refuseAndClose(connection, REPLIES.bdatSyntax);
  const parser = connection._parser;
  if (!(parser instanceof GatewayStream)) return;
  const octets = Number(parts[1]);
  const refusal = refusalOf(connection);
  if (refusal === undefined) connection.chunks ??= begin(connection);
  const message = connection.chunks;
  if (message === undefined) {
    const sink = new RefusedChunk(connection, refusal);
    return octets === 0 ? sink.end() : parser.beginContent(sink, new ChunkDecoder(octets));
  }
  message.sink.expect(octets);
  const chunk = new Chunk(connection, message, octets, parts[2] !== undefined);
  if (octets === 0) {
    message.emptyChunks += 1;
    if (message.emptyChunks > EMPTY_CHUNKS_MAX) return connection.reply(REPLIES.tooManyCommands);
    return chunk.end(message.lineEnds.fault);
  }
  parser.beginContent(chunk, new ChunkDecoder(octets, message.lineEnds));
}

function refusalOf(connection: GatewayConnection): Reply | undefined {
  if (!connection.inTransaction) return REPLIES.needMail;
  return connection.recipientsAccepted > 0 ? undefined : noRecipientReply(connection);
}

function begin(connection: GatewayConnection): ChunkedMessage | undefined {
  const sink = beginMessage(connection);
  return sink && { sink, lineEnds: new LineEnds(connection.context.listener.bareNewlines), emptyChunks: 0 };
}

function refuseAndClose(connection: GatewayConnection, reply: Reply): void {
  connection.reply(reply);
  connection.close();
}

class Chunk implements DataSink {
  readonly #connection: GatewayConnection;
  readonly #message: ChunkedMessage;
  readonly #octets: number;
  readonly #last: boolean;

  constructor(connection: GatewayConnection, message: ChunkedMessage, octets: number, last: boolean) {
    this.#connection = connection;
    this.#message = message;
    this.#octets = octets;
    this.#last = last;
  }

  content(octets: Buffer, fault: DataFault | undefined): Promise<void> | undefined {
    return this.#message.sink.content(octets, fault);
  }

  async end(fault: DataFault | undefined): Promise<void> {
    const { sink, lineEnds } = this.#message;
    if (this.#last) {
      const rest = lineEnds.end();
      if (rest.length > 0) await sink.content(rest, lineEnds.fault);
      return sink.end(lineEnds.fault);
    }
    // RFC 3030 2: the first chunk that is refused ends the message; those behind it find no transaction.
    if (sink.refused || fault !== undefined) return sink.end(fault, false);
    if (!this.#connection._closing) this.#connection.reply(chunkTaken(this.#octets));
  }
}

/** Reads a chunk that has no message. */
class RefusedChunk implements DataSink {
  readonly #connection: GatewayConnection;
  /** Absent where the client was told already. */
  readonly #refusal: Reply | undefined;

  constructor(connection: GatewayConnection, refusal: Reply | undefined) {
    this.#connection = connection;
    this.#refusal = refusal;
  }

  content(octets: Buffer): undefined {
    this.#connection.refusedBytes += octets.length;
    if (this.#connection._closing || this.#connection.refusedBytes <= drainBytesMax(this.#connection)) return;
    refuseAndClose(this.#connection, this.#refusal ?? REPLIES.internal);
  }

  async end(): Promise<void> {
    if (this.#refusal !== undefined && !this.#connection._closing) this.#connection.reply(this.#refusal);
  }
}
