/** As much of IMAP (RFC 9051) as reads a mailbox whole: LOGIN, SELECT, FETCH, STORE, EXPUNGE. Literals are kept as octets. */
import { connect, type Socket } from "node:net";

const ANSWER_MS_MAX = 30_000;

/** A session in one mailbox. */
export interface ImapMailbox {
  /** The octets of each message in it, in the order in which they came. */
  messages(): Promise<readonly Buffer[]>;
  /** Throws all messages away. */
  empty(): Promise<void>;
  close(): void;
}

/** Logs in and selects INBOX. */
export async function openMailbox(port: number, user: string, password: string): Promise<ImapMailbox> {
  const session = new ImapSession(connect({ port, host: "127.0.0.1", noDelay: true }));
  await session.ask(`LOGIN ${user} ${password}`);
  return {
    async messages() {
      // A mailbox that changed since is seen anew.
      const selected = await session.ask("SELECT INBOX");
      const count = Number(/^\* (\d+) EXISTS\r$/m.exec(selected.text)?.[1] ?? Number.NaN);
      if (count === 0) return [];
      const { literals } = await session.ask(`FETCH 1:${count} (BODY.PEEK[])`);
      if (literals.length !== count) throw new Error(`${literals.length} messages in place of ${count}`);
      return literals;
    },
    async empty() {
      const { text } = await session.ask("SELECT INBOX");
      if (/^\* 0 EXISTS\r$/m.test(text)) return;
      await session.ask("STORE 1:* +FLAGS.SILENT (\\Deleted)");
      await session.ask("EXPUNGE");
    },
    close: () => session.close(),
  };
}

/** What came up to the tagged answer: its lines, with each literal taken out. */
interface Answer {
  readonly text: string;
  readonly literals: readonly Buffer[];
}

class ImapSession {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  /** What came since, put together only when it is needed: a message of megabytes comes in hundreds of pieces. */
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  #waiting: (() => void) | undefined;
  #closed = false;
  #tags = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      this.#pieces.push(chunk);
      this.#pieceBytes += chunk.length;
      this.#waiting?.();
    });
    socket.on("close", () => {
      this.#closed = true;
      this.#waiting?.();
    });
    socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy());
  }

  /** Says a command; rejects when its answer is not OK. */
  async ask(command: string): Promise<Answer> {
    const tag = `a${++this.#tags}`;
    this.#socket.write(`${tag} ${command}\r\n`);
    const literals: Buffer[] = [];
    let text = "";
    for (;;) {
      const line = (await this.#take(await this.#lineEnd())).toString("latin1");
      text += line;
      const size = /\{(\d+)\}\r\n$/.exec(line)?.[1];
      if (size !== undefined) literals.push(await this.#take(Number(size)));
      else if (line.startsWith(`${tag} OK`)) return { text, literals };
      else if (line.startsWith(`${tag} `)) throw new Error(`${command}: ${line}`);
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  async #lineEnd(): Promise<number> {
    for (;;) {
      this.#join();
      const at = this.#received.indexOf("\r\n");
      if (at !== -1) return at + 2;
      await this.#more();
    }
  }

  async #take(bytes: number): Promise<Buffer> {
    while (this.#received.length + this.#pieceBytes < bytes) await this.#more();
    this.#join();
    const taken = this.#received.subarray(0, bytes);
    this.#received = this.#received.subarray(bytes);
    return taken;
  }

  #join(): void {
    if (this.#pieces.length === 0) return;
    this.#received = Buffer.concat([this.#received, ...this.#pieces]);
    this.#pieces = [];
    this.#pieceBytes = 0;
  }

  async #more(): Promise<void> {
    if (this.#closed) throw new Error("the IMAP server ended the connection");
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting = resolve;
    await promise;
  }
}
