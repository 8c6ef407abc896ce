/** What the listener offers in EHLO. A parameter is taken only where its extension is offered here. */
import type { GatewayConnection } from "./gateway-connection.ts";
import { messageBytesMaxOf } from "./message-size.ts";
import { XCLIENT_KEYWORD } from "./xclient.ts";

/** RFC 4954 4: not before TLS, and only where a plugin can authenticate. */
export function offersAuth(connection: GatewayConnection): boolean {
  return connection.secure && connection.context.options.authOffered === true;
}

/** RFC 8689 2: only over TLS. */
export function offersRequireTls(connection: GatewayConnection): boolean {
  return connection.secure && connection.context.options.advertise?.requireTls === true;
}

/** The keywords of an EHLO reply, with their parameters. */
export function extensionsOf(connection: GatewayConnection): string[] {
  const { listener, options } = connection.context;
  const offered = [
    ...["PIPELINING", "8BITMIME", `SIZE ${messageBytesMaxOf(connection.context)}`, "ENHANCEDSTATUSCODES"],
    "CHUNKING",
  ];
  if (listener.tls !== undefined && !connection.secure) offered.push("STARTTLS");
  if (offersAuth(connection)) offered.push("AUTH PLAIN LOGIN");
  if (connection.mayXclient) offered.push(XCLIENT_KEYWORD);
  if (options.advertise?.smtputf8 === true) offered.push("SMTPUTF8");
  if (options.advertise?.dsn === true) offered.push("DSN");
  if (offersRequireTls(connection)) offered.push("REQUIRETLS");
  return offered;
}
