/** A scriptable SMTP sink on raw sockets: records every command and the exact octets of each DATA. */

import type { AddressInfo, Socket } from "node:net";
import { createServer } from "node:net";

/** What the sink answers; null ends the connection without an answer, "" says nothing. */
export type Script = (command: string, connection: number) => string | null | undefined;

export interface Sink {
  readonly port: number;
  readonly commands: string[];
  /** Octets between 354 and the final dot, dots undone, the last CRLF kept. */
  readonly messages: Buffer[];
  connections(): number;
  close(): Promise<void>;
}

export const ehloLines =
  "250-sink\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 DSN";

/** Starts a sink; `script` gets "GREETING", each command, and "." after the content; undefined means the usual answer. */
export async function startSink(script: Script = () => undefined): Promise<Sink> {
  const commands: string[] = [];
  const messages: Buffer[] = [];
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    const number = ++count;
    let buffered = Buffer.alloc(0);
    let data = false;
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    const answer = (command: string, usual: string) => {
      const text = script(command, number);
      if (text === null) return socket.destroy();
      const line = text ?? usual;
      if (line !== "") socket.write(`${line}\r\n`);
      if (command === "DATA") data = line.startsWith("354");
      if (command === "QUIT") socket.end();
      return undefined;
    };
    answer("GREETING", "220 sink");
    socket.on("data", (chunk) => {
      buffered = Buffer.concat([buffered, chunk]);
      for (;;) {
        const mark = data ? "\r\n.\r\n" : "\r\n";
        const begins = data && buffered.indexOf(".\r\n") === 0;
        const at = begins ? -2 : buffered.indexOf(mark, 0, "latin1");
        if (at === -1) return;
        const part = buffered.subarray(0, at + 2);
        buffered = buffered.subarray(at + mark.length);
        if (data) {
          data = false;
          messages.push(Buffer.from(part.toString("latin1").replace(/(^|[\r\n])\./g, "$1"), "latin1"));
          answer(".", "250 2.0.0 taken");
        } else {
          const command = part.subarray(0, at).toString("utf8");
          commands.push(command);
          answer(command, usualAnswer(command));
        }
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    commands,
    messages,
    connections: () => count,
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function usualAnswer(command: string): string {
  if (command.startsWith("EHLO")) return ehloLines;
  if (command === "DATA") return "354 go on";
  return command === "QUIT" ? "221 bye" : "250 2.1.0 ok";
}
