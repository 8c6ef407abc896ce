/**
 * One SMTP session on smtp-server's connection: its state, its replies and its end. The commands are joined to it by
 * session-commands.ts, and run so that nothing rejects out of them. Decides nothing; the engine does.
 */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { SMTPServer } from "smtp-server";
import { SMTPConnection } from "smtp-server/lib/smtp-connection.js";
import type { ContentReceiver, GatewaySession } from "../gateway/mod.ts";
import type { Reply } from "../mail/mod.ts";
import {
  type ClientAddress,
  type ConnectionOptions,
  hostPort,
  type SaidOfClient,
  UNKNOWN_CLIENT,
} from "./client-address.ts";
import { type ChunkedMessage, isBdat } from "./commands/bdat.ts";
import { connectStep } from "./commands/connect.ts";
import { EarlyTalkWatch, tellEarlyTalk } from "./early-talk.ts";
import type { RouteExtension } from "./extensions.ts";
import { GatewayStream } from "./gateway-stream.ts";
import { type LimitReached, SessionLimits } from "./limits.ts";
import type { ListenerContext, PeerRights } from "./listener-context.ts";
import { formatReply, libraryReply, REPLIES } from "./replies.ts";
import type { SessionPlace } from "./session-count.ts";
import type { EndableSession } from "./session-watch.ts";
import { tlsInfoOf } from "./tls-info.ts";
import { atTurnEnd } from "./turns.ts";

/** Characters of replies that wait for the end of the turn; beyond, they are written at once. */
const UNSENT_MAX = 4_096;

/** Called when a command is done, and the next may run. */
export type Done = () => void;

/** One connection, from its socket to QUIT. What commands share of a session lies here; nothing rejects out of it. */
export class GatewayConnection extends SMTPConnection implements EndableSession {
  readonly context: ListenerContext;
  client: ClientAddress;
  /** The address and port that the client called, "" where they are not known. */
  local: string;
  /** What the peer is listed for; who its client is does not change that. */
  readonly peerMay: PeerRights;
  /** What the peer in front of us said of its client. */
  said: SaidOfClient = {};
  /** By performance.now(). */
  readonly startedAt = performance.now();
  /** Kept by the watch of the listener. */
  rateWindow: { since: number; octets: number } | undefined;
  /** Set by the connect step, before any command. */
  gatewaySession: GatewaySession | undefined;
  #receiver: ContentReceiver | undefined;
  /** The message that comes by BDAT, from its first chunk on. */
  chunks: ChunkedMessage | undefined;
  /** Octets of refused BDAT chunks since the last MAIL that was taken. */
  refusedBytes = 0;
  inTransaction = false;
  smtputf8 = false;
  /** What the last EHLO offered of what the routes keep. */
  offered: readonly RouteExtension[] = [];
  recipientsTried = 0;
  recipientsAccepted = 0;
  authFailures = 0;
  /** From the final dot to its reply. */
  answering = false;
  /** Set while it counts against sessionsMax. */
  place: SessionPlace | undefined;
  limits: SessionLimits;
  /** The TLS socket from the start of its handshake on: the raw one below must not be torn down. */
  #topSocket: Socket;
  #unsent = "";
  /** A command that came before the greeting. */
  #held: Done | undefined;
  readonly #early = new EarlyTalkWatch();
  #refusesEarly = false;
  readonly #headerBytes: number;

  constructor(
    context: ListenerContext,
    server: SMTPServer,
    socket: Socket | TLSSocket,
    options?: ConnectionOptions,
  ) {
    super(server, socket, options);
    this.context = context;
    this.client =
      options?.clientUnknown === true ? UNKNOWN_CLIENT : { ip: this.remoteAddress, port: this.remotePort };
    this.#headerBytes = options?.headerBytes ?? 0;
    this.local = hostPort(this.localAddress, this.localPort);
    this.peerMay = context.peerMay(this.client.ip);
    this.limits = new SessionLimits(context.config.limits, context.trusts(this.client.ip));
    this.#topSocket = socket;
    context.connections.add(this);
  }

  get engine(): GatewaySession {
    if (this.gatewaySession === undefined) throw new Error("a command came before the session");
    return this.gatewaySession;
  }

  /** Takes the octets of the message that comes. */
  get receiver(): ContentReceiver | undefined {
    return this.#receiver;
  }

  set receiver(receiver: ContentReceiver | undefined) {
    if (receiver !== undefined && this.#receiver === undefined) this.limits.messageBegan();
    this.#receiver = receiver;
  }

  get weOwe(): boolean {
    return this._handlerPending || this.answering || this._upgrading || this._closing;
  }

  get receivingContent(): boolean {
    const parser = this._parser;
    return parser !== false && parser._dataMode;
  }

  get octetsRead(): number {
    return this._socket.bytesRead;
  }

  /** Ends the session for a limit, and says so in the log: once, because it ends here. */
  limitReached({ limit, reply }: LimitReached): void {
    if (this._closing || this._closed) return;
    const { options, config, listener } = this.context;
    options.log.info("limitReached", {
      ...{ session: this.gatewaySession?.id ?? this.id, listener: listener.name, client: this.client.ip },
      ...{ limit, max: config.limits[limit] },
    });
    this.reply(reply);
  }

  override init(): void {
    this._setListeners(() => {
      connectStep(this).catch((error: unknown) => {
        this.fault(error);
        this.reply(REPLIES.unavailable);
      });
    });
  }

  override _createParser(): GatewayStream {
    // The context is not set yet: the constructor of smtp-server calls this.
    const parser = new GatewayStream({ maxCommandLength: this._server.options.maxCommandLength ?? 16_384 });
    parser.oncommand = (command, callback) => {
      if (!this._ready) {
        // Nothing more is read until it has run.
        this.#held = () => parser.oncommand(command, callback);
        return;
      }
      // A line of an AUTH exchange is no command.
      this.gatewaySession?.dialogue?.heard(command, this._nextHandler !== false);
      if (!this._upgrading && this._nextHandler === false) {
        const reached = this.limits.command(command, this.recipientsTried);
        if (reached !== undefined) return this.limitReached(reached);
        if (this.#early.command(this.limits.verb, this.#unsent !== "") && tellEarlyTalk(this, "pipelining"))
          return this.#refuseEarlyTalk();
        // Its own count of them is not ours to set: ours bounds all commands that fail.
        this._unrecognizedCommands = 0;
      }
      if (parser.bareLineEnd && !this._upgrading) this.#refuseBareLf(command, callback);
      else this._onCommand(command, callback);
    };
    parser.on("error", () => this.limitReached({ limit: "lineBytesMax", reply: REPLIES.lineTooLong }));
    return parser;
  }

  /** Before the 220, once or more: takes down whether the client spoke already. */
  watchEarlyTalk(): void {
    // Of a TLS session octets have come in any case: there only a whole line tells.
    const spoke = this.#held !== undefined || (!this.secure && this.octetsRead > this.#headerBytes);
    if (spoke && this.#early.came("beforeGreeting"))
      this.#refusesEarly = tellEarlyTalk(this, "beforeGreeting");
  }

  /** Just before the 220: gives whether the client spoke before it and was refused for that. */
  refusesEarlyTalk(): boolean {
    this.watchEarlyTalk();
    if (this.#refusesEarly) this.#refuseEarlyTalk();
    return this.#refusesEarly;
  }

  #refuseEarlyTalk(): void {
    this.reply(REPLIES.talksEarly);
    this.close();
  }

  /** After the 220: what came before it is run now. */
  runHeld(): void {
    const held = this.#held;
    this.#held = undefined;
    held?.();
  }

  // RFC 5321 2.3.8: CRLF alone ends a line. Two servers that differ about it see two different sessions.
  #refuseBareLf(command: Buffer, callback: Done = () => {}): void {
    this._nextHandler = false;
    if (isBdat(command)) {
      // Content follows, which must not be run as commands.
      this.reply(REPLIES.bdatSyntax);
      this.close();
      return;
    }
    this.reply(REPLIES.bareLf);
    setImmediate(() => this._whenWritable(callback));
  }

  override _armTimeout(socket: Socket = this._socket): void {
    this.#topSocket = socket;
    super._armTimeout(socket);
  }

  /** A 421 ends the session. */
  reply(reply: Reply): void {
    if (reply.code >= 500 && this._ready && !this.answering) {
      const reached = this.limits.refused(reply);
      if (reached !== undefined) {
        this.limitReached(reached);
        return;
      }
    }
    // RFC 2920 3.2: the replies to a group of commands go out together, when all that can be answered at once is.
    if (this.#unsent === "") atTurnEnd(this.#send);
    this.#unsent += formatReply(reply);
    // Whoever makes us say much at once sees the octets, and we whether they are taken, before more of it is run.
    if (this.#unsent.length > UNSENT_MAX) this.#send();
    this.gatewaySession?.dialogue?.said(reply);
    if (reply.code === 421) this.close();
  }

  /** The one place that writes. */
  readonly #send = (): void => {
    const replies = this.#unsent;
    this.#unsent = "";
    const socket = this._socket;
    // During a TLS handshake the octets would go out in the clear, between its records.
    if (replies !== "" && !this._upgrading && !socket.destroyed && socket.readyState === "open")
      socket.write(replies, "latin1");
  };

  override close(): void {
    this.#send();
    super.close();
  }

  override send(code: number, data?: string | string[] | null): void {
    this.reply(libraryReply(code, Array.isArray(data) ? data.join("\n") : (data ?? "")));
  }

  /** Forgets the transaction here; the engine is told by the caller where it does not know. */
  clearTransaction(): void {
    this.chunks = undefined;
    this.#dropMessage();
    this.inTransaction = false;
    this.smtputf8 = false;
    this.recipientsTried = 0;
    this.recipientsAccepted = 0;
    if (this.context.draining) this.reply(REPLIES.stopping);
  }

  /** A message of which BDAT chunks have come is given up by RSET, EHLO and STARTTLS (RFC 3030 2). */
  #dropMessage(): void {
    const receiver = this.receiver;
    if (receiver === undefined) return;
    this.receiver = undefined;
    receiver.abort("the client gave it up").catch((error: unknown) => this.fault(error));
  }

  /** Ends an idle session when the listener stops; one in a transaction ends after it. */
  drain(): void {
    if (!this.inTransaction) this.reply(REPLIES.stopping);
  }

  /** Ends it now, but for one whose message is being answered: its 250 may mean that the message is taken. */
  cut(): void {
    if (this.answering) return;
    this.reply(REPLIES.stopping);
    this.#topSocket.destroySoon();
  }

  override upgrade(callback: Done, secureCallback?: Done): void {
    this.#send();
    super.upgrade(callback, () => {
      try {
        this.startedTls();
      } catch (error) {
        this.fault(error);
        this.reply(REPLIES.unavailable);
      }
      secureCallback?.();
    });
  }

  startedTls(): void {
    this.clearTransaction();
    // RFC 3207 4.2: what came in the clear proves nothing.
    this.said = { ...this.said, login: undefined };
    this.gatewaySession?.startedTls(tlsInfoOf(this._socket as TLSSocket));
  }

  override _onTimeout(): void {
    if (this._closing || this._handlerPending) super._onTimeout();
    else this.reply(REPLIES.idle);
  }

  override _onClose(): void {
    const first = !this._closed;
    super._onClose();
    if (!first) return;
    this.context.connections.delete(this);
    this.place?.release();
    this.#leave().catch((error: unknown) => this.fault(error));
  }

  /** Tells the engine that the client is gone. */
  async #leave(): Promise<void> {
    const receiver = this.receiver;
    this.receiver = undefined;
    try {
      await receiver?.abort("the client went away");
    } finally {
      this.gatewaySession?.close();
    }
  }

  fault(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.context.options.log.error("smtpHandlerFault", {
      session: this.gatewaySession?.id ?? this.id,
      message,
    });
  }

  /** Runs a command; what it throws is a fault of ours and a 451. */
  run(step: () => Promise<void>, callback: Done): void {
    step().then(callback, (error: unknown) => {
      this.fault(error);
      this.reply(REPLIES.internal);
      callback();
    });
  }

  /** The next line goes to `step` and not to a command. */
  expectLine(step: (line: string) => Promise<void>): void {
    this._nextHandler = (line, callback) => this.run(() => step(line.toString("latin1").trim()), callback);
  }
}
