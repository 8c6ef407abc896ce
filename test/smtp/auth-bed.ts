/**
 * A listener with implicit TLS behind a PROXY, in front of the real engine with smtpAuth: a client may have any address.
 * Each account has SCRAM keys; its password is "secret".
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { connect as connectTls } from "node:tls";
import {
  formatScramKeys,
  type GatewayConfig,
  type Limits,
  type ListenerConfig,
  pipeline,
  scramKeysOf,
} from "postern";
import { type ListenSmtpOptions, listenSmtp } from "../../core/smtp/mod.ts";
import { routes, type SmtpAuthOptions, smtpAuth } from "../../plugins/mod.ts";
import { type Bed, openBed } from "../gateway/engine-bed.ts";
import { Client, type Logged, WIDE } from "./limits-fixtures.ts";

const folder = mkdtempSync(join(tmpdir(), "smtp-auth-"));
after(() => rmSync(folder, { recursive: true }));
const tls = { keyFile: join(folder, "key.pem"), certFile: join(folder, "cert.pem") };
const request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=mx.example";
execFileSync("openssl", [...request.split(" "), "-keyout", tls.keyFile, "-out", tls.certFile], {
  stdio: "ignore",
});

const keys = await scramKeysOf("secret", { salt: new Uint8Array(16).fill(7), iterations: 4096 });

/** The keys of the password "secret", as a config has them. */
export const SECRET_KEYS = formatScramKeys(keys);

export interface AuthBed {
  readonly port: number;
  readonly engine: Bed;
  readonly logged: readonly Logged[];
  /** A session that has said EHLO. @param ip whom the proxy speaks for */
  open(ip?: string): Promise<Client>;
  close(): Promise<void>;
}

export interface AuthBedOptions {
  readonly users?: SmtpAuthOptions["users"];
  readonly limits?: Partial<Limits>;
  readonly options?: Partial<ListenSmtpOptions>;
  readonly trustedNetworks?: readonly string[];
  /** Default true; false: the client is whoever connects. */
  readonly proxied?: boolean;
}

/** Starts one on a free port. */
export async function openAuthBed(given: AuthBedOptions = {}): Promise<AuthBed> {
  const {
    users = { "ann@example.com": SECRET_KEYS },
    limits,
    options,
    trustedNetworks = [],
    proxied = true,
  } = given;
  const engine = await openBed({
    pipeline: pipeline(smtpAuth({ users }), routes([{ nextHop: "backend" }])),
    // All that is said is in the trace too.
    config: { trace: { dialogue: [{ client: ["0.0.0.0/0"] }] } },
    services: { secret: () => new Uint8Array(32).fill(3) },
  });
  const listener = {
    ...{ name: "submissions", kind: "submissions", address: { host: "127.0.0.1", port: 0 }, tls },
    ...{ authRequired: true, greetingDelayMs: 0, trustedNetworks, bareNewlines: "refuse" },
    ...{
      proxyProtocol: proxied ? ["127.0.0.1"] : [],
      xclient: [],
      xforward: [],
      upstreams: [],
      earlyTalkers: "note",
    },
    lenientAddresses: false,
  } as unknown as ListenerConfig;
  const config = { hostName: "mx.example", limits: { ...WIDE, ...limits }, listeners: [listener] };
  const logged: Logged[] = [];
  const write = (event: string, fields: object = {}) => void logged.push({ event, ...fields });
  const smtp = await listenSmtp(config as unknown as GatewayConfig, listener, engine.gateway, {
    log: { debug: write, info: write, warn: write, error: write },
    ...{ drainMs: 500, authOffered: true, scramOffered: engine.gateway.offersScram, ...options },
  });
  const { port } = smtp.address;
  return {
    ...{ port, engine, logged },
    async open(ip = "192.0.2.1") {
      const plain = connect(port, "127.0.0.1");
      await once(plain, "connect");
      const family = ip.includes(":") ? "TCP6" : "TCP4";
      plain.write(`PROXY ${family} ${ip} ${ip} 40000 465\r\n`);
      const client = new Client(connectTls({ socket: plain, rejectUnauthorized: false }));
      await client.reply();
      await client.ask("EHLO client.example");
      return client;
    },
    close: () => smtp.close(),
  };
}

/** What stands in a 334. */
export const challengeOf = (reply: string): string => Buffer.from(reply.slice(4), "base64").toString("utf8");

/** A text as the client sends it. */
export const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");
