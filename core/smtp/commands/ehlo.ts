/** EHLO, HELO (RFC 5321 4.1.1.1) and LHLO (RFC 2033 4.1). Offers only what the listener keeps. */
import { extensionsOf, offeredRouteExtensions } from "../extensions.ts";
import type { GatewayConnection } from "../gateway-connection.ts";
import { REPLIES, replyOf } from "../replies.ts";

/** Greets, and clears a transaction that is open (RFC 5321 4.1.4). @param extended EHLO or LHLO and not HELO */
export async function ehloCommand(
  connection: GatewayConnection,
  command: Buffer,
  extended: boolean,
): Promise<void> {
  const name = command.toString("utf8").slice(4).trim();
  if (name === "" || name.length > 255 || !/^[\x21-\x7e]+$/.test(name))
    return connection.reply(isLmtp(connection) ? REPLIES.lhloSyntax : REPLIES.heloSyntax);
  const answer = await connection.engine.ehlo(name, verbOf(connection, extended));
  if (answer.kind !== "goOn") {
    connection.reply(replyOf("ehlo", answer));
    // The engine's transaction is gone with the new greeting, also where it is refused.
    return connection.clearTransaction();
  }
  connection.hostNameAppearsAs = name;
  connection.offered = extended ? offeredRouteExtensions(connection) : [];
  const hostName = connection.context.config.hostName;
  connection.reply({
    code: 250,
    enhanced: "",
    text: [hostName, ...(extended ? extensionsOf(connection) : [])].join("\n"),
  });
  // RFC 5321 4.1.4: EHLO is a RSET too.
  connection.clearTransaction();
}

function isLmtp({ context }: GatewayConnection): boolean {
  return context.listener.kind === "lmtp";
}

/** As the client greeted the peer in front of us, where that one has told: the peer's own way is what it hears. */
function verbOf(connection: GatewayConnection, extended: boolean): "EHLO" | "HELO" | "LHLO" {
  if (isLmtp(connection)) return "LHLO";
  const { proto } = connection.said;
  return (proto === undefined ? extended : proto === "ESMTP") ? "EHLO" : "HELO";
}
