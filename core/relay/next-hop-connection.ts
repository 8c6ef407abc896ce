/**
 * One open connection to a next hop. Commands are collected and leave in one write (RFC 2920 3.1); replies come back in
 * their order. Opening it is open-connection.ts's, transactions are smtp-transaction.ts's.
 */
import type { Socket } from "node:net";
import type { NextHopExtensions } from "../gateway/mod.ts";
import { ReplyReader } from "./reply-reader.ts";
import { type ReplyTimeouts, replyTimeouts } from "./reply-timeouts.ts";
import { atTurnEnd } from "./turn-end.ts";

/** Gets a whole reply, lines parted by "\n". */
type OnReply = (reply: string) => void;

/** Content of at most this is copied behind its commands. */
const COPIED_BYTES_MAX = 16_384;

/** How long a server may take to answer QUIT before the connection is cut. */
const QUIT_MS = 2_000;

/** What a connection is told of itself. */
export interface ConnectionIdentity {
  /** Who it talks to, as "192.0.2.1:25". */
  readonly server: string;
  /** Whether its certificate is checked. */
  readonly verified: boolean;
  readonly lmtp: boolean;
  /** Caps the silence of every phase; absent: the times of reply-timeouts.ts. */
  readonly replyTimeoutMs: number | undefined;
}

/** A connection; `onEnd` is called once when it is over, for whatever reason. */
export class NextHopConnection {
  readonly server: string;
  readonly verified: boolean;
  /** LMTP (RFC 2033): each recipient has an answer of its own after the content. */
  readonly lmtp: boolean;
  /** Transactions done; a connection with none is fresh. */
  transactions = 0;
  /**
   * Says EHLO anew, where the server began the session anew; set by whoever opened it. By our own name where `name` is
   * absent, or is not taken.
   */
  greetAgain: ((name: string | undefined) => Promise<void>) | undefined;
  /** The XCLIENT command that holds for the session. */
  toldClient: string | undefined;
  /** When it was opened, by the clock's monotonic time. */
  openedAt = 0;
  /** When it became idle, by the clock's monotonic time. */
  idleSince = 0;
  /** The error that ended it, if any. */
  fault: Error | undefined;
  /** Set by whoever has the connection. */
  onEnd: (() => void) | undefined;
  /** Told of each command that is said and each reply; set by who has the connection, where somebody wants to know. */
  onLine: ((server: string, who: "gateway" | "nextHop", line: string) => void) | undefined;
  /** Set by the transaction under way. */
  onBroken: (() => void) | undefined;
  /** Whether TLS is up. */
  secure = false;
  readonly timeouts: ReplyTimeouts;
  readonly #waiting: OnReply[] = [];
  /** For each of `#waiting` the silence it allows, in ms. */
  readonly #limits: number[] = [];
  /** What the socket's timer stands at. */
  #limitMs = 0;
  #reader = new ReplyReader();
  #keywords: ReadonlyMap<string, string> = new Map();
  #sizeMax = 0;
  #socket: Socket | undefined;
  #ended = false;
  /** Commands that are said and not sent. */
  #unsent = "";
  /** Octets that go behind them. */
  #behind: Uint8Array | undefined;
  /** Where in `#waiting` the replies to what is not sent yet begin. */
  #unaskedFrom: number | undefined;
  /** Whether they go out at the end of this turn. */
  #sending = false;

  constructor({ server, verified, lmtp, replyTimeoutMs }: ConnectionIdentity) {
    this.lmtp = lmtp;
    this.server = server;
    this.verified = verified;
    this.timeouts = replyTimeouts(replyTimeoutMs);
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
  offers(
    keyword: "SIZE" | "8BITMIME" | "SMTPUTF8" | "DSN" | "REQUIRETLS" | "PIPELINING" | "CHUNKING",
  ): boolean {
    return this.keywords.has(keyword);
  }

  /** Octets of content that it takes, 0 where it names no bound. */
  get sizeMax(): number {
    return this.#sizeMax;
  }

  /** What the last EHLO offered: keywords in capitals with their parameters. */
  get keywords(): ReadonlyMap<string, string> {
    return this.#keywords;
  }

  set keywords(keywords: ReadonlyMap<string, string>) {
    this.#keywords = keywords;
    // RFC 1870 4: 0, and no number, say that there is no fixed bound.
    const size = Number(keywords.get("SIZE"));
    this.#sizeMax = size > 0 ? size : 0;
  }

  extensions(): NextHopExtensions {
    return {
      ...(this.#sizeMax > 0 ? { size: this.#sizeMax } : {}),
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
    this.#limitMs = 0;
    socket.on("timeout", () => this.#onSilence());
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.once("close", () => {
      if (socket === this.#socket) this.end(undefined);
    });
  }

  /**
   * Says one command at the next `flush`; `onReply` gets the whole reply, and is never called once the connection ended.
   *
   * @param line without its line end, and without any in it
   * @param limitMs longest silence before its answer
   */
  say(line: string, onReply: OnReply, limitMs = this.timeouts.commandMs): void {
    if (this.#behind !== undefined) this.#sendNow();
    this.#unaskedFrom ??= this.#waiting.length;
    this.#unsent += `${line}\r\n`;
    if (this.onLine !== undefined) this.onLine(this.server, "gateway", line);
    this.expect(onReply, limitMs);
  }

  /**
   * Sends what `say` collected, in one write, at the end of this turn of the event loop.
   *
   * @param content leaves behind the commands, as it is, and must not be changed afterwards
   */
  flush(content?: Uint8Array): void {
    if (content !== undefined && content.length > COPIED_BYTES_MAX) {
      this.send(content, () => {});
      return;
    }
    if (content !== undefined) this.#behind = content;
    this.#sendLater();
  }

  /**
   * Sends what `say` collected and octets behind it, at once.
   *
   * @param onSent called when the octets may be overwritten, or with the error that ended the connection
   */
  send(octets: Uint8Array, onSent: (error?: Error | null) => void): void {
    const commands = this.#unsent;
    this.#unsent = "";
    this.#unaskedFrom = undefined;
    const socket = this.socket;
    if (!socket) {
      onSent(this.fault ?? new Error("the connection was ended"));
      return;
    }
    socket.cork();
    if (commands !== "") socket.write(commands, "utf8");
    socket.write(octets, onSent);
    socket.uncork();
  }

  /** Sends octets at the end of this turn of the event loop; what is waited for is the answer to them. */
  write(octets: Uint8Array): void {
    this.#unaskedFrom = 0;
    this.#behind = octets;
    this.#sendLater();
  }

  #sendLater(): void {
    if (this.#sending) return;
    this.#sending = true;
    atTurnEnd(this.#send);
  }

  readonly #send = (): void => {
    this.#sending = false;
    this.#sendNow();
  };

  #sendNow(): void {
    const commands = this.#unsent;
    const content = this.#behind;
    this.#unsent = "";
    this.#behind = undefined;
    this.#unaskedFrom = undefined;
    const socket = this.socket;
    if (!socket) return;
    if (content === undefined) {
      if (commands !== "") socket.write(commands, "utf8");
    } else if (commands === "") socket.write(content);
    // The copy of a small one costs less than a second write.
    else socket.write(Buffer.concat([Buffer.from(commands, "utf8"), content]));
  }

  /** Expects a reply without a command: the greeting, and those after the content. */
  expect(onReply: OnReply, limitMs: number): void {
    // What is there already, with nothing asked, would be taken for the answer to this.
    if (this.#waiting.length === 0 && this.#reader.pending) {
      this.end(new Error("the server answers what was not asked yet"));
      return;
    }
    this.#waiting.push(onReply);
    this.#limits.push(limitMs);
    if (this.#waiting.length === 1) this.#watch();
  }

  /** Sets anew the silence that the next reply may take. */
  limit(limitMs: number): void {
    if (this.#limits.length > 0) this.#limits[0] = limitMs;
    this.#watch();
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

  /** Takes octets of a socket that come past its stream; they may be overwritten afterwards. @returns true: go on reading */
  takes(octets: Buffer, from: Socket): boolean {
    // Once TLS is above it, nothing that came in the clear is a reply.
    if (from === this.#socket) this.#onData(octets);
    return true;
  }

  #onData(chunk: Buffer): void {
    if (this.#ended) return;
    if (!this.#reader.read(chunk, (reply) => this.#onReply(reply)))
      this.end(new Error("a reply is longer than 64 KB"));
  }

  #onReply(reply: string): void {
    if (this.#ended) return;
    if (this.onLine !== undefined) this.onLine(this.server, "nextHop", reply);
    if (this.#unaskedFrom !== undefined) {
      if (this.#unaskedFrom === 0) {
        this.end(new Error("the server answers what was not asked yet"));
        return;
      }
      this.#unaskedFrom -= 1;
    }
    const onReply = this.#waiting.shift();
    this.#limits.shift();
    this.#watch();
    if (onReply) onReply(reply);
    // Most often 421, as the server ends an idle connection (RFC 5321 3.8).
    else this.end(new Error(`the server said unasked: ${shownReply(reply)}`));
  }

  /** Sets the timer to what the next reply may take; the timer is run anew by octets, either way. */
  #watch(): void {
    const limitMs = this.#limits[0];
    if (limitMs === undefined || limitMs === this.#limitMs) return;
    this.#limitMs = limitMs;
    this.#socket?.setTimeout(limitMs);
  }

  #onSilence(): void {
    // An idle connection may be silent; its timer runs anew with the next octets.
    if (this.#waiting.length > 0) this.end(new Error("no answer in time"));
  }
}

/** A reply for the log: one line, bounded, without controls. */
export const shownReply = (reply: string): string => reply.replace(/[^\x20-\x7e]+/g, " ").slice(0, 300);
