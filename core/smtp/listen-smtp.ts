/** Listens for SMTP on smtp-server and feeds the engine. The process, its signals and its privileges are the cli's. */
import { readFile } from "node:fs/promises";
import type { AddressInfo, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import type { SMTPConnectionOptions } from "smtp-server/lib/smtp-connection.js";
import type { GatewayConfig, ListenerConfig, SocketAddress } from "../config/mod.ts";
import { GatewayConnection, type ListenerContext } from "./gateway-connection.ts";
import type { ListenSmtpOptions, SessionOpener } from "./listener-options.ts";

const BACKLOG = 4096;
const DRAIN_MS = 30_000;

/** A listener that is up. */
export interface SmtpListener {
  /** With the real port. */
  readonly address: SocketAddress;
  /**
   * Takes no more sessions, says 421 to idle ones at once and to the others after their transaction or `drainMs`. A
   * message that came whole gets its answer. Never rejects.
   */
  close(): Promise<void>;
}

/** Starts a listener. Rejects with Node's error when the address or a PEM file can not be used. */
export async function listenSmtp(
  config: GatewayConfig,
  listener: ListenerConfig,
  gateway: SessionOpener,
  options: ListenSmtpOptions,
): Promise<SmtpListener> {
  const pem =
    listener.tls === undefined
      ? {}
      : { key: await readFile(listener.tls.keyFile), cert: await readFile(listener.tls.certFile) };
  const context: ListenerContext = {
    ...{ config, listener, gateway, options },
    sessions: options.sessions ?? { count: 0 },
    connections: new Set(),
    draining: false,
  };
  const server = new GatewayServer(context, {
    ...pem,
    name: config.hostName,
    secure: listener.kind === "submissions",
    disabledCommands: [
      ...["WIZ", "SHELL", "KILL", "XCLIENT", "XFORWARD"],
      ...(listener.tls === undefined ? ["STARTTLS"] : []),
    ],
    authOptional: true,
    disableReverseLookup: true,
    socketTimeout: config.limits.idleMs,
    maxClients: config.limits.sessionsMax,
    logger: false,
  });
  // The library listens for errors only once it has taken the socket over, which is a turn of the loop later.
  server.server.on("connection", (socket: Socket) => socket.on("error", () => {}));
  const { host, port } = listener.address;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.server.listen({ host, port, backlog: BACKLOG }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  server.on("error", (error) =>
    options.log.info("smtpConnectionError", { listener: listener.name, message: error.message }),
  );
  const bound = server.server.address() as AddressInfo;
  let closing: Promise<void> | undefined;
  return {
    address: { host: bound.address, port: bound.port },
    close: () => {
      closing ??= closeServer(server, context);
      return closing;
    },
  };
}

class GatewayServer extends SMTPServer {
  readonly #context: ListenerContext;

  constructor(context: ListenerContext, options: SMTPServerOptions) {
    super(options);
    this.#context = context;
  }

  override connect(socket: Socket | TLSSocket, socketOptions?: SMTPConnectionOptions): void {
    // Its 'close' has been, and nothing would ever end the session.
    if (socket.destroyed) return;
    const connection = new GatewayConnection(this.#context, this, socket, socketOptions);
    this.connections.add(connection);
    connection.on("error", (error) => this._onError(error));
    connection.init();
  }
}

async function closeServer(server: GatewayServer, context: ListenerContext): Promise<void> {
  context.draining = true;
  const gone = new Promise<void>((resolve) => server.server.close(() => resolve()));
  for (const socket of server._pendingSockets.values()) socket.destroy();
  for (const connection of context.connections) connection.drain();
  const timer = setTimeout(() => {
    for (const connection of context.connections) connection.cut();
  }, context.options.drainMs ?? DRAIN_MS);
  await gone;
  clearTimeout(timer);
}
