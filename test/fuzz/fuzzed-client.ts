/** Plays a script against the gateway and keeps all that was said, both ways. */
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import type { Script, Step } from "./client-scripts.ts";
import { DialogueLog } from "./dialogue-log.ts";
import type { SeededRandom } from "./seeded-random.ts";

/** A session that was played to its end. */
export interface PlayedSession {
  readonly name: string;
  /** Its end of the connection, by which traces name it. */
  readonly port: number;
  readonly sent: Buffer;
  readonly received: string;
  /** What was not as it has to be, in words. */
  readonly faults: readonly string[];
  readonly log: DialogueLog;
}

/** Longer than the gateway may take to answer anything. */
const REPLY_MS_MAX = 15_000;
/** The same of its closing of a session whose client said all it has to say. */
const CLOSE_MS_MAX = 15_000;
const REPLY = /^(?:\d{3}-[^\r\n]*\r\n)*\d{3} [^\r\n]*\r\n/;

/** Runs one session. Never rejects. */
export async function playSession(
  name: string,
  script: Script,
  gatewayPort: number,
  random: SeededRandom,
): Promise<PlayedSession> {
  const player = new Player(name, gatewayPort, random);
  await player.play(script);
  return player.result();
}

class Player {
  readonly #name: string;
  readonly #random: SeededRandom;
  #socket: Socket;
  readonly #log: DialogueLog;
  readonly #faults: string[] = [];
  readonly #sent: Buffer[] = [];
  readonly #connected = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  #port = 0;
  #received = "";
  #read = 0;
  #isClosed = false;
  #isSecure = false;
  #wake: (() => void) | undefined;

  constructor(name: string, port: number, random: SeededRandom) {
    this.#name = name;
    this.#random = random;
    this.#log = new DialogueLog(`client ${name}`);
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("connect", () => {
      this.#port = this.#socket.localPort ?? 0;
      this.#connected.resolve();
    });
    this.#listen(this.#socket);
  }

  #listen(socket: Socket): void {
    socket.on("data", (chunk: Buffer) => {
      this.#log.add("<", chunk);
      this.#received += chunk.toString("latin1");
      this.#wake?.();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => this.#log.add("-", error.code ?? "error"));
    socket.on("close", () => {
      this.#log.add("-", "closed");
      this.#isClosed = true;
      this.#wake?.();
      this.#closed.resolve();
    });
  }

  async play({ steps, isOrderly }: Script): Promise<void> {
    // Before it is there a socket of Node can not be reset.
    await Promise.race([this.#connected.promise, this.#closed.promise]);
    for (const step of steps) {
      // A session that the gateway ended, by 421 or for its limits, has nothing more to say.
      if (this.#isClosed) break;
      if (!(await this.#step(step, isOrderly))) break;
    }
    if (!this.#isClosed && !this.#socket.writableEnded) this.#socket.end();
    if (!(await within(this.#closed.promise, CLOSE_MS_MAX))) {
      this.#faults.push(`the gateway keeps the session open ${CLOSE_MS_MAX} ms after its end`);
      this.#socket.destroy();
    }
    if (!/^(?:\d{3}[ -][\x20-\x7e]*\r\n)*(?:\d{3}[ -][\x20-\x7e]*)?$/.test(this.#inTheClear()))
      this.#faults.push("a reply is not well-formed (RFC 5321 4.2)");
  }

  /** What came before TLS that was asked for and garbled, which is answered by an alert (RFC 8446 6). */
  #inTheClear(): string {
    if (this.#isSecure) return this.#received;
    return /^[\s\S]*?220 [^\r\n]*TLS[^\r\n]*\r\n/.exec(this.#received)?.[0] ?? this.#received;
  }

  async #secure(): Promise<boolean> {
    this.#socket.removeAllListeners("data");
    this.#socket = connectTls({ socket: this.#socket, rejectUnauthorized: false });
    this.#listen(this.#socket);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.once("secureConnect", resolve);
    this.#isSecure = await within(promise, REPLY_MS_MAX);
    if (!this.#isSecure) this.#faults.push("the gateway does not end the handshake of STARTTLS");
    return this.#isSecure;
  }

  result(): PlayedSession {
    return {
      name: this.#name,
      port: this.#port,
      sent: Buffer.concat(this.#sent),
      received: this.#received,
      faults: this.#faults,
      log: this.#log,
    };
  }

  /** Gives whether the script goes on. */
  async #step(step: Step, isOrderly: boolean): Promise<boolean> {
    switch (step.do) {
      case "say":
        await this.#say(step.octets, step.cut);
        return true;
      case "tls":
        return this.#secure();
      case "pause":
        await sleep(step.ms);
        return true;
      case "read": {
        const reply = await this.#reply(isOrderly ? REPLY_MS_MAX : 50);
        return isOrderly ? this.#check(reply, step.about, step.want) : true;
      }
      case "leave":
        if (step.how === "end") this.#socket.end();
        else if (step.how === "reset" && !this.#isSecure) this.#socket.resetAndDestroy();
        else this.#socket.destroy();
        return false;
    }
  }

  #check(reply: string | undefined, about: string, want: RegExp | undefined): boolean {
    if (reply === undefined) {
      if (!this.#isClosed) this.#faults.push(`no reply to ${about} within ${REPLY_MS_MAX} ms`);
      else if (!/(?:^|\n)421 [^\n]*\n$/.test(this.#received))
        this.#faults.push(`the gateway closed without a 421 instead of a reply to ${about}`);
      return false;
    }
    if (reply.startsWith("421")) return false;
    if (want !== undefined && !want.test(reply)) {
      this.#faults.push(`the reply to ${about} has to be ${want} and is ${reply.trim().slice(0, 100)}`);
      return false;
    }
    // Content after a refused DATA would be commands.
    return !(about === "DATA" && !reply.startsWith("354"));
  }

  async #say(octets: Buffer, cut: boolean): Promise<void> {
    let at = 0;
    const pieces = cut ? this.#random.between(2, 6) : 1;
    for (let left = pieces; left > 0 && !this.#isClosed; left -= 1) {
      const end = left === 1 ? octets.length : this.#random.between(at, octets.length);
      const part = octets.subarray(at, end);
      at = end;
      this.#sent.push(part);
      this.#log.add(">", part);
      const isTaken = this.#socket.write(part);
      if (cut) await sleep(this.#random.below(3));
      if (!isTaken && !this.#isClosed) await this.#drained();
    }
  }

  async #drained(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.once("drain", resolve);
    await within(Promise.race([promise, this.#closed.promise]), REPLY_MS_MAX);
    this.#socket.off("drain", resolve);
  }

  /** The next whole reply; undefined when none came in time, or the connection ended. */
  async #reply(ms: number): Promise<string | undefined> {
    const until = performance.now() + ms;
    for (;;) {
      const found = REPLY.exec(this.#received.slice(this.#read));
      if (found) {
        this.#read += found[0].length;
        return found[0];
      }
      const left = until - performance.now();
      if (this.#isClosed || left <= 0) return undefined;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await within(promise, left);
    }
  }
}

/** Whether a promise settles in time. */
export async function within(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const over = new AbortController();
  const late = sleep(ms, false, { signal: over.signal }).catch(() => false);
  const settled = await Promise.race([promise.then(() => true), late]);
  over.abort();
  return settled;
}
