/**
 * The real gateway in this process: listener, engine, relay and content files as `postern start` has them. In process,
 * since only there an unhandled rejection, a session that stays and a file that is left can be seen at once; a loop
 * that never ends is seen by who started the process.
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineGateway, type LogFields, pipeline, resolveConfig, smtp, type TraceRecord } from "postern";
import { createGateway, memoryTraces } from "../../core/gateway/mod.ts";
import { createSmtpDriver } from "../../core/relay/mod.ts";
import { listenSmtp } from "../../core/smtp/mod.ts";
import {
  createContentStore,
  createMemoryStore,
  nodeCrypto,
  systemClock,
  systemRandom,
} from "../../core/store/mod.ts";
import { routes } from "../../plugins/mod.ts";
import { makeCertificate } from "../e2e/certificate.ts";
import { MESSAGE_BYTES_MAX } from "./client-scripts.ts";
import { within } from "./fuzzed-client.ts";

/** Silence of a next hop after which the gateway gives it up. */
export const REPLY_TIMEOUT_MS = 300;

const CLOSE_MS_MAX = 10_000;
const GONE_MS_MAX = 3_000;
/** Lines of the level error that say that the gateway itself failed. */
const OWN_FAULTS = new Set(["smtpHandlerFault", "driverFault", "traceFault", "spoolNeeded", "contentFault"]);

/** A gateway that runs. */
export interface FuzzBed {
  readonly port: number;
  readonly records: readonly TraceRecord[];
  /** What the gateway logged about faults of its own. */
  readonly faults: readonly string[];
  /** Ends it, and tells what stays behind. */
  close(): Promise<readonly string[]>;
}

/** Starts one before two next hops. */
export async function openFuzzBed(nextHopPorts: {
  readonly a: number;
  readonly b: number;
}): Promise<FuzzBed> {
  const hop = (port: number) =>
    smtp({
      ...{ host: "127.0.0.1", port, connectTimeout: 1_000, replyTimeout: REPLY_TIMEOUT_MS },
      connectionsMax: 30,
    });
  const keys = mkdtempSync(join(tmpdir(), "postern-fuzz-"));
  const certificate = makeCertificate(keys);
  const config = await resolveConfig(
    defineGateway({
      hostName: "gate.example",
      listeners: [{ address: "127.0.0.1:0", greetingDelay: 0, trustedNetworks: [], tls: certificate }],
      domains: ["a.example", "b.example"],
      limits: { messageBytesMax: MESSAGE_BYTES_MAX, recipientsMax: 20, idle: 2_000 },
      deadline: 3_000,
      nextHops: { a: hop(nextHopPorts.a), b: hop(nextHopPorts.b) },
      pipeline: pipeline(
        routes([
          { recipient: "*@a.example", nextHop: "a" },
          { recipient: "*@b.example", nextHop: "b" },
        ]),
      ),
    }),
    {},
    { durableSpool: false },
  );
  const faults: string[] = [];
  const log = {
    debug() {},
    info() {},
    warn: (event: string, fields: LogFields = {}) => note(event, fields),
    error: (event: string, fields: LogFields = {}) => note(event, fields),
  };
  const note = (event: string, fields: LogFields): void => {
    if (OWN_FAULTS.has(event)) faults.push(`the gateway logs ${event} ${JSON.stringify(fields)}`);
  };
  const folder = mkdtempSync(join(tmpdir(), "postern-fuzz-"));
  const traces = memoryTraces(100_000);
  const records: TraceRecord[] = [];
  traces.subscribe((record) => records.push(record));
  const drivers = new Map(
    Object.entries(config.nextHops).map(([name, description]) => {
      if (description.kind !== "smtp") throw new Error("only next hops by SMTP are fuzzed");
      return [
        name,
        createSmtpDriver(name, description, { hostName: config.hostName, log, clock: systemClock }),
      ];
    }),
  );
  const gateway = createGateway(config, {
    clock: systemClock,
    random: systemRandom,
    log,
    dns: { resolve: async () => ({ status: "nxdomain" }) },
    fetch: async () => Promise.reject(new Error("no network")),
    store: createMemoryStore(systemClock),
    crypto: nodeCrypto,
    contents: createContentStore({ folder }),
    traces,
    nextHops: drivers,
  });
  const sessions = { count: 0 };
  const listener = await listenSmtp(config, config.listeners[0]!, gateway, { log, sessions, drainMs: 1_000 });
  return {
    port: listener.address.port,
    records,
    faults,
    async close() {
      const left: string[] = [];
      await becomes(() => sessions.count === 0);
      if (sessions.count !== 0) left.push(`${sessions.count} sessions are counted when all clients are gone`);
      const parts: readonly (readonly [what: string, closed: Promise<unknown>])[] = [
        ["listener", listener.close()],
        ["engine", gateway.drain()],
      ];
      for (const [what, closed] of parts)
        if (!(await within(closed, CLOSE_MS_MAX))) left.push(`the ${what} does not close`);
      for (const [name, driver] of drivers)
        if (!(await within(driver.close(), CLOSE_MS_MAX)))
          left.push(`the driver of next hop ${name} does not close`);
      await becomes(() => readdirSync(folder).length === 0);
      const files = readdirSync(folder);
      if (files.length > 0) left.push(`${files.length} content files are left`);
      for (const path of [folder, keys]) rmSync(path, { recursive: true, force: true });
      return left;
    },
  };
}

/** Waits until something holds, for a while: the other side of a socket learns of its end a little later. */
export async function becomes(holds: () => boolean): Promise<void> {
  const until = performance.now() + GONE_MS_MAX;
  while (!holds() && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 5));
}
