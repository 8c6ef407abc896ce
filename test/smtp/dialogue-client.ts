/** The client of a dialogue: sends octets as they are, and gives whole replies one by one. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

/** One connection. */
export class DialogueClient {
  #socket: Socket;
  #heard = "";
  #closed = false;
  #wake: () => void = () => {};

  constructor(port: number, secure: boolean) {
    this.#socket = secure
      ? connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false })
      : connect(port, "127.0.0.1");
    this.#listen();
  }

  /** Gives the server a turn, so that the next octets come apart from these. */
  async say(octets: Buffer): Promise<void> {
    this.#socket.write(octets);
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** The next reply, its lines joined by LF; undefined where the connection was closed instead. */
  async reply(): Promise<string | undefined> {
    for (;;) {
      const whole = /^(?:\d{3}-.*\r\n)*\d{3}(?: .*)?\r\n/.exec(this.#heard)?.[0];
      if (whole !== undefined) {
        this.#heard = this.#heard.slice(whole.length);
        return whole.slice(0, -2).replaceAll("\r\n", "\n");
      }
      if (this.#closed) return undefined;
      await this.#change();
    }
  }

  /** Waits until the server has closed it; gives what it said before that nobody read. */
  async closed(): Promise<string> {
    while (!this.#closed) await this.#change();
    return this.#heard;
  }

  async startTls(): Promise<void> {
    this.#socket.removeAllListeners("data");
    this.#socket.removeAllListeners("close");
    const secure = connectTls({ socket: this.#socket, rejectUnauthorized: false });
    this.#socket = secure;
    this.#listen();
    await once(secure, "secureConnect");
  }

  /** Half-closes, as a client that has said all. */
  shut(): void {
    this.#socket.end();
  }

  /** Breaks off, as a client whose host went down. */
  vanish(): void {
    this.#socket.resetAndDestroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #listen(): void {
    this.#socket.on("data", (octets) => {
      this.#heard += octets.toString("latin1");
      this.#wake();
    });
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => {
      this.#closed = true;
      this.#wake();
    });
  }
}
