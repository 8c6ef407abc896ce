/** MAIL (RFC 5321 4.1.1.2) with SIZE (RFC 1870), BODY (RFC 6152) and, where offered, SMTPUTF8 (RFC 6531). */
import { isPathFault, parsePath, type Reply } from "../../mail/mod.ts";
import type { MailParameters } from "../../pipeline/mod.ts";
import type { GatewayConnection } from "../gateway-connection.ts";
import { REPLIES, replyOf } from "../replies.ts";
import { parsePathCommand } from "./path-command.ts";

/** Begins a transaction. @param command the line without its end */
export async function mailCommand(connection: GatewayConnection, command: Buffer): Promise<void> {
  const { listener, options, config } = connection.context;
  if (connection.inTransaction) return connection.reply(REPLIES.nestedMail);
  if (listener.authRequired && connection.engine.identity === undefined)
    return connection.reply(REPLIES.authNeeded);
  const parsed = parsePathCommand(command, /^MAIL +FROM: */i);
  if (parsed === undefined) return connection.reply(REPLIES.mailSyntax);
  if (parsed.duplicate) return connection.reply(REPLIES.badParameter);
  const parameters: { -readonly [K in keyof MailParameters]: MailParameters[K] } = {};
  for (const [keyword, value] of parsed.parameters) {
    const refusal = readParameter(parameters, keyword, value, options.advertise?.smtputf8 === true);
    if (refusal !== undefined) return connection.reply(refusal);
  }
  if (parameters.size !== undefined && parameters.size > config.limits.messageBytesMax)
    return connection.reply(REPLIES.tooLarge);
  const smtputf8 = parameters.smtputf8 === true;
  if (!smtputf8 && /[^\0-\x7f]/.test(parsed.path)) return connection.reply(REPLIES.needsSmtputf8);
  const reversePath = parsePath(parsed.path, { kind: "reverse" });
  if (isPathFault(reversePath)) return connection.reply(REPLIES.mailSyntax);
  const answer = await connection.engine.mail(reversePath, parameters);
  if (answer.kind === "goOn" || answer.kind === "accepted") {
    connection.inTransaction = true;
    connection.smtputf8 = smtputf8;
  }
  connection.reply(replyOf("mail", answer));
}

function readParameter(
  into: { -readonly [K in keyof MailParameters]: MailParameters[K] },
  keyword: string,
  value: string,
  smtputf8Offered: boolean,
): Reply | undefined {
  switch (keyword) {
    case "SIZE":
      if (!/^\d{1,20}$/.test(value)) return REPLIES.badParameter;
      into.size = Number(value);
      return undefined;
    case "BODY": {
      const body = value.toUpperCase();
      if (body !== "7BIT" && body !== "8BITMIME") return REPLIES.badParameter;
      into.body = body;
      return undefined;
    }
    case "SMTPUTF8":
      if (!smtputf8Offered) return REPLIES.unknownParameter;
      if (value !== "") return REPLIES.badParameter;
      into.smtputf8 = true;
      return undefined;
    default:
      return REPLIES.unknownParameter;
  }
}
