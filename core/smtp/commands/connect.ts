/** The greeting (RFC 5321 3.1, 4.3.1): opens the engine's session, asks it, waits for early talkers where so configured. */
import { setTimeout as sleep } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { formatSocketAddress } from "../../config/mod.ts";
import type { GatewayConnection } from "../gateway-connection.ts";
import { REPLIES, replyOf } from "../replies.ts";
import { admitSession } from "../session-count.ts";
import { tlsInfoOf } from "../tls-info.ts";

/** Runs once, when the connection is up. */
export async function connectStep(connection: GatewayConnection): Promise<void> {
  return greet(connection, connection.context.listener.greetingDelayMs);
}

/**
 * Takes a place for the client, opens its session, asks the engine, and says 220 or why not. Also after XCLIENT, for
 * the client that it names.
 *
 * @param delayMs wait before the greeting; not for clients in trusted networks
 */
export async function greet(connection: GatewayConnection, delayMs = 0): Promise<void> {
  const { config, listener, gateway, sessions, trusts, draining } = connection.context;
  if (draining) return connection.reply(REPLIES.stopping);
  const { client, local, said } = connection;
  const place = admitSession(sessions, config.limits, client.ip, trusts(client.ip));
  // Each refused one in the log would be another way to fill a disk.
  if ("reply" in place) return place.first ? connection.limitReached(place) : connection.reply(place.reply);
  connection.place = place;
  const session = gateway.openSession({
    origin: listener.kind === "lmtp" ? "lmtp" : "smtp",
    listener: {
      name: listener.name,
      kind: listener.kind,
      address: formatSocketAddress(listener.address),
    },
    client,
    local,
    ...(said.name === undefined ? {} : { clientName: said.name }),
    ...(said.login === undefined ? {} : { identity: { user: said.login } }),
    ...(connection.secure ? { tls: tlsInfoOf(connection._socket as TLSSocket) } : {}),
  });
  connection.gatewaySession = session;
  if (connection._closed) return session.close();
  // Before the hooks, so that they know who did not wait.
  if (delayMs > 0 && !session.trusted) await sleep(delayMs, undefined, { ref: false });
  if (connection._closing || connection._closed) return;
  if (!connection._ready) connection.watchEarlyTalk();
  const answer = await session.connect();
  if (connection._closing || connection._closed) return;
  if (answer.kind !== "goOn") {
    connection.reply(replyOf("connect", answer));
    return connection.close();
  }
  if (!connection._ready && connection.refusesEarlyTalk()) return;
  connection._resetSession();
  connection._ready = true;
  connection.reply({ code: 220, enhanced: "", text: `${config.hostName} ${protocolOf(connection)}` });
  connection.runHeld();
}

/** RFC 2033 4.1: an LMTP server greets as one. */
function protocolOf({ context }: GatewayConnection): "ESMTP" | "LMTP" {
  return context.listener.kind === "lmtp" ? "LMTP" : "ESMTP";
}
