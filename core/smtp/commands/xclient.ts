/** XCLIENT (Postfix's XCLIENT_README): a listed peer says who its client is, and the session begins anew for that one. */
import { hostPort, UNKNOWN_CLIENT } from "../client-address.ts";
import type { GatewayConnection } from "../gateway-connection.ts";
import { SessionLimits } from "../limits.ts";
import { REPLIES } from "../replies.ts";
import { parseXclient, type XclientAttributes } from "../xclient.ts";
import { greet } from "./connect.ts";

/** Takes another client, and greets it with 220 or refuses it. @param command the line without its end */
export async function xclientCommand(connection: GatewayConnection, command: Buffer): Promise<void> {
  if (!connection.mayXclient) return connection.reply(REPLIES.xclientRefused);
  if (connection.inTransaction) return connection.reply(REPLIES.xclientInTransaction);
  const attributes = parseXclient(command.toString("latin1").slice("XCLIENT".length));
  if (attributes === undefined) return connection.reply(REPLIES.badParameter);
  takeClient(connection, attributes);
  return greet(connection);
}

/** The session ends for the client that was, and is to begin for another one. */
function takeClient(connection: GatewayConnection, attributes: XclientAttributes): void {
  const { config, trusts } = connection.context;
  const { addr, port, helo, destaddr, destport } = attributes;
  connection.place?.release();
  connection.place = undefined;
  connection.gatewaySession?.close();
  connection.gatewaySession = undefined;
  connection.clearTransaction();
  if (addr === null) connection.client = UNKNOWN_CLIENT;
  else if (addr !== undefined) connection.client = { ip: addr, port: port ?? 0 };
  else if (port !== undefined) connection.client = { ip: connection.client.ip, port: port ?? 0 };
  if (destaddr !== undefined) connection.local = hostPort(destaddr ?? "", destport ?? 0);
  else if (destport !== undefined) connection.local = hostPort(connection.localAddress, destport ?? 0);
  if (helo !== undefined) connection.heloOfClient = helo ?? undefined;
  connection.limits = new SessionLimits(config.limits, trusts(connection.client.ip));
  connection.authFailures = 0;
  connection.hostNameAppearsAs = false;
}
