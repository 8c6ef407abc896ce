/** RCPT (RFC 5321 4.1.1.3). No parameter of it is offered. */
import { isPathFault, parsePath } from "../../mail/mod.ts";
import type { GatewayConnection } from "../gateway-connection.ts";
import { REPLIES, replyOf } from "../replies.ts";
import { parsePathCommand } from "./path-command.ts";

/** Adds one recipient to the transaction, or says why not. @param command the line without its end */
export async function rcptCommand(connection: GatewayConnection, command: Buffer): Promise<void> {
  if (!connection.inTransaction) return connection.reply(REPLIES.needMail);
  connection.recipientsTried += 1;
  if (connection.recipientsAccepted >= connection.context.config.limits.recipientsMax) {
    return connection.reply(REPLIES.tooManyRecipients);
  }
  const parsed = parsePathCommand(command, /^RCPT +TO: */i);
  if (parsed === undefined) return connection.reply(REPLIES.rcptSyntax);
  if (parsed.parameters.size > 0) return connection.reply(REPLIES.unknownParameter);
  if (!connection.smtputf8 && /[^\0-\x7f]/.test(parsed.path)) return connection.reply(REPLIES.needsSmtputf8);
  const forwardPath = parsePath(parsed.path, { kind: "forward" });
  if (forwardPath === null || isPathFault(forwardPath)) return connection.reply(REPLIES.rcptSyntax);
  const answer = await connection.engine.rcpt(forwardPath, {});
  if (answer.kind === "goOn" || answer.kind === "accepted") connection.recipientsAccepted += 1;
  connection.reply(replyOf("rcpt", answer));
}
