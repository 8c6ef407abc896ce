/** A listener whose limits a test sets, with its log, and a client that reads reply by reply. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { GatewayConfig, Limits, ListenerConfig } from "../../core/config/mod.ts";
import { type ListenSmtpOptions, listenSmtp } from "../../core/smtp/mod.ts";
import { ScriptedGateway } from "./scripted-gateway.ts";

/** Limits that no test reaches by chance. */
export const WIDE: Limits = {
  ...{ messageBytesMax: 1e6, recipientsMax: 10, sessionsMax: 100, sessionsPerClientMax: 100 },
  ...{ messagesPerSessionMax: 1000, commandsPerMessageMax: 1000, failedCommandsMax: 1000 },
  ...{
    unknownRecipientsMax: 1000,
    authFailuresMax: 100,
    authFailuresPerClientMax: 1000,
    authFailuresKeptMs: 3_600_000,
    authDelayMs: 0,
    lineBytesMax: 16_384,
  },
  ...{ idleMs: 60_000, sessionMs: 600_000, messageMs: 600_000, contentBytesPerSecondMin: 0 },
  dnsMs: 10_000,
};

/** What differs from a plain listener on loopback that trusts nobody. */
export interface BedInput {
  readonly limits?: Partial<Limits>;
  readonly listener?: Partial<ListenerConfig>;
  readonly options?: Partial<ListenSmtpOptions>;
  readonly gateway?: ScriptedGateway;
}

/** A log line as a test sees it. */
export interface Logged {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** Starts a listener on a free port. */
export async function bed({ limits, listener, options, gateway = new ScriptedGateway() }: BedInput = {}) {
  const full = {
    ...{ name: "relay", kind: "relay", address: { host: "127.0.0.1", port: 0 } },
    ...{ authRequired: false, greetingDelayMs: 0, trustedNetworks: [], bareNewlines: "refuse" },
    ...{
      proxyProtocol: [],
      xclient: [],
      xforward: [],
      upstreams: [],
      earlyTalkers: "note",
      lenientAddresses: false,
    },
    ...listener,
  } as ListenerConfig;
  const config = { hostName: "mx.example", limits: { ...WIDE, ...limits }, listeners: [full] };
  const logged: Logged[] = [];
  const write = (event: string, fields: object = {}) => void logged.push({ event, ...fields });
  const log = { debug: write, info: write, warn: write, error: write };
  const all = { log, drainMs: 500, ...options };
  const smtp = await listenSmtp(config as unknown as GatewayConfig, full, gateway, all);
  const reload = () => smtp.reloadCertificates();
  return { gateway, logged, port: smtp.address.port, reload, close: () => smtp.close() };
}

/** A client that reads reply by reply. */
export class Client {
  readonly socket: Socket;
  #text = "";
  #closed = false;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#text += chunk.toString("latin1");
      this.#wake();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#closed = true;
      this.#wake();
    });
  }

  static async open(port: number, localAddress = "127.0.0.1"): Promise<Client> {
    const socket = connect({ port, host: "127.0.0.1", localAddress });
    const client = new Client(socket);
    await once(socket, "connect");
    return client;
  }

  say(octets: string | Uint8Array): void {
    this.socket.write(typeof octets === "string" ? Buffer.from(octets, "latin1") : octets);
  }

  /** The next reply, its last line alone; "" once the connection is closed. */
  async reply(): Promise<string> {
    for (;;) {
      const found = /^(?:\d{3}-[^\r\n]*\r\n)*(\d{3} [^\r\n]*)\r\n/.exec(this.#text);
      if (found !== null) {
        this.#text = this.#text.slice(found[0].length);
        return found[1] ?? "";
      }
      if (this.#closed) return this.#text;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async ask(line: string): Promise<string> {
    this.say(`${line}\r\n`);
    return this.reply();
  }

  /** All replies to lines said at once, as codes. */
  async askAll(...lines: string[]): Promise<string> {
    const codes: string[] = [];
    for (const line of lines) codes.push((await this.ask(line)).slice(0, 3));
    return codes.join(" ");
  }

  /** Waits until the server has closed the connection. */
  async closed(): Promise<void> {
    while (!this.#closed) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}
