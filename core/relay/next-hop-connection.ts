/**
 * One open connection to a next hop. Commands are collected and leave in one write (RFC 2920 3.1); replies come back in
 * their order. Opening it is open-connection.ts's, transactions are smtp-transaction.ts's.
 */
import type { Socket } from "node:net";
import type { NextHopExtensions } from "../gateway/mod.ts";
import { ReplyReader } from "./reply-reader.ts";

/** Gets a whole reply, lines parted by "\n". */
type OnReply = (reply: string) => void;

/** How long a server may take to answer QUIT before the connection is cut. */
const QUIT_MS = 2_000;

/** What a connection is told of itself. */
export interface ConnectionIdentity {
  /** Who it talks to, as "192.0.2.1:25". */
  readonly server: string;
  /** Whether its certificate is checked. */
  readonly verified: boolean;
  /** Silence after which a connection that waits for an answer is given up. */
  readonly replyTimeoutMs: number;
}

/** A connection; `onEnd` is called once when it is over, for whatever reason. */
export class NextHopConnection {
  readonly server: string;
  readonly verified: boolean;
  /** Transactions done; a connection with none is fresh. */
  transactions = 0;
  /** When it became idle, by the clock's monotonic time. */
  idleSince = 0;
  /** The error that ended it, if any. */
  fault: Error | undefined;
  /** Set by whoever has the connection. */
  onEnd: (() => void) | undefined;
  /** Set by the transaction under way. */
  onBroken: (() => void) | undefined;
  /** What the last EHLO offered: keywords in capitals with their parameters. */
  keywords: ReadonlyMap<string, string> = new Map();
  /** Whether TLS is up. */
  secure = false;
  readonly #replyTimeoutMs: number;
  readonly #waiting: OnReply[] = [];
  #reader = new ReplyReader();
  #socket: Socket | undefined;
  #ended = false;
  #unsent = "";

  constructor({ server, verified, replyTimeoutMs }: ConnectionIdentity) {
    this.server = server;
    this.verified = verified;
    this.#replyTimeoutMs = replyTimeoutMs;
  }

  /** The socket, TLS or not; undefined before it is connected and once the connection ended. */
  get socket(): Socket | undefined {
    return this.#ended ? undefined : this.#socket;
  }

  /** Whether octets came that belong to no whole reply yet, or to replies behind the one that is being told. */
  get hasMore(): boolean {
    return this.#reader.pending;
  }

  /** Whether the last EHLO offered the keyword. */
  offers(keyword: "SIZE" | "8BITMIME" | "SMTPUTF8" | "DSN" | "REQUIRETLS" | "PIPELINING"): boolean {
    return this.keywords.has(keyword);
  }

  extensions(): NextHopExtensions {
    // RFC 1870 4: 0, and no number, say that there is no fixed bound.
    const size = Number(this.keywords.get("SIZE"));
    return {
      ...(size > 0 ? { size } : {}),
      eightBitMime: this.offers("8BITMIME"),
      smtputf8: this.offers("SMTPUTF8"),
      dsn: this.offers("DSN"),
      requireTls: this.offers("REQUIRETLS"),
    };
  }

  /**
   * The socket whose octets are replies from now on, and whose end is that of the connection: the first one, or the TLS
   * one above it. While it shakes hands it is only held, to be cut with the connection.
   */
  hold(socket: Socket): void {
    this.#socket?.removeAllListeners("data").removeAllListeners("timeout").setTimeout(0);
    this.#socket = socket;
    // An "error" event without a listener would end the process.
    socket.on("error", (error) => {
      this.fault ??= error;
    });
    if (this.#ended) socket.destroy();
  }

  /** The held socket is up: it is listened to. */
  listen(): void {
    const socket = this.#socket;
    if (!socket || this.#ended) throw this.fault ?? new Error("the connection was ended");
    this.#reader = new ReplyReader();
    socket.setTimeout(this.#replyTimeoutMs, () => this.#onSilence());
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.once("close", () => {
      if (socket === this.#socket) this.end(undefined);
    });
  }

  /**
   * Says one command at the next `flush`; `onReply` gets the whole reply, and is never called once the connection ended.
   *
   * @param line without its line end, and without any in it
   */
  say(line: string, onReply: OnReply): void {
    this.#unsent += `${line}\r\n`;
    this.#waiting.push(onReply);
  }

  /** Sends what `say` collected, in one write. */
  flush(): void {
    const commands = this.#unsent;
    this.#unsent = "";
    if (commands !== "" && !this.#ended) this.#socket?.write(commands, "utf8");
  }

  /** Expects a reply without a command: the greeting, and the one after the content. */
  expect(onReply: OnReply): void {
    this.#waiting.push(onReply);
  }

  /** Says QUIT and waits for the answer, for a while. */
  quit(): void {
    const timer = setTimeout(() => this.cut(), QUIT_MS);
    const end = this.onEnd;
    this.onEnd = () => {
      clearTimeout(timer);
      end?.();
    };
    this.say("QUIT", () => this.cut());
    this.flush();
  }

  /** Ends it without a word, in the middle of whatever runs. */
  cut(): void {
    this.end(undefined);
  }

  /** The same, with the reason. */
  end(fault: Error | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.fault ??= fault;
    this.#waiting.length = 0;
    this.#socket?.destroy();
    this.onBroken?.();
    this.onEnd?.();
  }

  #onData(chunk: Buffer): void {
    if (this.#ended) return;
    if (!this.#reader.read(chunk, (reply) => this.#onReply(reply)))
      this.end(new Error("a reply is longer than 64 KB"));
  }

  #onReply(reply: string): void {
    if (this.#ended) return;
    const onReply = this.#waiting.shift();
    if (onReply) onReply(reply);
    // Most often 421, as the server ends an idle connection (RFC 5321 3.8).
    else this.end(new Error(`the server said unasked: ${shownReply(reply)}`));
  }

  #onSilence(): void {
    // An idle connection may be silent; its timer runs anew with the next octets.
    if (this.#waiting.length > 0) this.end(new Error("no answer in time"));
  }
}

/** A reply for the log: one line, bounded, without controls. */
export const shownReply = (reply: string): string => reply.replace(/[^\x20-\x7e]+/g, " ").slice(0, 300);
