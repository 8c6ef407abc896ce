/** The client side of an SMTP dialogue for `postern send`, line by line over node:net and node:tls. */
import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { formatSocketAddress, type SocketAddress } from "../config/mod.ts";
import { UserError } from "./user-error.ts";

const REPLY_MS_MAX = 150_000;
const LINE_OCTETS_MAX = 65_536;

/** A running dialogue. Codes are those of the last line of a reply. */
export interface Dialogue {
  reply(): Promise<number>;
  command(line: string): Promise<number>;
  /** Dot-stuffs and sends a message (RFC 5321 4.5.2); line ends become CRLF. */
  content(content: Buffer): Promise<number>;
  /** Makes it TLS without a check of the certificate: it is a test sender. */
  startTls(): Promise<void>;
  close(): void;
}

/** Connects; `print` gets each line as "S: ..." or "C: ...". @throws UserError when the server is not there or goes away */
export async function openDialogue(server: SocketAddress, print: (line: string) => void): Promise<Dialogue> {
  let socket: Socket = connect(server.port, server.host);
  let buffered = "";
  let failure: string | undefined;
  let wake = (): void => {};
  const listen = (): void => {
    socket.setTimeout(REPLY_MS_MAX, () => socket.destroy(new Error("no answer")));
    socket.on("data", (chunk: Buffer) => {
      buffered += chunk.toString("utf8");
      if (buffered.length > LINE_OCTETS_MAX) socket.destroy(new Error("the answer is too long"));
      wake();
    });
    const end = (error?: Error): void => {
      failure ??=
        error === undefined
          ? "the server closed the connection"
          : ((error as NodeJS.ErrnoException).code ?? error.message);
      wake();
    };
    socket.on("error", end);
    socket.on("close", () => end());
  };
  listen();
  const nextLine = async (): Promise<string> => {
    for (;;) {
      const end = buffered.indexOf("\n");
      if (end >= 0) {
        const line = buffered.slice(0, end).replace(/\r$/, "");
        buffered = buffered.slice(end + 1);
        // What a server sends must not drive the terminal.
        print(`S: ${line.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, "?")}`);
        return line;
      }
      if (failure !== undefined) throw new UserError(`${formatSocketAddress(server)}: ${wordsOf(failure)}`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  const reply = async (): Promise<number> => {
    let line = await nextLine();
    while (/^\d{3}-/.test(line)) line = await nextLine();
    return Number(line.slice(0, 3));
  };
  return {
    reply,
    command(line) {
      print(`C: ${line}`);
      socket.write(`${line}\r\n`);
      return reply();
    },
    content(content) {
      const text = content
        .toString("latin1")
        .replaceAll(/\r\n|\r|\n/g, "\r\n")
        .replaceAll(/^\./gm, "..");
      print(`C: (${content.length} octets) .`);
      socket.write(Buffer.from(`${text}${text.endsWith("\r\n") ? "" : "\r\n"}.\r\n`, "latin1"));
      return reply();
    },
    async startTls() {
      socket.removeAllListeners();
      const plain = socket;
      const secure = connectTls({ socket: plain, rejectUnauthorized: false });
      socket = secure;
      listen();
      await new Promise<void>((resolve) => {
        secure.once("secureConnect", resolve);
        secure.once("close", resolve);
      });
      if (failure === undefined) print(`   (${secure.getProtocol()})`);
    },
    close: () => socket.destroy(),
  };
}

/** What a failure means to who sends a test message, and what to do. */
function wordsOf(failure: string): string {
  switch (failure) {
    case "ECONNREFUSED":
      return "nobody listens there; start the gateway with npm start, or name a server with --server HOST:PORT";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "the host name has no address; name a server with --server HOST:PORT";
    case "ETIMEDOUT":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return `the server can not be reached (${failure}); see whether the address is right`;
    default:
      return failure;
  }
}
