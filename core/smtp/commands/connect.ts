/** The greeting (RFC 5321 3.1, 4.3.1): opens the engine's session, asks it, waits for early talkers where so configured. */
import { setTimeout as sleep } from "node:timers/promises";
import { hostPort } from "../client-address.ts";
import type { GatewayConnection } from "../gateway-connection.ts";
import { REPLIES, replyOf } from "../replies.ts";
import { admitSession } from "../session-count.ts";

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
  const { client, local } = connection;
  const place = admitSession(sessions, config.limits, client.ip, trusts(client.ip));
  // Each refused one in the log would be another way to fill a disk.
  if ("reply" in place) return place.first ? connection.limitReached(place) : connection.reply(place.reply);
  connection.place = place;
  const session = gateway.openSession({
    origin: "smtp",
    listener: {
      name: listener.name,
      kind: listener.kind,
      address: hostPort(listener.address.host, listener.address.port),
    },
    client,
    local,
  });
  connection.gatewaySession = session;
  if (connection._closed) return session.close();
  if (connection.secure) connection.startedTls();
  const answer = await session.connect();
  if (answer.kind === "goOn" && delayMs > 0 && !session.trusted)
    await sleep(delayMs, undefined, { ref: false });
  if (connection._closing || connection._closed) return;
  if (answer.kind !== "goOn") {
    connection.reply(replyOf("connect", answer));
    return connection.close();
  }
  if (!connection._ready && connection.refusesEarlyTalk()) return;
  connection._resetSession();
  connection._ready = true;
  connection.reply({ code: 220, enhanced: "", text: `${config.hostName} ESMTP` });
  connection.runHeld();
}
