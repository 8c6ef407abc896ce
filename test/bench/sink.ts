/**
 * A next hop that takes everything as fast as it can, in a process of its own. It answers the commands of one chunk in
 * one write and keeps nothing. No checks, no limits: for measuring only. Offers what Postfix, Exim and Exchange offer
 * unasked; `--no-chunking` takes CHUNKING (RFC 3030) away.
 */
import { createServer, type Socket } from "node:net";

const chunking = process.argv.includes("--no-chunking") ? "" : "250-CHUNKING\r\n";
const EHLO = `250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n${chunking}250 ENHANCEDSTATUSCODES\r\n`;
const TAKEN = "250 2.0.0 taken\r\n";
const END = Buffer.from("\r\n.\r\n");
const EMPTY = Buffer.alloc(0);
let messages = 0;
let octets = 0;

function serve(socket: Socket): void {
  let inData = false;
  /** In data: the last four octets. Else: a command that is not complete. */
  let held: Buffer = EMPTY;
  /** Octets of a BDAT chunk that are still to come, and whether it is the last one. */
  let chunkLeft = 0;
  let isLast = false;
  socket.setNoDelay(true);
  socket.on("error", () => {});
  socket.write("220 sink.example ESMTP\r\n");

  function content(chunk: Buffer): Buffer {
    const seam = held.length === 0 ? -1 : Buffer.concat([held, chunk.subarray(0, 4)]).indexOf(END);
    const end = seam >= 0 ? seam + END.length - held.length : endIn(chunk);
    if (end < 0) {
      octets += chunk.length;
      held = chunk.length >= 4 ? chunk.subarray(-4) : Buffer.concat([held, chunk]).subarray(-4);
      return EMPTY;
    }
    octets += end;
    messages += 1;
    inData = false;
    held = EMPTY;
    socket.write(TAKEN);
    return chunk.subarray(end);
  }

  function commands(chunk: Buffer): Buffer {
    const text = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    held = EMPTY;
    let replies = "";
    let at = 0;
    for (let end = text.indexOf(10); end >= 0; end = text.indexOf(10, at)) {
      const line = at;
      const verb = text.toString("latin1", line, line + 4).toUpperCase();
      at = end + 1;
      if (verb === "EHLO") replies += EHLO;
      else if (verb === "DATA") {
        socket.write(`${replies}354 go on\r\n`);
        inData = true;
        held = Buffer.from("\r\n");
        return text.subarray(at);
      } else if (verb === "BDAT") {
        const [, size, last] = text.toString("latin1", line, end).trim().split(" ");
        chunkLeft = Number(size);
        isLast = last !== undefined;
        at += chunkOctets(text, at);
        if (chunkLeft > 0) break;
        replies += TAKEN;
      } else if (verb === "QUIT") {
        socket.end(`${replies}221 2.0.0 bye\r\n`);
        return EMPTY;
      } else replies += "250 2.1.0 ok\r\n";
    }
    if (chunkLeft === 0) held = text.subarray(at);
    if (replies !== "") socket.write(replies);
    return EMPTY;
  }

  /** Takes octets of a BDAT chunk; gives how many. */
  function chunkOctets(text: Buffer, from: number): number {
    const taken = Math.min(text.length - from, chunkLeft);
    octets += taken;
    chunkLeft -= taken;
    if (chunkLeft === 0 && isLast) messages += 1;
    return taken;
  }

  function restOfChunk(chunk: Buffer): Buffer {
    const taken = chunkOctets(chunk, 0);
    if (chunkLeft === 0) socket.write(TAKEN);
    return chunk.subarray(taken);
  }

  socket.on("data", (chunk: Buffer) => {
    let rest = chunk;
    while (rest.length > 0) {
      if (inData) rest = content(rest);
      else rest = chunkLeft > 0 ? restOfChunk(rest) : commands(rest);
    }
  });
}

function endIn(chunk: Buffer): number {
  const at = chunk.indexOf(END);
  return at < 0 ? -1 : at + END.length;
}

const server = createServer(serve);
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
  const address = server.address();
  process.send?.({ port: typeof address === "object" && address !== null ? address.port : 0 });
});
process.on("message", (asked) => {
  if (asked === "count") process.send?.({ messages, octets });
});
process.on("disconnect", () => process.exit());
