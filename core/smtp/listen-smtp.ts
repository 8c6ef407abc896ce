/** Listens for SMTP on smtp-server and feeds the engine. The process, its signals and its privileges are the cli's. */
import { readFile } from "node:fs/promises";
import type { AddressInfo, Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import type { GatewayConfig, ListenerConfig, SocketAddress } from "../config/mod.ts";
import { networkMatcher } from "../mail/mod.ts";
import { type ConnectionOptions, optionsOfHeader } from "./client-address.ts";
import type { ListenerContext } from "./listener-context.ts";
import type { ListenSmtpOptions, SessionOpener } from "./listener-options.ts";
import type { ProxyHeader } from "./proxy-header.ts";
import { type ProxyFault, readProxyHeader } from "./read-proxy-header.ts";
import { CommandConnection } from "./session-commands.ts";
import { watchSessions } from "./session-watch.ts";

const BACKLOG = 4096;
const DRAIN_MS = 30_000;
const TURNS_MAX = 100;

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
    ...{ config, listener, gateway },
    options: { ...options, messageMs: options.messageMs ?? config.limits.messageMs },
    sessions: options.sessions ?? { count: 0 },
    trusts: networkMatcher(listener.trustedNetworks),
    mayXclient: networkMatcher(listener.xclient),
    connections: new Set(),
    draining: false,
  };
  const server = new GatewayServer(context, {
    ...pem,
    name: config.hostName,
    secure: listener.kind === "submissions",
    // RFC 8996; smtp-server's own default is 1.0.
    minVersion: "TLSv1.2",
    disabledCommands: [
      ...["WIZ", "SHELL", "KILL", "XFORWARD"],
      ...(listener.xclient.length === 0 ? ["XCLIENT"] : []),
      ...(listener.tls === undefined ? ["STARTTLS"] : []),
    ],
    authOptional: true,
    disableReverseLookup: true,
    socketTimeout: config.limits.idleMs,
    maxClients: config.limits.sessionsMax,
    maxCommandLength: config.limits.lineBytesMax,
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
  const stopWatch = watchSessions(context.connections, config.limits, options.rateWindowMs);
  const bound = server.server.address() as AddressInfo;
  let closing: Promise<void> | undefined;
  return {
    address: { host: bound.address, port: bound.port },
    close: () => {
      closing ??= closeServer(server, context).finally(stopWatch);
      return closing;
    },
  };
}

class GatewayServer extends SMTPServer {
  readonly #context: ListenerContext;
  readonly #isProxy: (ip: string) => boolean;

  constructor(context: ListenerContext, options: SMTPServerOptions) {
    super(options);
    this.#context = context;
    this.#isProxy = networkMatcher(context.listener.proxyProtocol);
  }

  // With true, smtp-server bounds how many sockets wait for their header, and closes them with the listener.
  override _expectsProxyHeader(socket: Socket): boolean {
    return this.#context.listener.proxyProtocol.length > 0 && this.#isProxy(socket.remoteAddress ?? "");
  }

  // Its own reads version 1 alone, takes what is no header in the right place, and answers a malformed one.
  override _handleProxy(
    socket: Socket,
    callback: (error: Error | null, socketOptions?: ConnectionOptions & { id: string }) => void,
  ): void {
    if (!this._expectsProxyHeader(socket)) {
      super._handleProxy(socket, callback);
      return;
    }
    const peer = socket.remoteAddress ?? "";
    const { listener, options, trusts } = this.#context;
    const done = (result: ProxyHeader | ProxyFault): void => {
      if (typeof result === "string") {
        options.log.info("proxyHeaderRefused", { listener: listener.name, peer, reason: result });
        callback(new Error(result));
      } else {
        // The id is made by the connection where it is "".
        callback(null, { ...optionsOfHeader(result, trusts(peer)), id: "" });
      }
    };
    readProxyHeader(socket, done, options.proxyHeaderMs);
  }

  override connect(socket: Socket | TLSSocket, socketOptions?: ConnectionOptions): void {
    // Its 'close' has been, and nothing would ever end the session.
    if (socket.destroyed) return;
    const connection = new CommandConnection(this.#context, this, socket, socketOptions);
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
  // The server is gone a turn or two before its last sockets say so: who waits for us must find the engine told.
  for (let turns = 0; turns < TURNS_MAX && context.connections.size > 0; turns += 1) await nextTurn();
}
