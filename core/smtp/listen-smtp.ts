/** Listens for SMTP on smtp-server and feeds the engine. The process, its signals and its privileges are the cli's. */
import type { AddressInfo, Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { SecureContext, TLSSocket } from "node:tls";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import type { GatewayConfig, ListenerConfig, SocketAddress } from "../config/mod.ts";
import { networkMatcher } from "../mail/mod.ts";
import { type ConnectionOptions, optionsOfHeader } from "./client-address.ts";
import { ListenerCertificates } from "./listener-certificates.ts";
import type { ListenerContext } from "./listener-context.ts";
import type { ListenSmtpOptions, SessionOpener } from "./listener-options.ts";
import type { ProxyHeader } from "./proxy-header.ts";
import { type ProxyFault, readProxyHeader } from "./read-proxy-header.ts";
import { CommandConnection } from "./session-commands.ts";
import { watchSessions } from "./session-watch.ts";
import { clearStaleSocket, listenOnSocket, socketPathOf } from "./unix-socket.ts";

const BACKLOG = 4096;
const DRAIN_MS = 30_000;
const TURNS_MAX = 100;

/** A listener that is up. */
export interface SmtpListener {
  /** With the real port. */
  readonly address: SocketAddress;
  /** Reads the PEM files now; those of before stay where the new ones can not be used. Never rejects. */
  reloadCertificates(): Promise<void>;
  /**
   * Takes no more sessions, says 421 to idle ones at once and to the others after their transaction or `drainMs`. A
   * message that came whole gets its answer. Never rejects.
   */
  close(): Promise<void>;
}

/** Starts a listener. Rejects when the address or a PEM file can not be used. */
export async function listenSmtp(
  config: GatewayConfig,
  listener: ListenerConfig,
  gateway: SessionOpener,
  options: ListenSmtpOptions,
): Promise<SmtpListener> {
  const certificates =
    listener.tls &&
    (await ListenerCertificates.open(listener.tls, {
      ...{ listener: listener.name, log: options.log, pollMs: options.certificatePollMs },
    }));
  const context: ListenerContext = {
    ...{ config, listener, gateway },
    options: {
      ...options,
      messageMs: options.messageMs ?? config.limits.messageMs,
      // Who delivers by LMTP does so for its system, and is nobody that could log in.
      authOffered: options.authOffered === true && listener.kind !== "lmtp",
    },
    sessions: options.sessions ?? { count: 0 },
    trusts: networkMatcher(listener.trustedNetworks),
    peerMay: rightsBy(listener),
    connections: new Set(),
    draining: false,
  };
  const server = new GatewayServer(context, certificates, {
    name: config.hostName,
    secure: listener.kind === "submissions",
    // LHLO in place of EHLO and HELO (RFC 2033 4.1); all else of LMTP is ours.
    lmtp: listener.kind === "lmtp",
    disabledCommands: [
      ...["WIZ", "SHELL", "KILL"],
      ...(listener.xclient.length === 0 ? ["XCLIENT"] : []),
      ...(listener.xforward.length === 0 ? ["XFORWARD"] : []),
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
  await listenOn(server, listener.address).catch((error: unknown) => {
    certificates?.close();
    throw error;
  });
  server.on("error", (error) =>
    options.log.info("smtpConnectionError", { listener: listener.name, message: error.message }),
  );
  const stopWatch = watchSessions(context.connections, config.limits, options.rateWindowMs);
  const bound = server.server.address() as AddressInfo | string;
  let closing: Promise<void> | undefined;
  return {
    address: typeof bound === "string" ? listener.address : { host: bound.address, port: bound.port },
    reloadCertificates: async () => certificates?.reload(),
    close: () => {
      certificates?.close();
      closing ??= closeServer(server, context).finally(stopWatch);
      return closing;
    },
  };
}

function rightsBy({ xclient, xforward }: ListenerConfig): ListenerContext["peerMay"] {
  const mayXclient = networkMatcher(xclient);
  const mayXforward = networkMatcher(xforward);
  return (ip) => ({ xclient: mayXclient(ip), xforward: mayXforward(ip) });
}

async function listenOn(server: GatewayServer, address: SocketAddress): Promise<void> {
  const path = socketPathOf(address);
  if (path !== undefined) await clearStaleSocket(path);
  await new Promise<void>((resolve, reject) => {
    const done = (): void => {
      server.off("error", reject);
      resolve();
    };
    server.once("error", reject);
    if (path !== undefined) listenOnSocket(server.server, path, BACKLOG, done);
    else server.server.listen({ host: address.host, port: address.port, backlog: BACKLOG }, done);
  });
}

class GatewayServer extends SMTPServer {
  readonly #context: ListenerContext;
  readonly #certificates: ListenerCertificates | undefined;
  readonly #isProxy: (ip: string) => boolean;

  constructor(
    context: ListenerContext,
    certificates: ListenerCertificates | undefined,
    options: SMTPServerOptions,
  ) {
    super(options);
    this.#context = context;
    this.#certificates = certificates;
    this.#isProxy = networkMatcher(context.listener.proxyProtocol);
  }

  // Its own, called by its constructor, falls back to a certificate whose key everybody knows, and to TLS 1.0.
  override updateSecureContext(): void {
    const contexts = new Map<string, SecureContext>();
    // It asks for the context that a handshake begins with, and for no other.
    contexts.get = () => this.#certificates?.fallback;
    this.secureContext = contexts;
  }

  override _resolveSNI(name: string, callback: (error: Error | null, context?: SecureContext) => void): void {
    callback(null, this.#certificates?.contextFor(name));
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
