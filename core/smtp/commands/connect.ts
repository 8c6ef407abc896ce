/** The greeting (RFC 5321 3.1, 4.3.1): opens the engine's session, asks it, waits for early talkers where so configured. */
import { setTimeout as sleep } from "node:timers/promises";
import type { GatewayConnection } from "../gateway-connection.ts";
import { REPLIES, replyOf } from "../replies.ts";

/** Runs once, when the connection is up. */
export async function connectStep(connection: GatewayConnection): Promise<void> {
  const { config, listener, gateway, sessions, draining } = connection.context;
  if (draining) return connection.reply(REPLIES.stopping);
  if (sessions.count >= config.limits.sessionsMax) return connection.reply(REPLIES.tooManySessions);
  sessions.count += 1;
  connection.counted = true;
  const session = gateway.openSession({
    origin: "smtp",
    listener: {
      name: listener.name,
      kind: listener.kind,
      address: hostPort(listener.address.host, listener.address.port),
    },
    client: { ip: connection.remoteAddress, port: connection.remotePort },
    local: hostPort(connection.localAddress, connection.localPort),
  });
  connection.gatewaySession = session;
  if (connection._closed) return session.close();
  if (connection.secure) connection.startedTls();
  const answer = await session.connect();
  if (answer.kind === "goOn" && listener.greetingDelayMs > 0 && !session.trusted)
    await sleep(listener.greetingDelayMs, undefined, { ref: false });
  if (connection._closing || connection._closed) return;
  if (answer.kind !== "goOn") {
    connection.reply(replyOf("connect", answer));
    return connection.close();
  }
  connection._resetSession();
  connection._ready = true;
  connection.reply({ code: 220, enhanced: "", text: `${config.hostName} ESMTP` });
}

function hostPort(host: string, port: number): string {
  return host === "" ? "" : host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
