/** MAIL (RFC 5321 4.1.1.2): begins a transaction. Its parameters are in mail-parameters.ts. */
import { isPathFault } from "../../mail/mod.ts";
import type { GatewayConnection } from "../gateway-connection.ts";
import { messageBytesMaxOf } from "../message-size.ts";
import { REPLIES, replyOf } from "../replies.ts";
import { readMailParameters } from "./mail-parameters.ts";
import { parsePathCommand, readPath } from "./path-command.ts";

const LEAD = /^MAIL +FROM: */i;
const REVERSE = { kind: "reverse" } as const;

/** Begins a transaction, or says why not. @param command the line without its end */
export async function mailCommand(connection: GatewayConnection, command: Buffer): Promise<void> {
  if (connection.inTransaction) return connection.reply(REPLIES.nestedMail);
  // RFC 3207 4: a server that needs TLS says so. The kind asks for it whether AUTH is needed or not.
  if (connection.context.listener.kind === "submission" && !connection.secure)
    return connection.reply(REPLIES.tlsNeeded);
  if (connection.context.listener.authRequired && connection.engine.identity === undefined)
    return connection.reply(REPLIES.authNeeded);
  const { lenientAddresses } = connection.context.listener;
  const parsed = parsePathCommand(command, LEAD, lenientAddresses);
  if (parsed === undefined) return connection.reply(REPLIES.mailSyntax);
  const parameters = readMailParameters(connection, parsed.parameters);
  if ("code" in parameters) return connection.reply(parameters);
  if (parameters.size !== undefined && parameters.size > messageBytesMaxOf(connection.context))
    return connection.reply(REPLIES.tooLarge);
  const smtputf8 = parameters.smtputf8 === true;
  // Leniently it comes without a word: a next hop that does not know SMTPUTF8 refuses the recipient in the relay.
  if (!smtputf8 && !parsed.ascii && !lenientAddresses) return connection.reply(REPLIES.needsSmtputf8);
  const reversePath = readPath(connection, parsed.path, REVERSE);
  if (isPathFault(reversePath)) return connection.reply(REPLIES.mailSyntax);
  const answer = await connection.engine.mail(reversePath, parameters);
  if (answer.kind === "goOn" || answer.kind === "accepted") {
    connection.inTransaction = true;
    connection.smtputf8 = smtputf8;
    connection.refusedBytes = 0;
  }
  connection.reply(replyOf("mail", answer));
}
