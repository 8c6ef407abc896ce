/** RCPT (RFC 5321 4.1.1.3): one recipient. Its parameters are in rcpt-parameters.ts. */
import { isPathFault } from "../../mail/mod.ts";
import type { GatewayConnection } from "../gateway-connection.ts";
import { REPLIES, replyOf } from "../replies.ts";
import { parsePathCommand, readPath } from "./path-command.ts";
import { readRcptParameters } from "./rcpt-parameters.ts";

const LEAD = /^RCPT +TO: */i;
const FORWARD = { kind: "forward" } as const;

/** Adds one recipient to the transaction, or says why not. @param command the line without its end */
export async function rcptCommand(connection: GatewayConnection, command: Buffer): Promise<void> {
  if (!connection.inTransaction) return connection.reply(REPLIES.needMail);
  // The message has begun to come in: its envelope is closed.
  if (connection.chunks !== undefined) return connection.reply(REPLIES.chunksBegun);
  connection.recipientsTried += 1;
  if (connection.recipientsAccepted >= connection.context.config.limits.recipientsMax) {
    return connection.reply(REPLIES.tooManyRecipients);
  }
  const { lenientAddresses } = connection.context.listener;
  const parsed = parsePathCommand(command, LEAD, lenientAddresses);
  if (parsed === undefined) return connection.reply(REPLIES.rcptSyntax);
  const parameters = readRcptParameters(connection, parsed.parameters);
  if ("code" in parameters) return connection.reply(parameters);
  if (!connection.smtputf8 && !parsed.ascii && !lenientAddresses)
    return connection.reply(REPLIES.needsSmtputf8);
  const forwardPath = readPath(connection, parsed.path, FORWARD);
  if (forwardPath === null || isPathFault(forwardPath)) return connection.reply(REPLIES.rcptSyntax);
  const answer = await connection.engine.rcpt(forwardPath, parameters);
  if (answer.kind === "goOn" || answer.kind === "accepted") connection.recipientsAccepted += 1;
  connection.reply(replyOf("rcpt", answer));
}
