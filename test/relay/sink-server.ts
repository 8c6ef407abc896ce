/** A scriptable SMTP and LMTP sink on raw sockets: records every command and the exact octets of each message. */

import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { createServer } from "node:net";

/** What the sink answers; null ends the connection without an answer, "" says nothing. */
export type Script = (command: string, connection: number) => string | null | undefined;

export interface Sink {
  readonly port: number;
  readonly commands: string[];
  /** Octets between 354 and the final dot, dots undone, the last CRLF kept; or those of the chunks of BDAT. */
  readonly messages: Buffer[];
  connections(): number;
  /** Resolves when no connection is open. */
  ended(): Promise<void>;
  close(): Promise<void>;
}

export const ehloLines =
  "250-sink\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 DSN";

/**
 * Starts a sink; `script` gets "GREETING", each command, and "." after the content (in LMTP ".0", ".1" for each accepted
 * recipient); undefined means the usual answer. BDAT is answered once its octets are there.
 *
 * @param path of a unix socket; absent: `place`
 * @param place by default a free port of 127.0.0.1
 */
export async function startSink(
  script: Script = () => undefined,
  path?: string,
  { host = "127.0.0.1", port = 0 }: { readonly host?: string; readonly port?: number } = {},
): Promise<Sink> {
  const commands: string[] = [];
  const messages: Buffer[] = [];
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    const number = ++count;
    let buffered = Buffer.alloc(0);
    let data = false;
    let lmtp = false;
    let accepted = 0;
    let chunks: Buffer[] = [];
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    const answer = (command: string, usual: string) => {
      const text = script(command, number);
      if (text === null) return socket.destroy();
      const line = text ?? usual;
      if (line !== "") socket.write(`${line}\r\n`);
      if (command === "DATA") data = line.startsWith("354");
      if (command.startsWith("RCPT") && line.startsWith("2")) accepted++;
      if (command.startsWith("LHLO")) lmtp = true;
      if (/^(?:MAIL|RSET)/.test(command)) {
        accepted = 0;
        chunks = [];
      }
      if (command.startsWith("BDAT") && !line.startsWith("2")) chunks = [];
      if (command === "QUIT") socket.end();
      return undefined;
    };
    answer("GREETING", "220 sink");
    socket.on("data", (chunk) => {
      buffered = Buffer.concat([buffered, chunk]);
      while (!socket.destroyed) {
        const mark = data ? "\r\n.\r\n" : "\r\n";
        const begins = data && buffered.indexOf(".\r\n") === 0;
        const at = begins ? -2 : buffered.indexOf(mark, 0, "latin1");
        if (at === -1) return;
        const part = buffered.subarray(0, at + 2);
        const chunk = data ? null : /^BDAT (\d+)( LAST)?\r\n$/.exec(part.toString("latin1"));
        if (chunk) {
          const end = part.length + Number(chunk[1]);
          if (buffered.length < end) return;
          chunks.push(Buffer.from(buffered.subarray(part.length, end)));
          buffered = buffered.subarray(end);
          const command = part.subarray(0, at).toString("latin1");
          commands.push(command);
          const whole = Buffer.concat(chunks);
          answer(command, accepted > 0 ? "250 2.0.0 taken" : "554 5.5.1 no valid recipients");
          if (chunk[2] && chunks.length > 0 && accepted > 0) messages.push(whole);
          if (chunk[2]) chunks = [];
          continue;
        }
        buffered = buffered.subarray(at + mark.length);
        if (data) {
          data = false;
          messages.push(Buffer.from(part.toString("latin1").replace(/(^|[\r\n])\./g, "$1"), "latin1"));
          if (!lmtp) answer(".", "250 2.0.0 taken");
          for (let n = 0; lmtp && n < accepted; n++) answer(`.${n}`, "250 2.0.0 taken");
        } else {
          const command = part.subarray(0, at).toString("utf8");
          commands.push(command);
          answer(command, usualAnswer(command));
        }
      }
    });
  });
  await new Promise<void>((resolve) =>
    path === undefined ? server.listen(port, host, resolve) : server.listen(path, resolve),
  );
  return {
    port: path === undefined ? (server.address() as AddressInfo).port : 0,
    commands,
    messages,
    connections: () => count,
    async ended() {
      for (const socket of sockets) await once(socket, "close");
    },
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function usualAnswer(command: string): string {
  if (/^(?:EHLO|LHLO)/.test(command)) return ehloLines;
  if (command === "DATA") return "354 go on";
  return command === "QUIT" ? "221 bye" : "250 2.1.0 ok";
}
