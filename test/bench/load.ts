/**
 * The source of messages, in a process of its own: as many sessions as asked, each with one message under way,
 * MAIL, RCPT and DATA pipelined where offered. Replies other than the wanted ones count as failed.
 */
import { connect, type Socket } from "node:net";
import { type BodyKind, benchMessage } from "./bench-message.ts";

/** What to send. */
export interface LoadOrder {
  readonly port: number;
  /** Octets of each message. */
  readonly messageBytes: number;
  /** Absent: text. */
  readonly body?: BodyKind;
  /** Sent in place of those: a whole message without dots at the beginning of lines, a character an octet. */
  readonly message?: string;
  /** Sent as XCLIENT before anything else: "ADDR=198.51.100.7". Absent: nothing is. */
  readonly xclient?: string;
  readonly sessions: number;
  /** Whether a session sends all its messages, or one only. */
  readonly kept: boolean;
  /** New messages are begun for this long. */
  readonly forMs: number;
  /** Or until this many were begun. */
  readonly messagesMax?: number;
}

/** What came of it. */
export interface LoadResult {
  readonly accepted: number;
  readonly failed: number;
  /** The first reply that was not the wanted one. */
  readonly firstFault?: string;
  /** From the first octet to the last answer. */
  readonly elapsedMs: number;
  /** From the last write of a message to its answer, for each that was accepted, up to `TIMES_MAX`. */
  readonly answeredMs: readonly number[];
}

const TIMES_MAX = 20_000;

const ENVELOPE = ["MAIL FROM:<ann@sender.example>", "RCPT TO:<bob@rcpt.example>", "DATA"];
const WANTED = ["250", "250", "354"];

class Load {
  readonly #order: LoadOrder;
  readonly #content: Buffer;
  readonly #until: number;
  readonly #resolve: (result: LoadResult) => void;
  readonly #began = performance.now();
  #begun = 0;
  #accepted = 0;
  #failed = 0;
  #firstFault: string | undefined;
  readonly #answeredMs: number[] = [];
  #sessions = 0;

  constructor(order: LoadOrder, resolve: (result: LoadResult) => void) {
    this.#order = order;
    this.#resolve = resolve;
    const { message, messageBytes, body } = order;
    this.#content =
      message === undefined ? benchMessage(messageBytes, body) : Buffer.from(`${message}.\r\n`, "latin1");
    this.#until = this.#began + order.forMs;
    for (let i = 0; i < order.sessions; i++) this.#open();
  }

  /** Whether one more message is to be begun. */
  #more(): boolean {
    if (performance.now() >= this.#until || this.#begun >= (this.#order.messagesMax ?? Infinity))
      return false;
    this.#begun += 1;
    return true;
  }

  #open(): void {
    this.#sessions += 1;
    if (!this.#more()) {
      this.#over();
      return;
    }
    const { port, kept, xclient } = this.#order;
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    const session = new Session(socket, this.#content, xclient);
    let wasFailed = false;
    session.onMessage = (fault) => {
      if (fault === undefined) {
        this.#accepted += 1;
        if (this.#answeredMs.length < TIMES_MAX) this.#answeredMs.push(session.answeredMs);
      } else {
        wasFailed = true;
        this.#failed += 1;
        this.#firstFault ??= fault;
      }
      if (fault === undefined && kept && this.#more()) session.sendMessage();
      else session.quit();
    };
    socket.once("close", () => {
      // One that can not connect, or is thrown out, must not spin.
      if (wasFailed) setTimeout(() => this.#again(), 10);
      else this.#again();
    });
  }

  #again(): void {
    this.#sessions -= 1;
    this.#open();
  }

  #over(): void {
    this.#sessions -= 1;
    if (this.#sessions > 0) return;
    this.#resolve({
      accepted: this.#accepted,
      failed: this.#failed,
      ...(this.#firstFault === undefined ? {} : { firstFault: this.#firstFault }),
      elapsedMs: performance.now() - this.#began,
      answeredMs: this.#answeredMs,
    });
  }
}

class Session {
  readonly #socket: Socket;
  readonly #content: Buffer;
  #xclient: string | undefined;
  #state: "greeting" | "ehlo" | "envelope" | "content" | "quit" = "greeting";
  #pipelining = false;
  #step = 0;
  #held = "";
  #sentAt = 0;
  /** How long the last message waited for its answer. */
  answeredMs = 0;
  /** Told of each message: undefined when it was accepted. */
  onMessage: (fault: string | undefined) => void = () => {};

  constructor(socket: Socket, content: Buffer, xclient: string | undefined) {
    this.#socket = socket;
    this.#content = content;
    this.#xclient = xclient;
    socket.setEncoding("latin1");
    socket.on("data", (text: unknown) => this.#read(String(text)));
    socket.on("error", (error) => this.#fail(error.message));
    socket.on("close", () => this.#fail("the server closed the connection"));
  }

  sendMessage(): void {
    this.#state = "envelope";
    this.#step = 0;
    this.#socket.write(`${this.#pipelining ? ENVELOPE.join("\r\n") : ENVELOPE[0]}\r\n`);
  }

  quit(): void {
    this.#state = "quit";
    this.#socket.end("QUIT\r\n");
  }

  #read(text: string): void {
    const lines = (this.#held + text).split("\r\n");
    this.#held = lines.pop() ?? "";
    for (const line of lines) {
      if (line.slice(4, 14) === "PIPELINING") this.#pipelining = true;
      if (line[3] !== "-") this.#reply(line);
    }
  }

  #reply(line: string): void {
    if (this.#state === "quit") return;
    if (!line.startsWith(this.#wanted())) this.#fail(line);
    else if (this.#state === "greeting") {
      this.#state = "ehlo";
      this.#socket.write("EHLO load.example\r\n");
    } else if (this.#state === "ehlo") this.#greeted();
    else if (this.#state === "content") {
      this.answeredMs = performance.now() - this.#sentAt;
      this.onMessage(undefined);
    } else {
      this.#step += 1;
      if (this.#step === ENVELOPE.length) {
        this.#state = "content";
        this.#sentAt = performance.now();
        this.#socket.write(this.#content);
      } else if (!this.#pipelining) this.#socket.write(`${ENVELOPE[this.#step]}\r\n`);
    }
  }

  #greeted(): void {
    const xclient = this.#xclient;
    if (xclient === undefined) {
      this.sendMessage();
      return;
    }
    // The session begins anew for that client, with a greeting.
    this.#xclient = undefined;
    this.#state = "greeting";
    this.#socket.write(`XCLIENT ${xclient}\r\n`);
  }

  #wanted(): string {
    if (this.#state === "greeting") return "220";
    return this.#state === "envelope" ? WANTED[this.#step]! : "250";
  }

  #fail(fault: string): void {
    if (this.#state === "quit") return;
    this.#state = "quit";
    this.onMessage(fault);
    this.#socket.destroy();
  }
}

process.on("message", (order: LoadOrder) => {
  new Load(order, (result) => process.send?.(result));
});
process.on("disconnect", () => process.exit());
