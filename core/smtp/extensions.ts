/** What the listener offers in EHLO. A parameter is taken only where its extension is offered here. */
import type { Reply } from "../mail/mod.ts";
import type { GatewayConnection } from "./gateway-connection.ts";
import { messageBytesMaxOf } from "./message-size.ts";
import { REPLIES } from "./replies.ts";
import { XCLIENT_KEYWORD } from "./xclient.ts";
import { XFORWARD_KEYWORD } from "./xforward.ts";

/** RFC 4954 4: not before TLS, and only where a plugin can authenticate. */
export function offersAuth(connection: GatewayConnection): boolean {
  return connection.secure && connection.context.options.authOffered === true;
}

/** Extensions that depend on what the routes keep. */
export type RouteExtension = "eightBitMime" | "smtputf8" | "dsn" | "requireTls";

/** Whether the extension is offered now; what the session's EHLO said can be older. */
export function offers(connection: GatewayConnection, extension: RouteExtension): boolean {
  const { advertise } = connection.context.options;
  // RFC 8689 2: only over TLS.
  if (extension === "requireTls" && !connection.secure) return false;
  return advertise?.[extension] ?? extension === "eightBitMime";
}

/**
 * The reply to a parameter of an extension; undefined: it is taken. Where EHLO offered it and no next hop keeps it any
 * more, the message is put off: 555 would make the client give up what the next session's EHLO can tell it to send otherwise.
 */
export function refusalOfParameter(
  connection: GatewayConnection,
  extension: RouteExtension,
): Reply | undefined {
  if (offers(connection, extension)) return undefined;
  return connection.offered.includes(extension) ? REPLIES.extensionGone : REPLIES.unknownParameter;
}

/** All that are offered now. */
export function offeredRouteExtensions(connection: GatewayConnection): readonly RouteExtension[] {
  return ROUTE_EXTENSIONS.filter((extension) => offers(connection, extension));
}

const ROUTE_EXTENSIONS = ["eightBitMime", "smtputf8", "dsn", "requireTls"] as const;

/** The keywords of an EHLO reply, with their parameters. */
export function extensionsOf(connection: GatewayConnection): string[] {
  const { listener } = connection.context;
  const offered = ["PIPELINING"];
  if (offers(connection, "eightBitMime")) offered.push("8BITMIME");
  offered.push(`SIZE ${messageBytesMaxOf(connection.context)}`, "ENHANCEDSTATUSCODES", "CHUNKING");
  if (listener.tls !== undefined && !connection.secure) offered.push("STARTTLS");
  if (offersAuth(connection)) {
    // The best comes first: some clients take the first that they know.
    offered.push(
      connection.context.options.scramOffered === true
        ? "AUTH SCRAM-SHA-256 PLAIN LOGIN"
        : "AUTH PLAIN LOGIN",
    );
  }
  if (connection.peerMay.xclient) offered.push(XCLIENT_KEYWORD);
  if (connection.peerMay.xforward) offered.push(XFORWARD_KEYWORD);
  if (offers(connection, "smtputf8")) offered.push("SMTPUTF8");
  if (offers(connection, "dsn")) offered.push("DSN");
  if (offers(connection, "requireTls")) offered.push("REQUIRETLS");
  return offered;
}
