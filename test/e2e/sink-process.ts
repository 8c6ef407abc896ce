/**
 * An SMTP server as a process of its own: records the exact octets of each message it takes, and takes anything.
 * A message's file and its ledger line are written before its 250, so that the ledger never knows less than a client.
 * Arguments: folder, then options as name=value: `delayMs` before the last answer to each message, `port`.
 * A recipient "refuse..." is answered 550, "busy..." 450, "slow..." keeps the last answer back for a minute.
 */
import { createHash } from "node:crypto";
import { appendFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const EHLO = "250-sink.example\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250-8BITMIME\r\n250 SMTPUTF8";
const END = Buffer.from("\r\n.\r\n");
const SLOW_MS = 60_000;

const folder = process.argv[2] ?? ".";
const options = new Map(process.argv.slice(3).map((arg) => arg.split("=", 2) as [string, string]));
const delayMs = Number(options.get("delayMs") ?? 0);
let count = 0;

/** Takes off the dots that SMTP put on, at the start of lines that end in CRLF only (RFC 5321 4.5.2). */
function unstuff(wire: Buffer): Buffer {
  const content = Buffer.allocUnsafe(wire.length);
  let used = 0;
  for (let n = 0; n < wire.length; n += 1) {
    const lineStart = n === 0 || (wire[n - 1] === 0x0a && wire[n - 2] === 0x0d);
    if (lineStart && wire[n] === 0x2e) continue;
    content[used] = wire[n] ?? 0;
    used += 1;
  }
  return content.subarray(0, used);
}

class Session {
  readonly #socket: Socket;
  #commands = Buffer.alloc(0);
  #data: Buffer[] | undefined;
  #tail = Buffer.alloc(0);
  #reversePath = "";
  #recipients: string[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("error", () => {});
    socket.on("data", (chunk) => this.#take(chunk));
    this.#say("220 sink.example ESMTP");
  }

  #say(line: string): void {
    if (!this.#socket.destroyed) this.#socket.write(`${line}\r\n`);
  }

  #take(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#data !== undefined) {
        rest = this.#takeData(this.#data, rest);
        continue;
      }
      this.#commands = Buffer.concat([this.#commands, rest]);
      const at = this.#commands.indexOf("\r\n");
      if (at === -1) return;
      const line = this.#commands.toString("utf8", 0, at);
      rest = this.#commands.subarray(at + 2);
      this.#commands = Buffer.alloc(0);
      this.#command(line);
    }
  }

  /** Gives what follows the final dot. */
  #takeData(data: Buffer[], chunk: Buffer): Buffer {
    const seen = Buffer.concat([this.#tail, chunk]);
    const at = seen.indexOf(END);
    data.push(chunk);
    if (at === -1) {
      this.#tail = seen.subarray(-4);
      return Buffer.alloc(0);
    }
    const over = seen.length - at - END.length;
    const wire = Buffer.concat(data);
    this.#data = undefined;
    // Octets 0 and 1 are the CRLF of DATA's own line.
    void this.#end(unstuff(wire.subarray(2, wire.length - over - 3)));
    return chunk.subarray(chunk.length - over);
  }

  async #end(content: Buffer): Promise<void> {
    const [reversePath, recipients] = [this.#reversePath, this.#recipients];
    if (recipients.some((path) => path.startsWith("slow"))) await sleep(SLOW_MS);
    if (delayMs > 0) await sleep(delayMs);
    const file = `${++count}.eml`;
    const sha256 = createHash("sha256").update(content).digest("hex");
    writeFileSync(join(folder, file), content);
    appendFileSync(
      join(folder, "ledger"),
      `${JSON.stringify({ file, sha256, reversePath, recipients, bytes: content.length })}\n`,
    );
    this.#say("250 2.0.0 Taken");
  }

  #command(line: string): void {
    const verb = line.slice(0, 4).toUpperCase();
    const path = /<([^>]*)>/.exec(line)?.[1] ?? "";
    if (verb === "EHLO") this.#say(EHLO);
    else if (verb === "QUIT") this.#socket.end("221 2.0.0 Bye\r\n");
    else if (verb === "DATA") {
      this.#say("354 Go on");
      // The line end before the content is part of the end mark of an empty message.
      this.#data = [Buffer.from("\r\n")];
      this.#tail = Buffer.from("\r\n");
    } else if (verb === "RCPT" && path.startsWith("refuse"))
      this.#say("550 5.1.1 Nobody of that name lives here");
    else if (verb === "RCPT" && path.startsWith("busy")) this.#say("450 4.2.1 That mailbox is busy");
    else {
      if (verb === "MAIL" || verb === "RSET") this.#recipients = [];
      if (verb === "MAIL") this.#reversePath = path;
      if (verb === "RCPT") this.#recipients.push(path);
      this.#say("250 2.1.0 Ok");
    }
  }
}

const server = createServer({ noDelay: true }, (socket) => new Session(socket));
server.listen(Number(options.get("port") ?? 0), "127.0.0.1", () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
// The parent holds the other end: without it there is nobody to serve.
process.stdin.on("end", () => process.exit(0)).resume();
