/** An SMTP client on a raw socket: says what it is told, octet for octet, and reads the replies. */
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const REPLY_MS_MAX = 60_000;

/** One reply; `text` has all its lines. */
export interface ClientReply {
  readonly code: number;
  readonly text: string;
}

/** The envelope of a message; absent parts have a value that does. */
export interface SendEnvelope {
  readonly reversePath?: string;
  readonly recipients?: readonly string[];
  /** Follows the path of MAIL, with a space before it. */
  readonly parameters?: string;
}

export class SmtpClient {
  readonly socket: Socket;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  #received = "";
  #closed = false;
  #waiting: (() => void) | undefined;

  constructor(port: number, host = "127.0.0.1") {
    this.socket = connect({ port, host, noDelay: true });
    this.socket.on("error", () => {});
    this.socket.on("data", (chunk) => {
      this.#received += chunk.toString("latin1");
      this.#waiting?.();
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.socket.on("close", () => {
      this.#closed = true;
      this.#waiting?.();
      resolve();
    });
  }

  /** The next reply; undefined when the connection ended without one. */
  async reply(): Promise<ClientReply | undefined> {
    const until = Date.now() + REPLY_MS_MAX;
    for (;;) {
      const found = /^(?:\d{3}-[^\r\n]*\r\n)*(\d{3})(?: [^\r\n]*)?\r\n/.exec(this.#received);
      if (found) {
        this.#received = this.#received.slice(found[0].length);
        return { code: Number(found[1]), text: found[0].trimEnd() };
      }
      if (this.#closed) return undefined;
      if (Date.now() > until) throw new Error(`no reply within ${REPLY_MS_MAX} ms`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting = resolve;
      const timer = setTimeout(resolve, REPLY_MS_MAX);
      await promise;
      clearTimeout(timer);
    }
  }

  /** Says a line and gives the reply to it. Code 0 stands for a connection that ended. */
  async ask(line: string): Promise<ClientReply> {
    this.socket.write(Buffer.from(`${line}\r\n`, "utf8"));
    return (await this.reply()) ?? { code: 0, text: "" };
  }

  /** Greeting and EHLO. */
  async greet(): Promise<ClientReply> {
    const greeting = (await this.reply()) ?? { code: 0, text: "" };
    return greeting.code === 220 ? this.ask("EHLO client.example") : greeting;
  }

  /** One transaction; gives the first reply that is not positive, or the last. */
  async send(
    content: Buffer,
    {
      reversePath = "sender@example.com",
      recipients = ["you@example.com"],
      parameters = "",
    }: SendEnvelope = {},
  ): Promise<ClientReply> {
    const mail = await this.ask(`MAIL FROM:<${reversePath}>${parameters}`);
    if (mail.code !== 250) return mail;
    for (const recipient of recipients) {
      const rcpt = await this.ask(`RCPT TO:<${recipient}>`);
      if (rcpt.code !== 250) return rcpt;
    }
    const data = await this.ask("DATA");
    if (data.code !== 354) return data;
    this.socket.write(onTheWire(content));
    return (await this.reply()) ?? { code: 0, text: "" };
  }

  async quit(): Promise<void> {
    await this.ask("QUIT");
    this.socket.destroy();
  }
}

/** Opens a connection, sends one message, and closes it. */
export async function sendOne(
  port: number,
  content: Buffer,
  envelope: SendEnvelope = {},
): Promise<ClientReply> {
  const client = new SmtpClient(port);
  try {
    const greeted = await client.greet();
    if (greeted.code !== 250) return greeted;
    return await client.send(content, envelope);
  } finally {
    client.socket.destroy();
  }
}

/**
 * Waits until EHLO offers an extension: what a next hop must keep is offered once it has told that it does.
 *
 * @param keyword as EHLO has it, such as "8BITMIME"
 */
export async function untilOffered(port: number, keyword: string): Promise<void> {
  for (const until = Date.now() + REPLY_MS_MAX; ; await sleep(50)) {
    const client = new SmtpClient(port);
    const { text } = await client.greet();
    await client.quit();
    if (new RegExp(`^250[ -]${keyword}\\b`, "m").test(text)) return;
    if (Date.now() > until) throw new Error(`${keyword} is not offered: ${text}`);
  }
}

/** The content with dots stuffed, a line end where the last line has none, and the final dot. */
export function onTheWire(content: Buffer): Buffer {
  const stuffed = content.toString("latin1").replace(/(^|\r\n)\./g, "$1..");
  const end = content.length === 0 || content.subarray(-2).equals(CRLF) ? ".\r\n" : "\r\n.\r\n";
  return Buffer.from(stuffed + end, "latin1");
}

const CRLF = Buffer.from("\r\n");

/** What the sink must have got of this content: it ends in CRLF. */
export function withLineEnd(content: Buffer): Buffer {
  return content.length === 0 || content.subarray(-2).equals(CRLF) ? content : Buffer.concat([content, CRLF]);
}

/** Parts the trace field that the gateway put on top from the rest; an empty field when the first one is another. */
export function partReceived(content: Buffer): { readonly received: string; readonly rest: Buffer } {
  const field = /^Received: [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*/.exec(content.toString("latin1", 0, 2000));
  const received = field?.[0] ?? "";
  return { received, rest: content.subarray(received.length) };
}
