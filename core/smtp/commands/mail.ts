/** MAIL (RFC 5321 4.1.1.2): begins a transaction. Its parameters are in mail-parameters.ts. */
import { isPathFault, parsePath } from "../../mail/mod.ts";
import type { GatewayConnection } from "../gateway-connection.ts";
import { messageBytesMaxOf } from "../message-size.ts";
import { REPLIES, replyOf } from "../replies.ts";
import { readMailParameters } from "./mail-parameters.ts";
import { parsePathCommand } from "./path-command.ts";

const LEAD = /^MAIL +FROM: */i;
const REVERSE = { kind: "reverse" } as const;

/** Begins a transaction, or says why not. @param command the line without its end */
export async function mailCommand(connection: GatewayConnection, command: Buffer): Promise<void> {
  if (connection.inTransaction) return connection.reply(REPLIES.nestedMail);
  if (connection.context.listener.authRequired && connection.engine.identity === undefined)
    return connection.reply(REPLIES.authNeeded);
  const parsed = parsePathCommand(command, LEAD);
  if (parsed === undefined) return connection.reply(REPLIES.mailSyntax);
  const parameters = readMailParameters(connection, parsed.parameters);
  if ("code" in parameters) return connection.reply(parameters);
  if (parameters.size !== undefined && parameters.size > messageBytesMaxOf(connection.context))
    return connection.reply(REPLIES.tooLarge);
  const smtputf8 = parameters.smtputf8 === true;
  if (!smtputf8 && !parsed.ascii) return connection.reply(REPLIES.needsSmtputf8);
  const reversePath = parsePath(parsed.path, REVERSE);
  if (isPathFault(reversePath)) return connection.reply(REPLIES.mailSyntax);
  const answer = await connection.engine.mail(reversePath, parameters);
  if (answer.kind === "goOn" || answer.kind === "accepted") {
    connection.inTransaction = true;
    connection.smtputf8 = smtputf8;
    connection.refusedBytes = 0;
  }
  connection.reply(replyOf("mail", answer));
}
