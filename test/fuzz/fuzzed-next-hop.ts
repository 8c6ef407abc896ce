/**
 * A next hop that keeps what it took and answers as it likes. What it took it keeps before it says so, by the id that
 * the gateway's trace field has.
 */
import { type AddressInfo, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { DialogueLog } from "./dialogue-log.ts";
import { type HopAnswer, hostileAnswer, type Step, usualAnswer } from "./hostile-replies.ts";
import type { SeededRandom } from "./seeded-random.ts";

/** A message that was taken. */
export interface TakenMessage {
  /** From the trace field on top; "" without one. */
  readonly id: string;
  /** Without the trace field, dots undone. */
  readonly content: Buffer;
  readonly recipients: readonly string[];
  readonly log: DialogueLog;
}

/** A next hop that runs. */
export interface FuzzedNextHop {
  readonly port: number;
  readonly taken: readonly TakenMessage[];
  /** What was said on each connection. */
  readonly logs: readonly DialogueLog[];
  /** What was said on connections that are open now. */
  open(): readonly DialogueLog[];
  close(): Promise<void>;
}

export interface NextHopOptions {
  readonly name: string;
  readonly random: SeededRandom;
  readonly hostile: boolean;
  /** Longer than the gateway waits for a reply. */
  readonly lateMs: number;
}

const END = Buffer.from("\r\n.\r\n");
const LINE_END = Buffer.from("\r\n");
const TRACE_FIELD =
  /^Received: from [^\r\n]*\r\n\tby [^\r\n]* id ([^;\s]+)(?:\r\n\tfor <[^>\r\n]*>)?;\r\n\t[^\r\n]*\r\n/;

/** Starts one on a free port. */
export async function startNextHop(options: NextHopOptions): Promise<FuzzedNextHop> {
  const sockets = new Map<Socket, DialogueLog>();
  const taken: TakenMessage[] = [];
  const logs: DialogueLog[] = [];
  const server = createServer({ noDelay: true }, (socket) => {
    const number = logs.length + 1;
    const log = new DialogueLog(`next hop ${options.name}, connection ${number}`);
    logs.push(log);
    sockets.set(socket, log);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    new HopSession(socket, options, options.random.fork(`connection ${number}`), log, taken).start();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    taken,
    logs,
    open: () => [...sockets.values()],
    close() {
      for (const socket of sockets.keys()) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

class HopSession {
  readonly #socket: Socket;
  readonly #options: NextHopOptions;
  readonly #random: SeededRandom;
  readonly #log: DialogueLog;
  readonly #taken: TakenMessage[];
  /** Replies leave one after the other, however late one is. */
  #said: Promise<void> = Promise.resolve();
  #buffered = Buffer.alloc(0);
  #inData = false;
  /** Octets of the chunk that comes (RFC 3030 2), and whether it is the last. */
  #chunk: { readonly size: number; readonly last: boolean } | undefined;
  #chunks: Buffer[] = [];
  #isOutOfStep = false;
  #isClosing = false;
  #recipients: string[] = [];

  constructor(
    socket: Socket,
    options: NextHopOptions,
    random: SeededRandom,
    log: DialogueLog,
    taken: TakenMessage[],
  ) {
    this.#socket = socket;
    this.#options = options;
    this.#random = random;
    this.#log = log;
    this.#taken = taken;
  }

  start(): void {
    this.#socket.on("data", (chunk) => this.#take(chunk));
    this.#socket.on("close", () => this.#log.add("-", "closed"));
    this.#answer("greeting");
  }

  #take(chunk: Buffer): void {
    this.#log.add("<", chunk);
    this.#buffered = Buffer.concat([this.#buffered, chunk]);
    while (this.#takeNext());
  }

  #takeNext(): boolean {
    if (this.#chunk !== undefined) return this.#takeChunk(this.#chunk);
    return this.#inData ? this.#takeContent() : this.#takeLine();
  }

  #takeChunk({ size, last }: { readonly size: number; readonly last: boolean }): boolean {
    if (this.#buffered.length < size) return false;
    this.#chunk = undefined;
    this.#chunks.push(this.#buffered.subarray(0, size));
    this.#buffered = this.#buffered.subarray(size);
    if (this.#recipients.length === 0) this.#give({ ...usualAnswer("other"), octets: "554 5.5.1 No\r\n" });
    else if (!last) this.#give(usualAnswer("other"));
    else this.#end(Buffer.concat(this.#chunks).toString("latin1"));
    if (last) this.#chunks = [];
    return true;
  }

  #takeLine(): boolean {
    const at = this.#buffered.indexOf(LINE_END);
    if (at === -1) return false;
    const line = this.#buffered.toString("latin1", 0, at);
    this.#buffered = this.#buffered.subarray(at + 2);
    this.#command(line);
    return true;
  }

  #command(line: string): void {
    const verb = line.slice(0, 4).toUpperCase();
    if (verb === "EHLO" || verb === "HELO") this.#answer("ehlo");
    else if (verb === "MAIL") {
      this.#recipients = [];
      this.#chunks = [];
      this.#answer("mail");
    } else if (verb === "RCPT") {
      const path = /<([^>]*)>/.exec(line)?.[1] ?? "";
      const refusal = path.startsWith("refuse")
        ? "550 5.1.1 Nobody of that name\r\n"
        : path.startsWith("busy")
          ? "450 4.2.1 Busy\r\n"
          : undefined;
      const answer =
        refusal === undefined ? this.#chosen("rcpt") : { ...usualAnswer("rcpt"), octets: refusal };
      if (answer.octets.startsWith("25")) this.#recipients.push(path);
      this.#give(answer);
    } else if (verb === "DATA") {
      // Without a recipient there is nothing to take (RFC 5321 3.3).
      const answer =
        this.#recipients.length > 0
          ? this.#chosen("data")
          : { ...usualAnswer("data"), octets: "554 5.5.1 No valid recipients\r\n" };
      this.#inData = answer.octets.startsWith("354");
      // The line end before the content is part of the end mark of an empty message.
      if (this.#inData) this.#buffered = Buffer.concat([LINE_END, this.#buffered]);
      this.#give(answer);
    } else if (verb === "BDAT") {
      const [, size = "0", last] = /^BDAT (\d+)( LAST)?$/i.exec(line) ?? [];
      this.#chunk = { size: Number(size), last: last !== undefined };
    } else if (verb === "QUIT") {
      const usual = { ...usualAnswer("other"), octets: "221 2.0.0 Bye\r\n" };
      this.#give({ ...usual, closeAfter: usual.octets.length });
    } else {
      if (verb === "RSET") this.#recipients = [];
      this.#answer("other");
    }
  }

  #takeContent(): boolean {
    const at = this.#buffered.indexOf(END);
    if (at === -1) return false;
    const wire = this.#buffered.subarray(0, at + 2);
    this.#buffered = this.#buffered.subarray(at + END.length);
    this.#inData = false;
    this.#end(wire.toString("latin1").replaceAll("\r\n.", "\r\n").slice(2));
    return true;
  }

  #end(whole: string): void {
    const answer = this.#chosen("dot");
    if (answer.takes) this.#keep(whole);
    this.#recipients = [];
    this.#give(answer);
  }

  #keep(whole: string): void {
    const [field = "", id = ""] = TRACE_FIELD.exec(whole) ?? [];
    const content = Buffer.from(whole.slice(field.length), "latin1");
    this.#log.add("-", `takes ${id}`);
    this.#taken.push({ id, content, recipients: this.#recipients, log: this.#log });
  }

  #answer(step: Step): void {
    this.#give(this.#chosen(step));
  }

  #chosen(step: Step): HopAnswer {
    const { hostile, lateMs } = this.#options;
    if (!hostile) return usualAnswer(step);
    // One that said two things at once takes nothing any more: whatever it said then was not about a message.
    if (step === "dot" && this.#isOutOfStep)
      return { octets: "451 4.3.0 I lost count\r\n", delayMs: 0, takes: false };
    const answer = hostileAnswer(step, this.#random, lateMs);
    this.#isOutOfStep ||= answer.isOutOfStep === true;
    return answer;
  }

  #give(answer: HopAnswer): void {
    this.#said = this.#said.then(() => this.#say(answer));
  }

  async #say({ octets, delayMs, piece, closeAfter, reset }: HopAnswer): Promise<void> {
    if (this.#isClosing) return;
    if (delayMs > 0) await sleep(delayMs, undefined, { ref: false });
    const whole = Buffer.from(octets.slice(0, closeAfter ?? octets.length), "latin1");
    const step = piece ?? whole.length;
    // A long reply in single octets would take longer than the gateway waits for all of it.
    const pieces = Math.min(Math.ceil(whole.length / Math.max(1, step)), 50);
    for (let at = 0; at < pieces; at += 1) {
      const part = at === pieces - 1 ? whole.subarray(at * step) : whole.subarray(at * step, (at + 1) * step);
      if (this.#socket.destroyed) return;
      this.#log.add(">", part);
      this.#socket.write(part);
      if (pieces > 1) await sleep(1, undefined, { ref: false });
    }
    if (closeAfter === undefined) return;
    // After this nothing more is said: a reset behind an end would leave a socket of Node without its "close".
    this.#isClosing = true;
    this.#log.add("-", reset ? "resets" : "ends");
    if (reset) this.#socket.resetAndDestroy();
    else this.#socket.end();
  }
}
