/**
 * One SMTP session on smtp-server's connection: each command of ours is a file of commands/, run so that nothing
 * rejects out of it. Decides nothing; the engine does.
 */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { SMTPServer } from "smtp-server";
import { SMTPConnection, type SMTPConnectionOptions } from "smtp-server/lib/smtp-connection.js";
import type { GatewayConfig, ListenerConfig } from "../config/mod.ts";
import type { ContentReceiver, GatewaySession } from "../gateway/mod.ts";
import type { Reply } from "../mail/mod.ts";
import { authCommand } from "./commands/auth.ts";
import { connectStep } from "./commands/connect.ts";
import { dataCommand } from "./commands/data.ts";
import { ehloCommand } from "./commands/ehlo.ts";
import { mailCommand } from "./commands/mail.ts";
import { rcptCommand } from "./commands/rcpt.ts";
import { GatewayStream } from "./gateway-stream.ts";
import type { ListenSmtpOptions, SessionCount, SessionOpener } from "./listener-options.ts";
import { formatReply, REPLIES } from "./replies.ts";

/** What all sessions of a listener share. */
export interface ListenerContext {
  readonly config: GatewayConfig;
  readonly listener: ListenerConfig;
  readonly gateway: SessionOpener;
  readonly options: ListenSmtpOptions;
  /** Shared by the listeners of a gateway. */
  readonly sessions: SessionCount;
  /** Connections whose socket is not closed yet. */
  readonly connections: Set<GatewayConnection>;
  /** Set by close(): sessions end with their transaction. */
  draining: boolean;
}

type Done = () => void;

/** Lines that are no command before the session ends; as many as smtp-server takes of unknown commands. */
const BAD_LINES_MAX = 10;

/** One connection, from its socket to QUIT. What commands share of a session lies here; nothing rejects out of it. */
export class GatewayConnection extends SMTPConnection {
  readonly context: ListenerContext;
  /** Set by the connect step, before any command. */
  gatewaySession: GatewaySession | undefined;
  receiver: ContentReceiver | undefined;
  inTransaction = false;
  smtputf8 = false;
  recipientsTried = 0;
  recipientsAccepted = 0;
  authFailures = 0;
  /** From the final dot to its reply. */
  answering = false;
  /** Whether it counts against sessionsMax. */
  counted = false;
  /** The TLS socket from the start of its handshake on: the raw one below must not be torn down. */
  #topSocket: Socket;
  #unsent = "";

  constructor(
    context: ListenerContext,
    server: SMTPServer,
    socket: Socket | TLSSocket,
    options?: SMTPConnectionOptions,
  ) {
    super(server, socket, options);
    this.context = context;
    this.#topSocket = socket;
    context.connections.add(this);
  }

  get engine(): GatewaySession {
    if (this.gatewaySession === undefined) throw new Error("a command came before the session");
    return this.gatewaySession;
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
    const parser = new GatewayStream({ maxCommandLength: 16 * 1024 });
    parser.oncommand = (command, callback) => {
      if (parser.bareLineEnd && this._ready && !this._upgrading) this.#refuseBareLf(callback);
      else this._onCommand(command, callback);
    };
    parser.on("error", () => this.reply(REPLIES.lineTooLong));
    return parser;
  }

  // RFC 5321 2.3.8: CRLF alone ends a line. Two servers that differ about it see two different sessions.
  #refuseBareLf(callback: Done = () => {}): void {
    this._nextHandler = false;
    this._unrecognizedCommands += 1;
    this.reply(this._unrecognizedCommands >= BAD_LINES_MAX ? REPLIES.tooManyBadLines : REPLIES.bareLf);
    setImmediate(() => this._whenWritable(callback));
  }

  override _armTimeout(socket: Socket = this._socket): void {
    this.#topSocket = socket;
    super._armTimeout(socket);
  }

  /** A 421 ends the session. */
  reply(reply: Reply): void {
    // RFC 2920 3.2: the replies to a group of commands go out together, when all that can be answered at once is.
    if (this.#unsent === "") process.nextTick(() => this.#send());
    this.#unsent += formatReply(reply);
    if (reply.code === 421) this.close();
  }

  /** The one place that writes. */
  #send(): void {
    const replies = this.#unsent;
    this.#unsent = "";
    const socket = this._socket;
    // During a TLS handshake the octets would go out in the clear, between its records.
    if (replies !== "" && !this._upgrading && !socket.destroyed && socket.readyState === "open")
      socket.write(replies, "latin1");
  }

  override close(): void {
    this.#send();
    super.close();
  }

  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    const text = Array.isArray(data) ? data.join("\n") : (data ?? "");
    this.reply({ code, enhanced: this._getEnhancedStatusCode(code, context), text });
  }

  /** Forgets the transaction here; the engine is told by the caller where it does not know. */
  clearTransaction(): void {
    this.inTransaction = false;
    this.smtputf8 = false;
    this.recipientsTried = 0;
    this.recipientsAccepted = 0;
    if (this.context.draining) this.reply(REPLIES.stopping);
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
    const socket = this._socket as TLSSocket;
    const serverName = socket.servername;
    this.clearTransaction();
    this.gatewaySession?.startedTls({
      protocol: socket.getProtocol() ?? "",
      cipher: socket.getCipher()?.name ?? "",
      ...(typeof serverName === "string" && serverName !== "" ? { serverName } : {}),
    });
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
    if (this.counted) this.context.sessions.count -= 1;
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

  #run(step: () => Promise<void>, callback: Done): void {
    step().then(callback, (error: unknown) => {
      this.fault(error);
      this.reply(REPLIES.internal);
      callback();
    });
  }

  #say(reply: Reply, callback: Done): void {
    this.reply(reply);
    callback();
  }

  override handler_EHLO(command: Buffer, callback: Done): void {
    this.#run(() => ehloCommand(this, command, true), callback);
  }

  override handler_HELO(command: Buffer, callback: Done): void {
    this.#run(() => ehloCommand(this, command, false), callback);
  }

  override handler_AUTH(command: Buffer, callback: Done): void {
    this.#run(() => authCommand(this, command), callback);
  }

  /** The next line goes to `step` and not to a command. */
  expectLine(step: (line: string) => Promise<void>): void {
    this._nextHandler = (line, callback) => this.#run(() => step(line.toString("latin1").trim()), callback);
  }

  override handler_MAIL(command: Buffer, callback: Done): void {
    this.#run(() => mailCommand(this, command), callback);
  }

  override handler_RCPT(command: Buffer, callback: Done): void {
    this.#run(() => rcptCommand(this, command), callback);
  }

  override handler_DATA(command: Buffer, callback: Done): void {
    this.#run(() => dataCommand(this, command), callback);
  }

  override handler_RSET(_command: Buffer, callback: Done): void {
    this.engine.reset();
    this.reply(REPLIES.flushed);
    this.clearTransaction();
    callback();
  }

  override handler_NOOP(_command: Buffer, callback: Done): void {
    this.#say(REPLIES.flushed, callback);
  }

  override handler_QUIT(_command: Buffer, callback: Done): void {
    this.reply(REPLIES.bye);
    this.close();
    callback();
  }

  override handler_HELP(_command: Buffer, callback: Done): void {
    this.#say(REPLIES.help, callback);
  }

  override handler_VRFY(_command: Buffer, callback: Done): void {
    this.#say(REPLIES.verify, callback);
  }

  handler_EXPN(_command: Buffer, callback: Done): void {
    this.#say(REPLIES.noExpand, callback);
  }
}
