/** Builds a running gateway of a config: services, drivers, engine, listeners; and closes them in the other order. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { GatewayConfig } from "../config/mod.ts";
import { cachedResolver } from "../dns/mod.ts";
import {
  createGateway,
  keepAdvertised,
  type NextHopDriver,
  type Services,
  type Spool,
  selfTest,
} from "../gateway/mod.ts";
import type { HttpListener } from "../http/mod.ts";
import type { Log, Resolver } from "../pipeline/mod.ts";
import {
  createMailboxDriver,
  createMxDriver,
  createSmtpDriver,
  type MailboxReader,
  ownAddresses,
} from "../relay/mod.ts";
import { listenSmtp, type SmtpListener } from "../smtp/mod.ts";
import {
  createContentStore,
  createMemoryStore,
  keptSecret,
  nodeCrypto,
  openTraceStore,
  systemClock,
  systemRandom,
} from "../store/mod.ts";
import { configResolver } from "./config-resolver.ts";
import { listenFault } from "./listen-fault.ts";
import { openSpool, startQueue } from "./mail-queue.ts";
import { mergeReaders } from "./mailbox-readers.ts";
import { packageVersion } from "./main.ts";
import { pluginNames } from "./plugin-names.ts";
import { publishedKeys } from "./published-keys.ts";
import { UserError } from "./user-error.ts";

/** Between the deadline of a message and the end of waiting for it. */
const DRAIN_SPARE_MS = 5_000;
/** How long listening waits for what next hops offer: the first client should not hear less than they keep. */
const ASKED_MS_MAX = 500;

/** A gateway that listens. */
export interface Running {
  readonly smtp: readonly SmtpListener[];
  readonly http: HttpListener | undefined;
  readonly drivers: ReadonlyMap<string, NextHopDriver>;
  /** Ends sessions, settles what is under way, then lets go of everything. */
  close(): Promise<void>;
}

/** Starts everything; what was started is closed again when a part can not start. @throws a fault of the config, or the file system's error */
export async function compose(config: GatewayConfig, data: string, log: Log): Promise<Running> {
  const spool = await openSpool(data, log);
  try {
    return await composeOver(spool, config, data, log);
  } catch (error) {
    // Its threads would keep the process from ending.
    await spool.close();
    throw error;
  }
}

async function composeOver(spool: Spool, config: GatewayConfig, data: string, log: Log): Promise<Running> {
  await selfTest(config, nodeCrypto);
  for (const { place, warnings } of publishedKeys(config))
    for (const warning of warnings) log.warn("signingKey", { key: place, warning });
  const dns = cachedResolver(configResolver(config), { clock: systemClock });
  const { drivers, reader } = makeDrivers(config, data, log, dns);
  const traces = openTraceStore({
    folder: join(data, "traces"),
    ageMaxMs: config.trace.ageMaxMs,
    bytesMax: config.trace.bytesMax,
    clock: systemClock,
    log,
  });
  const services: Services & { readonly spool: Spool } = {
    spool,
    clock: systemClock,
    random: systemRandom,
    log,
    dns,
    fetch: globalThis.fetch,
    store: createMemoryStore(systemClock),
    crypto: nodeCrypto,
    secret: () => secretOf(data),
    contents: createContentStore({ folder: join(data, "content") }),
    traces,
    nextHops: drivers,
  };
  const gateway = createGateway(config, services);
  const advertised = keepAdvertised(config, services);
  const queue = startQueue(config, services, gateway);
  const smtp: SmtpListener[] = [];
  let http: HttpListener | undefined;
  const close = async (): Promise<void> => {
    // New sessions end first, then what is under way, then what it needed.
    advertised.stop();
    await Promise.allSettled(smtp.map((listener) => listener.close()));
    await drainWithin(gateway.drain(), config.deadlineMs + DRAIN_SPARE_MS, log);
    await queue.stop();
    await http?.close();
    await Promise.allSettled([...drivers.values()].map((driver) => driver.close()));
    await spool.close();
    await traces.close();
  };
  const options = {
    ...{ log, store: services.store, sessions: { count: 0 } },
    ...{ authOffered: gateway.authenticates, scramOffered: gateway.offersScram },
  };
  try {
    await atMost(advertised.asked, ASKED_MS_MAX);
    for (const [index, listener] of config.listeners.entries()) {
      smtp.push(
        await listenSmtp(config, listener, gateway, {
          ...options,
          advertise: advertised.byListener[index]!,
        }).catch((error: unknown) => {
          throw listenFault(error, `listeners[${index}].address`, listener.address);
        }),
      );
    }
    http = await startHttp(config, data, traces, reader, log, smtp);
  } catch (error) {
    await close();
    throw error;
  }
  return { smtp, http, drivers, close };
}

/** @throws the file system's error, or a line for a file that holds something else */
function secretOf(data: string): Uint8Array {
  try {
    return keptSecret(data);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    throw new UserError(error instanceof Error ? error.message : String(error));
  }
}

async function atMost(waited: Promise<void>, ms: number): Promise<void> {
  const over = new AbortController();
  await Promise.race([waited, systemClock.sleep(ms, over.signal).catch(() => {})]);
  over.abort();
}

/** Waits for what is under way; no message is promised to anybody after its deadline. */
async function drainWithin(drained: Promise<void>, ms: number, log: Log): Promise<void> {
  const late = new AbortController();
  await Promise.race([
    drained,
    systemClock.sleep(ms, late.signal).then(
      () => log.error("drainGaveUp", { ms }),
      () => {},
    ),
  ]);
  late.abort();
}

async function startHttp(
  config: GatewayConfig,
  data: string,
  traces: Services["traces"],
  mailbox: MailboxReader | undefined,
  log: Log,
  smtp: readonly SmtpListener[],
): Promise<HttpListener | undefined> {
  if (config.http === undefined) return undefined;
  // Where there is no page its parts are not loaded: they are a fifth of the start.
  const { listenHttp, readOrCreateToken } = await import("../http/mod.ts");
  const token = await readOrCreateToken(data).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    throw new UserError(error instanceof Error ? error.message : String(error));
  });
  const options = {
    config,
    traces,
    ...(mailbox === undefined ? {} : { mailbox }),
    token,
    pipelineNames: pluginNames(config),
    version: packageVersion(),
    listening: smtp.map((listener) => listener.address),
    log,
  };
  try {
    return await listenHttp(options);
  } catch (error) {
    throw listenFault(error, "http", config.http.address);
  }
}

function makeDrivers(config: GatewayConfig, data: string, log: Log, dns: Resolver) {
  const drivers = new Map<string, NextHopDriver>();
  const mailboxes = new Map<string, NextHopDriver & MailboxReader>();
  const options = { hostName: config.hostName, log, clock: systemClock };
  for (const [name, hop] of Object.entries(config.nextHops)) {
    if (hop.kind === "smtp") {
      drivers.set(name, createSmtpDriver(name, hop, options));
      continue;
    }
    if (hop.kind === "mx") {
      const isOwnAddress = ownAddresses(config.listeners, hop.port);
      drivers.set(name, createMxDriver(name, hop, { ...options, dns, random: systemRandom, isOwnAddress }));
      continue;
    }
    // Two names for one folder are one mailbox: two drivers would clear each other's half-written files.
    const folder = join(data, hop.folder);
    // The driver makes it with the first message; one that can not be made is told before there is any.
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const driver = mailboxes.get(folder) ?? createMailboxDriver({ name, folder, clock: systemClock });
    mailboxes.set(folder, driver);
    drivers.set(name, driver);
  }
  return { drivers, reader: mergeReaders([...mailboxes.values()]) };
}
