/** An engine in memory with everything it says kept: records, log lines, deliveries. For what needs single commands. */
import {
  type Address,
  type Clock,
  defineGateway,
  isPathFault,
  type LogFields,
  type MailParameters,
  mailbox,
  type Pipeline,
  parsePath,
  type RcptParameters,
  type ReversePath,
  resolveConfig,
  type TraceRecord,
} from "postern";
import { recordingNextHop } from "postern/testing";
import {
  type Answer,
  createGateway,
  createMemoryStore,
  type Delivery,
  type Gateway,
  type GatewaySession,
  memoryContents,
  memoryTraces,
  type NextHopDriver,
  type Services,
  webClock,
  webCrypto,
  webRandom,
} from "../../core/gateway/mod.ts";

export const CONTENT = "From: ann@example.com\r\nSubject: hello\r\n\r\nbody\r\n";

type Settings = Omit<Parameters<typeof defineGateway>[0] & object, "pipeline">;

export interface BedOptions {
  readonly pipeline: Pipeline;
  /** Beside the pipeline; default a loopback listener and the next hops `backend` and `other`. */
  readonly config?: Settings;
  readonly clock?: Clock;
  readonly nextHops?: { readonly [name: string]: NextHopDriver };
  readonly services?: Partial<Services>;
}

export interface Line {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly event: string;
  readonly fields: LogFields;
}

export interface Bed {
  readonly gateway: Gateway;
  readonly records: readonly TraceRecord[];
  readonly lines: readonly Line[];
  /** What the next hops got, in order, with the parameters of each RCPT. */
  readonly deliveries: readonly Delivery[];
  open(ip?: string, listener?: string): GatewaySession;
  /** EHLO, MAIL, RCPT and content on a new session; the answer to the content, or to the first that was refused. */
  send(recipients: readonly string[], options?: SendOptions): Promise<Answer>;
  /** The newest record. */
  last(): TraceRecord;
}

export interface SendOptions {
  readonly reversePath?: string;
  readonly parameters?: MailParameters;
  readonly rcpt?: RcptParameters;
  readonly content?: string | Uint8Array;
  readonly session?: GatewaySession;
}

export const forward = (text: string): Address => {
  const parsed = parsePath(`<${text}>`);
  if (isPathFault(parsed)) throw new TypeError(`'${text}' is no address: ${parsed.fault}`);
  return parsed;
};
export const reverse = (text: string): ReversePath => (text === "" ? null : forward(text));
export const octets = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Opens one. */
export async function openBed(options: BedOptions): Promise<Bed> {
  const { pipeline, config = {}, clock = webClock } = options;
  const durableSpool = options.services?.spool?.durable === true;
  const effective = await resolveConfig(
    defineGateway({
      listeners: [{ address: "127.0.0.1:2525" }],
      nextHops: { backend: mailbox(), other: mailbox({ folder: "other" }) },
      hostName: "gate.example",
      ...config,
      pipeline,
    } as Parameters<typeof defineGateway>[0]),
    {},
    { durableSpool },
  );
  const lines: Line[] = [];
  const say =
    (level: Line["level"]) =>
    (event: string, fields: LogFields = {}): void =>
      void lines.push({ level, event, fields });
  const deliveries: Delivery[] = [];
  const traces = memoryTraces(1_000);
  const records: TraceRecord[] = [];
  traces.subscribe((record) => records.push(record));
  const nextHops = new Map<string, NextHopDriver>();
  for (const name of Object.keys(effective.nextHops)) {
    const driver = options.nextHops?.[name] ?? recordingNextHop(name);
    nextHops.set(name, {
      ...driver,
      deliver(delivery, deliverOptions) {
        deliveries.push(delivery);
        return driver.deliver(delivery, deliverOptions);
      },
    });
  }
  const gateway = createGateway(effective, {
    clock,
    random: webRandom,
    log: { debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error") },
    dns: { resolve: async () => ({ status: "nxdomain" }) },
    fetch: async () => Promise.reject(new Error("no network")),
    store: createMemoryStore(clock),
    crypto: webCrypto,
    contents: memoryContents(2 ** 26),
    traces,
    nextHops,
    ...options.services,
  });
  const open = (ip = "127.0.0.1", listener = "relay"): GatewaySession =>
    gateway.openSession({
      origin: "smtp",
      listener: { name: listener, kind: "relay", address: "" },
      client: { ip, port: 40_000 },
      local: "",
    });
  return {
    gateway,
    records,
    lines,
    deliveries,
    open,
    last: () => records.at(-1) ?? neverRecorded(),
    async send(recipients, options = {}) {
      const session = options.session ?? open();
      if (!options.session) await session.ehlo("client.example");
      return converse(session, recipients, options);
    },
  };
}

function neverRecorded(): never {
  throw new Error("no record was published");
}

async function converse(
  session: GatewaySession,
  recipients: readonly string[],
  { reversePath = "ann@example.com", parameters = {}, rcpt = {}, content = CONTENT }: SendOptions,
): Promise<Answer> {
  const mail = await session.mail(reverse(reversePath), parameters);
  if (mail.kind !== "goOn") return mail;
  for (const recipient of recipients) {
    const answer = await session.rcpt(forward(recipient), rcpt);
    if (answer.kind !== "goOn") return answer;
  }
  const receiver = session.receive();
  await receiver.write(typeof content === "string" ? octets(content) : content);
  return (await receiver.end()).answer;
}

/** "550 5.7.1", for tables. */
export const short = ({ kind, code, enhanced }: Answer): string =>
  `${code ?? { goOn: 250, accepted: 250, reject: 550, tempfail: 451, disconnect: 421 }[kind]} ${enhanced}`.trim();
