/** The side of a mail server in the milter protocol, version 6, as far as filters of DKIM need it. */
import { connect, type Socket } from "node:net";

/** What a filter did to one message. */
export interface MilterOutcome {
  /** The message with the fields that the filter put on top. */
  readonly message: Buffer;
  /** "a" or "c": it was taken; "r", "t" and "y" refuse it. */
  readonly reply: string;
}

/** A filter that listens. */
export interface MilterClient {
  /** Passes a message through, with CRLF line ends, one after the other. */
  pass(message: Buffer): Promise<MilterOutcome>;
  close(): void;
}

interface Packet {
  readonly command: string;
  readonly data: Buffer;
}

/** All that a filter may do; one that can do less than it wants ends. */
const ACTIONS = 0x1ff;
/** Values come and go as they stand behind the colon. */
const LEADING_SPACE = 0x100000;
/** That, and what a filter may leave out: HELO, unknown commands, DATA, and the rest of a body. */
const STEPS = LEADING_SPACE | 0x702;
const CHUNK_BYTES = 65_535;

/** Connects to a filter's socket, as a server that has had a client at 192.0.2.1. */
export async function connectMilter(path: string): Promise<MilterClient> {
  const socket = connect(path);
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  const packets = packetsOf(socket);
  const next = async (): Promise<Packet> => {
    const { value, done } = await packets.next();
    if (done) throw new Error("the filter has ended the connection");
    return value;
  };
  const send = (command: string, ...parts: readonly (string | Buffer)[]): void => {
    const data = Buffer.concat(
      parts.map((part) => (typeof part === "string" ? Buffer.from(`${part}\0`, "latin1") : part)),
    );
    socket.write(Buffer.concat([uint32(data.length + 1), Buffer.from(command), data]));
  };
  const ask = async (command: string, ...parts: readonly (string | Buffer)[]): Promise<string> => {
    send(command, ...parts);
    return (await next()).command;
  };
  send("O", uint32(6), uint32(ACTIONS), uint32(STEPS));
  const { data } = await next();
  const hasLeadingSpace = (data.readUInt32BE(8) & LEADING_SPACE) !== 0;
  await ask("C", "client.example", Buffer.concat([Buffer.from("4"), Buffer.of(0, 25)]), "192.0.2.1");
  return {
    async pass(message) {
      const { fields, body } = parted(message);
      await ask("M", "<a@sender.example>");
      await ask("R", "<b@inside.example>");
      for (const { name, value } of fields)
        await ask("L", name, hasLeadingSpace ? value : value.replace(/^ /, ""));
      await ask("N");
      for (let at = 0; at < body.length; at += CHUNK_BYTES)
        await ask("B", body.subarray(at, at + CHUNK_BYTES));
      send("E");
      const added: Buffer[] = [];
      for (;;) {
        const packet = await next();
        if (packet.command !== "h" && packet.command !== "i")
          return { message: Buffer.concat([...added.reverse(), message]), reply: packet.command };
        const text = packet.data.subarray(packet.command === "i" ? 4 : 0).toString("latin1");
        const [name = "", value = ""] = text.split("\0");
        const line = `${name}:${hasLeadingSpace ? "" : " "}${value.replace(/\r?\n/g, "\r\n")}\r\n`;
        added.push(Buffer.from(line, "latin1"));
      }
    },
    close: () => socket.destroy(),
  };
}

/** Until the connection ends; a filter that breaks it ends it too. */
async function* packetsOf(socket: Socket): AsyncGenerator<Packet, undefined> {
  let left: Buffer = Buffer.alloc(0);
  for await (const chunk of socket) {
    left = Buffer.concat([left, chunk as Buffer]);
    while (left.length >= 4 && left.length >= 4 + left.readUInt32BE(0)) {
      const end = 4 + left.readUInt32BE(0);
      yield { command: String.fromCharCode(left[4]!), data: left.subarray(5, end) };
      left = left.subarray(end);
    }
  }
  return undefined;
}

/** Fields with LF within, as milters have them, and the body. */
function parted(message: Buffer) {
  const text = message.toString("latin1");
  const end = text.startsWith("\r\n") ? 0 : text.indexOf("\r\n\r\n");
  const head = end < 0 ? text : text.slice(0, end);
  const body = end < 0 ? Buffer.alloc(0) : message.subarray(end === 0 ? 2 : end + 4);
  const fields = head
    .split(/\r\n(?![ \t])/)
    .filter((line) => line !== "")
    .map((line) => {
      const colon = line.indexOf(":");
      return { name: line.slice(0, colon), value: line.slice(colon + 1).replace(/\r\n/g, "\n") };
    });
  return { fields, body };
}

function uint32(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value);
  return octets;
}
