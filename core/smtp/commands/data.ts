/** DATA (RFC 5321 4.1.1.4): begins the content. What becomes of it is in message-sink.ts. */
import { DataDecoder } from "../data-decoder.ts";
import type { GatewayConnection } from "../gateway-connection.ts";
import { GatewayStream } from "../gateway-stream.ts";
import { REPLIES } from "../replies.ts";
import { noRecipientReply } from "./message-reply.ts";
import { beginMessage } from "./message-sink.ts";

/** Runs DATA: 354, the content, and the answer to it. @param command the line without its end */
export async function dataCommand(connection: GatewayConnection, command: Buffer): Promise<void> {
  if (command.length > 4 && command.toString("latin1").trim().length > 4)
    return connection.reply(REPLIES.badParameter);
  if (!connection.inTransaction) return connection.reply(REPLIES.needMail);
  // RFC 3030 2: a message comes by one of the two.
  if (connection.chunks !== undefined) return connection.reply(REPLIES.chunksBegun);
  if (connection.recipientsAccepted === 0) return connection.reply(noRecipientReply(connection));
  const parser = connection._parser;
  if (!(parser instanceof GatewayStream)) return;
  const sink = beginMessage(connection);
  if (sink === undefined) return;
  parser.beginContent(sink, new DataDecoder(connection.context.listener.bareNewlines));
  connection.reply(REPLIES.startData);
}
