/** `createTestGateway`: a config's own gateway in process, fed with messages instead of sockets. */
import { type ListenerConfig, type LoadedConfig, resolveConfig } from "../config/mod.ts";
import {
  type Answer,
  CODES,
  createGateway,
  createMemoryStore,
  memoryContents,
  memoryTraces,
  type NextHopDriver,
  type Services,
  type Spool,
  selfTest,
  webClock,
  webCrypto,
  webRandom,
} from "../gateway/mod.ts";
import { isPathFault, parsePath, type Reply } from "../mail/mod.ts";
import type { Clock, Log, MailParameters, Resolver, TraceRecord } from "../pipeline/mod.ts";
import { type Delivered, type RecordingNextHop, recordingNextHop } from "./recording-next-hop.ts";
import { type QueuedOutcome, runQueue } from "./run-queue.ts";

/** What stands in for the world. */
export interface TestOptions {
  /** Answers of DNS; absent: every look-up is NXDOMAIN. */
  readonly dns?: Resolver;
  /** Time of plugins, store, trace and deadlines; absent: the platform's. */
  readonly clock?: Clock;
  /** Next hops by their names in the config; those absent record and accept. */
  readonly nextHops?: { readonly [name: string]: NextHopDriver | RecordingNextHop };
  /** What plugins fetch by; absent: every call rejects. */
  readonly fetch?: typeof globalThis.fetch;
  /** The environment that the config's function gets. Default empty. */
  readonly env?: { readonly [name: string]: string | undefined };
  /**
   * Where the engine queues and holds, as `createMemorySpool({ durable: true })`; look into it afterwards. Absent, or
   * one that is not durable: a config that asks for a spool does not start, and a message that needs one gets 451.
   */
  readonly spool?: Spool;
}

/** A message to inject. */
export interface Injection {
  /** Default 127.0.0.1, which the default config trusts. */
  readonly client?: { readonly ip?: string; readonly ehlo?: string };
  /** Who logs in before MAIL, with PLAIN. */
  readonly login?: { readonly user: string; readonly password: string };
  /** Without angle brackets; "" is the null reverse-path. */
  readonly reversePath: string;
  readonly recipients: readonly string[];
  /** Text with LF or CRLF line ends, or bytes as they are. */
  readonly content: string | Uint8Array;
  /** Parameters of MAIL; absent: none. */
  readonly parameters?: MailParameters;
  /** Name of the listener; default the first. */
  readonly listener?: string;
}

/** What came of it. */
export interface Outcome {
  /** The answer to the command that ended it: the message's, or that of the first stage that refused all. */
  readonly reply: Reply;
  /** What became of each recipient. */
  readonly recipients: TraceRecord["recipients"];
  /** Facts by name, as the last plugin that provided them left them. */
  readonly facts: { readonly [name: string]: unknown };
  readonly edits: TraceRecord["edits"];
  /** What each recording next hop got for this message. */
  readonly deliveries: readonly Delivered[];
  /** The whole trace; undefined when it ended before a recipient was named, unless MAIL was refused. */
  readonly trace: TraceRecord | undefined;
}

/** A gateway under test. */
export interface TestGateway {
  /**
   * Passes a message through; several may be under way at once.
   *
   * @throws TypeError when the injection itself is wrong: an address that is none, a listener that is not there
   */
  inject(injection: Injection): Promise<Outcome>;
  /**
   * Attempts all that is due in the spool, until nothing is: what is put off is due again 5 minutes later by the clock,
   * and what fails stays in the spool as failed, as no DSN is made.
   *
   * @throws TypeError where the gateway has no spool
   */
  runQueue(): Promise<readonly QueuedOutcome[]>;
  /** The trace of a message with all that the queue added to it. */
  trace(id: string): Promise<TraceRecord | undefined>;
}

const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;
const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
const noDns: Resolver = { resolve: async () => ({ status: "nxdomain" }) };

/**
 * Makes a gateway of a config for tests.
 *
 * @throws ConfigFaults when the config is wrong, in the words the start would use
 */
export async function createTestGateway(
  config: LoadedConfig,
  options: TestOptions = {},
): Promise<TestGateway> {
  const spool = options.spool;
  const effective = await resolveConfig(config, options.env ?? {}, { durableSpool: spool?.durable === true });
  await selfTest(effective, webCrypto);
  const clock = options.clock ?? webClock;
  const traces = memoryTraces(1_000);
  const names = Object.keys(effective.nextHops);
  for (const name of Object.keys(options.nextHops ?? {})) {
    // It would never be called, and a test that waits for its refusal would see an acceptance.
    if (!names.includes(name))
      throw new TypeError(`the config has no next hop '${name}': ${names.join(", ")}`);
  }
  const recorders: RecordingNextHop[] = [];
  const nextHops = new Map<string, NextHopDriver>();
  for (const name of names) {
    const driver = options.nextHops?.[name] ?? recordingNextHop(name);
    if ("deliveries" in driver) recorders.push(driver as RecordingNextHop);
    nextHops.set(name, driver);
  }
  const services: Services = {
    clock,
    random: webRandom,
    log: silent,
    dns: options.dns ?? noDns,
    fetch:
      options.fetch ?? (async () => Promise.reject(new Error("a test gateway has no network: give 'fetch'"))),
    store: createMemoryStore(clock),
    crypto: webCrypto,
    contents: memoryContents(MESSAGE_BYTES_MAX),
    traces,
    nextHops,
    ...(spool ? { spool } : {}),
  };
  const gateway = createGateway(effective, services);

  return {
    async inject(injection) {
      const listener = listenerOf(effective.listeners, injection.listener);
      const session = gateway.openSession({
        origin: listener.kind === "lmtp" ? "lmtp" : "smtp",
        listener: { name: listener.name, kind: listener.kind, address: listener.address.host },
        client: { ip: injection.client?.ip ?? "127.0.0.1", port: 40_000 },
        local: "127.0.0.1:25",
      });
      let trace: TraceRecord | undefined;
      const stop = traces.subscribe((record) => {
        if (record.session === session.id) trace = record;
      });
      let answer: Answer;
      try {
        answer = await converse(session, injection);
      } finally {
        session.close();
        stop();
      }
      return outcomeOf(answer, trace, recorders);
    },
    async runQueue() {
      if (!spool) throw new TypeError("there is no queue: give 'spool'");
      return runQueue(spool, gateway, clock);
    },
    trace: (id) => traces.get(id),
  };
}

function listenerOf(listeners: readonly ListenerConfig[], name: string | undefined): ListenerConfig {
  const found = name === undefined ? listeners[0] : listeners.find((listener) => listener.name === name);
  if (found) return found;
  const names = listeners.map((listener) => listener.name).join(", ");
  throw new TypeError(`the config has no listener '${name}': ${names}`);
}

function outcomeOf(
  answer: Answer,
  trace: TraceRecord | undefined,
  recorders: readonly RecordingNextHop[],
): Outcome {
  const runs = (trace?.entries ?? []).map((entry) => ("facts" in entry ? entry.facts : {}));
  return {
    reply: { code: answer.code ?? CODES[answer.kind], enhanced: answer.enhanced, text: answer.text },
    recipients: trace?.recipients ?? [],
    facts: Object.assign({}, ...runs),
    edits: trace?.edits ?? [],
    deliveries: recorders.flatMap(({ deliveries }) => deliveries.filter(({ id }) => id === trace?.id)),
    trace,
  };
}

async function converse(
  session: ReturnType<ReturnType<typeof createGateway>["openSession"]>,
  injection: Injection,
): Promise<Answer> {
  const { login, reversePath, client, parameters = {} } = injection;
  const steps: { readonly codes?: Partial<typeof CODES>; readonly take: () => Promise<Answer> }[] = [
    { codes: { reject: 554 }, take: () => session.connect() },
    { take: () => session.ehlo(client?.ehlo ?? "client.example") },
  ];
  // RFC 4954 6.
  const codes = { reject: 535, tempfail: 454 };
  if (login) steps.push({ codes, take: () => session.auth({ mechanism: "PLAIN", ...login }) });
  steps.push({ take: () => session.mail(path(reversePath, "reverse"), parameters) });
  for (const { codes, take } of steps) {
    const answer = await take();
    if (answer.kind !== "goOn")
      return { ...answer, code: answer.code ?? codes?.[answer.kind] ?? CODES[answer.kind] };
  }
  let taken = 0;
  let last: Answer | undefined;
  for (const recipient of injection.recipients) {
    const forwardPath = path(recipient, "forward");
    if (!forwardPath) throw new TypeError("a recipient can not be empty");
    last = await session.rcpt(forwardPath, {});
    if (last.kind === "goOn") taken++;
  }
  if (taken === 0) return last ?? { kind: "reject", enhanced: "5.5.1", text: "No recipients", code: 503 };
  const receiver = session.receive();
  await receiver.write(octets(injection.content));
  return (await receiver.end()).answer;
}

function path(text: string, kind: "reverse" | "forward") {
  const parsed = parsePath(`<${text}>`, { kind });
  if (parsed && isPathFault(parsed)) throw new TypeError(`'${text}' is no address: ${parsed.fault}`);
  return parsed;
}

const octets = (content: string | Uint8Array): Uint8Array =>
  typeof content === "string" ? new TextEncoder().encode(content.replace(/\r?\n/g, "\r\n")) : content;
