/** XFORWARD (Postfix's XFORWARD_README): a listed peer says of whom it had the next message. Who the client is stays as it is. */
import type { GatewayConnection } from "../gateway-connection.ts";
import { REPLIES } from "../replies.ts";
import { parseXforward } from "../xforward.ts";

/** Takes it for the trace, the log and the next hop. @param command the line without its end */
export async function xforwardCommand(connection: GatewayConnection, command: Buffer): Promise<void> {
  if (!connection.peerMay.xforward) return connection.reply(REPLIES.xforwardRefused);
  if (connection.inTransaction) return connection.reply(REPLIES.xforwardInTransaction);
  const said = parseXforward(command.toString("latin1").slice("XFORWARD".length));
  if (said === undefined) return connection.reply(REPLIES.badParameter);
  connection.engine.forwarded(said);
  connection.reply(REPLIES.flushed);
}
