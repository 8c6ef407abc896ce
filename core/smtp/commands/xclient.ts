/** XCLIENT (Postfix's XCLIENT_README): a listed peer says who its client is, and the session begins anew for that one. */
import { hostPort, type SaidOfClient, UNKNOWN_CLIENT } from "../client-address.ts";
import type { GatewayConnection } from "../gateway-connection.ts";
import { SessionLimits } from "../limits.ts";
import { REPLIES } from "../replies.ts";
import { parseXclient, type XclientAttributes } from "../xclient.ts";
import { greet } from "./connect.ts";

/** Takes another client, and greets it with 220 or refuses it. @param command the line without its end */
export async function xclientCommand(connection: GatewayConnection, command: Buffer): Promise<void> {
  if (!connection.peerMay.xclient) return connection.reply(REPLIES.xclientRefused);
  if (connection.inTransaction) return connection.reply(REPLIES.xclientInTransaction);
  const attributes = parseXclient(command.toString("latin1").slice("XCLIENT".length));
  if (attributes === undefined) return connection.reply(REPLIES.badParameter);
  takeClient(connection, attributes);
  return greet(connection);
}

/** The session ends for the client that was, and is to begin for another one. */
function takeClient(connection: GatewayConnection, attributes: XclientAttributes): void {
  const { config, trusts } = connection.context;
  const { addr, port, destaddr, destport } = attributes;
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
  connection.said = saidOf(attributes, connection);
  connection.limits = new SessionLimits(config.limits, trusts(connection.client.ip));
  connection.authFailures = 0;
  connection.hostNameAppearsAs = false;
}

/** What is said of the client now. Another address is another client: of it nothing is known that is not said with it. */
function saidOf(attributes: XclientAttributes, { client, said }: GatewayConnection): SaidOfClient {
  const { addr, helo, proto, login } = attributes;
  const before: SaidOfClient = addr === undefined ? said : {};
  return {
    helo: helo === undefined ? before.helo : (helo ?? undefined),
    proto: proto === undefined ? before.proto : (proto ?? undefined),
    name: nameOf(attributes, client.ip) ?? before.name,
    login: login === undefined ? before.login : (login ?? undefined),
  };
}

function nameOf(
  { name, nameUnanswered, reverse_name: reverseName }: XclientAttributes,
  ip: string,
): SaidOfClient["name"] {
  if (name === undefined) return undefined;
  if (name !== null) return { result: "pass", name: name.toLowerCase().replace(/\.$/, ""), ip };
  const result = nameUnanswered ? "temperror" : reverseName ? "fail" : "permerror";
  return { result, name: "", ip };
}
