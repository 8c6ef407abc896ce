/**
 * One connection to a next hop: nodemailer's SMTPConnection for TCP, TLS, EHLO, AUTH and the reading of replies
 * (RFC 5321 3.1, RFC 3207, RFC 4954). Its `send` is not used, as it sends envelope and data in one go, has one DSN
 * setting for all recipients and changes line ends: smtp-transaction.ts speaks the transaction through `say`.
 * The only file that knows nodemailer; what it takes of its insides is pinned by test/relay/nodemailer-connection.test.ts.
 */
import type { Socket } from "node:net";
import SMTPConnection from "nodemailer/lib/smtp-connection";
import type { NextHopExtensions } from "../gateway/next-hop-driver.ts";

/** How to reach one server. */
export interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly hostName: string;
  readonly implicitTls: boolean;
  /** `none`: never STARTTLS. `offered`: STARTTLS where offered. `always`: nothing is said without TLS. */
  readonly startTls: "none" | "offered" | "always";
  /** Whether the certificate must be valid for `host`. */
  readonly verify: boolean;
  readonly auth: { readonly user: string; readonly password: string } | undefined;
  readonly connectTimeoutMs: number;
  readonly replyTimeoutMs: number;
}

/** Why a connection could not be opened. */
export class OpenFault extends Error {
  /** `us`: the server refused us or its certificate is not good, an operator must look. */
  readonly about: "us" | "connection";
  /** The TLS handshake after STARTTLS failed; opportunistic TLS goes on without. */
  readonly handshake: boolean;

  constructor(message: string, about: "us" | "connection", handshake: boolean) {
    super(message);
    this.about = about;
    this.handshake = handshake;
  }
}

const replyBytesMax = 65_536;

/** A connection; `onEnd` is called once when it is over, for whatever reason. */
export class NextHopConnection extends SMTPConnection {
  declare _responseActions: ((reply: string) => void)[];
  declare _supportedExtensions: string[];
  declare _maxAllowedSize: number;
  declare _sendCommand: (line: string) => void;

  /** Who it talks to, as "192.0.2.1:25". */
  readonly server: string;
  readonly verified: boolean;
  /** Transactions done; a connection with none is fresh. */
  transactions = 0;
  /** When it became idle, by the clock's monotonic time. */
  idleSince = 0;
  /** The error that ended it, if any. */
  fault: Error | undefined;
  /** Set by the pool. */
  onEnd: (() => void) | undefined;
  /** Set by the transaction under way. */
  onBroken: (() => void) | undefined;
  readonly #auth: ConnectionOptions["auth"];

  constructor(options: ConnectionOptions) {
    super({
      host: options.host,
      port: options.port,
      name: options.hostName,
      secure: options.implicitTls,
      ignoreTLS: options.startTls === "none",
      requireTLS: options.startTls === "always" && !options.implicitTls,
      opportunisticTLS: options.startTls === "offered",
      tls: { rejectUnauthorized: options.verify },
      connectionTimeout: options.connectTimeoutMs,
      greetingTimeout: options.replyTimeoutMs,
      socketTimeout: options.replyTimeoutMs,
      maxResponseSize: replyBytesMax,
      allowInternalNetworkInterfaces: true,
    });
    this.#auth = options.auth;
    this.verified = options.verify;
    this.server = options.host.includes(":")
      ? `[${options.host}]:${options.port}`
      : `${options.host}:${options.port}`;
    // An "error" event without a listener would end the process.
    this.on("error", (error: Error) => {
      this.fault ??= error;
    });
    this.once("end", () => {
      this.onBroken?.();
      this.onEnd?.();
    });
  }

  /** Connects, says EHLO, secures and authenticates. Rejects with an {@link OpenFault}. */
  open(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => settle(new Error("the deadline is over"));
    const ended = () => settle(this.fault ?? new Error("the server closed the connection"));
    const settle = (error?: Error | null) => {
      signal.removeEventListener("abort", abort);
      this.removeListener("error", settle);
      this.removeListener("end", ended);
      if (!error) return resolve();
      const fault = openFault(error, this.upgrading === true);
      this.close();
      reject(fault);
    };
    if (signal.aborted) {
      this.close();
      return Promise.reject(new OpenFault("the deadline is over", "connection", false));
    }
    signal.addEventListener("abort", abort);
    this.once("error", settle);
    this.once("end", ended);
    this.connect((error) => {
      if (error || !this.#auth) return settle(error);
      this.login({ user: this.#auth.user, pass: this.#auth.password }, settle);
    });
    return promise;
  }

  /** Sends one command; `onReply` gets the whole reply, lines parted by "\n", and never comes once the connection ended. */
  say(line: string, onReply: (reply: string) => void): void {
    this._responseActions.push(onReply);
    this._sendCommand(line);
  }

  /** Expects a reply without sending a command: the one after the content. */
  expect(onReply: (reply: string) => void): void {
    this._responseActions.push(onReply);
  }

  /** The socket, TLS or not; undefined once the connection ended. */
  get socket(): Socket | undefined {
    return this.destroyed || !this._socket ? undefined : this._socket;
  }

  /** Whether the last EHLO offered the keyword, in capitals. */
  offers(keyword: "SIZE" | "8BITMIME" | "SMTPUTF8" | "DSN" | "REQUIRETLS" | "PIPELINING"): boolean {
    return this._supportedExtensions.includes(keyword);
  }

  extensions(): NextHopExtensions {
    return {
      ...(this._maxAllowedSize > 0 ? { size: this._maxAllowedSize } : {}),
      eightBitMime: this.offers("8BITMIME"),
      smtputf8: this.offers("SMTPUTF8"),
      dsn: this.offers("DSN"),
      requireTls: this.offers("REQUIRETLS"),
    };
  }

  /** Ends it without a word, in the middle of whatever runs. */
  cut(): void {
    const socket = this._socket;
    this.close();
    if (socket) socket.destroy();
  }
}

function openFault(
  error: Error & { code?: string; originalCode?: string; responseCode?: number },
  upgrading: boolean,
) {
  const code = `${error.originalCode ?? ""} ${error.code ?? ""}`;
  const certificate = /CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS|ERR_SSL/.test(code);
  const refused = error.responseCode !== undefined || /\b(?:EAUTH|ETLS)\b/.test(code);
  return new OpenFault(error.message, refused || certificate || upgrading ? "us" : "connection", upgrading);
}
