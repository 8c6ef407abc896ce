/** A gateway whose answers a test sets, a raw client, and a listener on a free port. */
import { connect, type Socket } from "node:net";
import type { GatewayConfig, ListenerConfig } from "../../core/config/mod.ts";
import type { Answer, GatewaySession, SessionStart } from "../../core/gateway/mod.ts";
import { type ListenSmtpOptions, listenSmtp } from "../../core/smtp/mod.ts";

const GO: Answer = { kind: "goOn", enhanced: "", text: "" };

export class ScriptedGateway {
  readonly messages: string[] = [];
  readonly events: string[] = [];
  writeWait: Promise<void> | undefined;
  rcptAnswer: Answer = GO;
  connectAnswer: Answer = GO;

  openSession(start: SessionStart): GatewaySession {
    if (start.tls) this.events.push(`tls ${start.tls.protocol}`);
    let identity: { user: string } | undefined = start.identity;
    return {
      id: "s1",
      trusted: true,
      get identity() {
        return identity;
      },
      connect: async () => this.connectAnswer,
      ehlo: async () => GO,
      talkedEarly: (how) => void this.events.push(`early ${how}`),
      startedTls: (tls) => void this.events.push(`tls ${tls.protocol}`),
      auth: async ({ mechanism, user, password }) => {
        this.events.push(`auth ${mechanism} ${user}`);
        if (password !== "secret") return { kind: "reject", enhanced: "", text: "" };
        identity = { user };
        return GO;
      },
      scram: async () => ({ kind: "reject", enhanced: "", text: "" }),
      forwarded: (said) => void this.events.push(`forwarded ${JSON.stringify(said)}`),
      mail: async (path) => {
        this.events.push(`mail ${path === null ? "<>" : path.text}`);
        return GO;
      },
      rcpt: async () => this.rcptAnswer,
      receive: () => {
        const chunks: Uint8Array[] = [];
        return {
          write: (chunk) => {
            chunks.push(Uint8Array.from(chunk));
            return this.writeWait;
          },
          end: async () => {
            this.messages.push(Buffer.concat(chunks).toString("latin1"));
            return { answer: { kind: "accepted", enhanced: "", text: "Accepted (ref m1)" }, recipients: [] };
          },
          abort: async (reason, answer) => {
            this.events.push(`abort ${reason}`);
            return answer === undefined ? undefined : { ...answer, text: `${answer.text} (ref m1)` };
          },
        };
      },
      reset: () => void this.events.push("reset"),
      close: () => void this.events.push("close"),
    };
  }
}

const QUIET = { debug() {}, info() {}, warn() {}, error() {} };

export async function listen(
  gateway: ScriptedGateway,
  listener: Partial<ListenerConfig> = {},
  options: Partial<ListenSmtpOptions> = {},
) {
  const limits = { messageBytesMax: 1000, recipientsMax: 2, sessionsMax: 10, idleMs: 5000 };
  const full: ListenerConfig = {
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
  };
  const config = { hostName: "mx.example", limits, listeners: [full] } as unknown as GatewayConfig;
  return listenSmtp(config, full, gateway, { log: QUIET, drainMs: 500, ...options });
}

/** Sends all at once and gives all replies until the listener closes. */
export function talk(port: number, octets: string): Promise<string> {
  return new Promise((resolve) => {
    let replies = "";
    const socket: Socket = connect(port, "127.0.0.1");
    socket.on("data", (chunk) => {
      if (replies === "") socket.write(octets, "latin1");
      replies += chunk.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(replies));
  });
}
