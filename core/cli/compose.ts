/** Builds a running gateway of a config: services, drivers, engine, listeners; and closes them in the other order. */
import { join } from "node:path";
import type { GatewayConfig } from "../config/mod.ts";
import { systemResolver } from "../dns/mod.ts";
import { createGateway, type NextHopDriver, type Services } from "../gateway/mod.ts";
import { type HttpListener, listenHttp, readOrCreateToken } from "../http/mod.ts";
import { compilePipeline, type Log } from "../pipeline/mod.ts";
import { createMailboxDriver, createSmtpDriver, type MailboxReader } from "../relay/mod.ts";
import { listenSmtp, type SmtpListener } from "../smtp/mod.ts";
import {
  createContentStore,
  createMemoryStore,
  nodeCrypto,
  openTraceStore,
  systemClock,
  systemRandom,
} from "../store/mod.ts";
import { listenFault } from "./listen-fault.ts";
import { packageVersion } from "./main.ts";
import { UserError } from "./user-error.ts";

/** A gateway that listens. */
export interface Running {
  readonly smtp: readonly SmtpListener[];
  readonly http: HttpListener | undefined;
  readonly drivers: ReadonlyMap<string, NextHopDriver>;
  /** Ends sessions, settles what is under way, then lets go of everything. */
  close(): Promise<void>;
}

/** Starts everything; what was started is closed again when a part can not start. @throws UserError in a line */
export async function compose(config: GatewayConfig, data: string, log: Log): Promise<Running> {
  const { drivers, reader } = makeDrivers(config, data, log);
  const traces = openTraceStore({
    folder: join(data, "traces"),
    ageMaxMs: config.trace.ageMaxMs,
    bytesMax: config.trace.bytesMax,
    clock: systemClock,
  });
  const services: Services = {
    clock: systemClock,
    random: systemRandom,
    log,
    dns: systemResolver(),
    fetch: globalThis.fetch,
    store: createMemoryStore(systemClock),
    crypto: nodeCrypto,
    contents: createContentStore({ folder: join(data, "content") }),
    traces,
    nextHops: drivers,
  };
  const gateway = createGateway(config, services);
  const smtp: SmtpListener[] = [];
  let http: HttpListener | undefined;
  const close = async (): Promise<void> => {
    // New sessions end first, then what is under way, then what it needed.
    await Promise.allSettled(smtp.map((listener) => listener.close()));
    await gateway.drain();
    await http?.close();
    await Promise.allSettled([...drivers.values()].map((driver) => driver.close()));
    await traces.close();
  };
  try {
    for (const [index, listener] of config.listeners.entries()) {
      smtp.push(
        await listenSmtp(config, listener, gateway, { log }).catch((error: unknown) => {
          throw listenFault(error, `listeners[${index}].address`, listener.address);
        }),
      );
    }
    http = await startHttp(config, data, traces, reader, log);
  } catch (error) {
    await close();
    throw error;
  }
  return { smtp, http, drivers, close };
}

async function startHttp(
  config: GatewayConfig,
  data: string,
  traces: Services["traces"],
  mailbox: MailboxReader | undefined,
  log: Log,
): Promise<HttpListener | undefined> {
  if (config.http === undefined) return undefined;
  const token = await readOrCreateToken(data).catch((error: unknown) => {
    throw new UserError(error instanceof Error ? error.message : String(error));
  });
  const options = {
    config,
    traces,
    ...(mailbox === undefined ? {} : { mailbox }),
    token,
    pipelineNames: pluginNames(config),
    version: packageVersion(),
    log,
  };
  try {
    return await listenHttp(options);
  } catch (error) {
    throw listenFault(error, "http", config.http.address);
  }
}

function makeDrivers(config: GatewayConfig, data: string, log: Log) {
  const drivers = new Map<string, NextHopDriver>();
  let reader: MailboxReader | undefined;
  for (const [name, hop] of Object.entries(config.nextHops)) {
    if (hop.kind === "smtp") {
      drivers.set(name, createSmtpDriver(name, hop, { hostName: config.hostName, log, clock: systemClock }));
      continue;
    }
    const driver = createMailboxDriver({ name, folder: join(data, hop.folder), clock: systemClock });
    drivers.set(name, driver);
    reader ??= driver;
  }
  return { drivers, reader };
}

/** The names of the plugins in written order. */
export function pluginNames(config: GatewayConfig): readonly string[] {
  return compilePipeline(config.pipeline).slots.map((slot) => slot.definition.name);
}
