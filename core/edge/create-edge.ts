/**
 * The host for platforms that hand over whole messages: `{ fetch, email }` from a config. It feeds the engine and
 * translates its answer; it neither folds nor plans. Nothing is kept between runs but what lies in the isolate.
 */
import type { Environment, GatewayConfig, LoadedConfig } from "../config/mod.ts";
import { type CachedResolver, cachedResolver, dohResolver } from "../dns/mod.ts";
import {
  createGateway,
  createMemoryStore,
  memoryContents,
  memoryTraces,
  type Services,
  selfTest,
  type TraceStore,
  webClock,
  webCrypto,
  webRandom,
} from "../gateway/mod.ts";
import type { Log, LogFields, Resolver } from "../pipeline/mod.ts";
import { resolveEdgeConfig } from "./edge-config.ts";
import { type ClientIpOf, type EmailMessage, EmailTempfail, replyLine } from "./email-message.ts";
import { forwardDriver } from "./forward-driver.ts";
import { keepOriginal } from "./keep-original.ts";
import { receiveEmail } from "./receive-email.ts";

/** What the platform gives beside the message or the request. */
export interface EdgeContext {
  /** Lets the platform wait for work that goes on after the answer. */
  waitUntil(promise: Promise<unknown>): void;
}

/** What stands in for the platform's own, and what is known of it. */
export interface EdgeOptions {
  /** Absent: clients' addresses are not known, and plugins that need them are refused. */
  readonly clientIp?: ClientIpOf;
  /** Default: one JSON line each on the console. */
  readonly log?: Log;
  /** Keeps the traces. Default: the newest 100, in memory. */
  readonly traces?: TraceStore;
}

/** The object that the platform's module exports as its default. */
export interface Edge {
  /** Answers `GET /healthz`: 200 when the config can run here, 503 when not. */
  fetch(request: Request, env?: unknown, ctx?: EdgeContext): Promise<Response>;
  /**
   * Runs one message: forwards it, refuses it, or drops it where a plugin said discard.
   *
   * @throws EmailTempfail when it is to be tried again
   * @throws ConfigFaults when the config can not run here; nothing was done with the message
   */
  email(message: EmailMessage, env?: unknown, ctx?: EdgeContext): Promise<void>;
}

const TRACES_MAX = 100;
/** Without DoH there is no resolver: the start refuses plugins that need one, and the rest is told the truth. */
const noDns: Resolver = { resolve: async () => ({ status: "servfail" }) };

/** Makes the host. The config is read at the first call, with the environment of that call, and kept. */
export function createEdge(config: LoadedConfig, options: EdgeOptions = {}): Edge {
  const log = options.log ?? consoleLog;
  const traces = options.traces ?? memoryTraces(TRACES_MAX);
  const store = createMemoryStore(webClock);
  let started: Promise<Started> | undefined;
  const start = (env: unknown): Promise<Started> => {
    started ??= tested(config, texts(env), options).catch((error: unknown) => {
      log.error("configFault", { cause: String(error) });
      throw error;
    });
    return started;
  };

  return {
    async fetch(request, env) {
      const { pathname } = new URL(request.url);
      if (pathname !== "/healthz") return json(404, { error: "notFound" });
      if (request.method !== "GET" && request.method !== "HEAD")
        return json(405, { error: "methodNotAllowed" }, { allow: "GET, HEAD" });
      // What is wrong with the config is for the log, not for whoever asks.
      return start(env).then(
        () => json(200, { status: "ok" }),
        () => json(503, { status: "configFault" }),
      );
    },

    async email(message, env, ctx) {
      const { effective, dns } = await start(env);
      // Timers that several wait for are kept by clock, and the platform ends those of a run with it.
      const clock = { ...webClock };
      const { contents, original } = keepOriginal(memoryContents(effective.limits.messageBytesMax));
      const services: Services = {
        clock,
        random: webRandom,
        log,
        dns: dns?.apart() ?? noDns,
        fetch: platformFetch,
        store,
        crypto: webCrypto,
        contents,
        traces,
        nextHops: new Map(
          Object.keys(effective.nextHops).map((name) => [name, forwardDriver(message, original)]),
        ),
      };
      // An engine for each message, because forwarding is a method of the message object.
      const gateway = createGateway(effective, services);
      const { outcome, reply } = await receiveEmail(gateway, message, {
        ...{ limits: effective.limits, clock, clientIp: options.clientIp?.(message) },
      });
      ctx?.waitUntil(gateway.drain());
      if (outcome === "refused") message.setReject(replyLine(reply));
      if (outcome === "deferred") throw new EmailTempfail(reply);
    },
  };
}

/** What the first call makes, for all. */
interface Started {
  readonly effective: GatewayConfig;
  readonly dns: CachedResolver | undefined;
}

/** A config that can run here, on a platform whose cryptography was tried. */
async function tested(config: LoadedConfig, env: Environment, options: EdgeOptions): Promise<Started> {
  const effective = await resolveEdgeConfig(config, env, options);
  await selfTest(effective, webCrypto);
  const { dns } = effective;
  if (dns === undefined || !("doh" in dns)) return { effective, dns: undefined };
  const doh = dohResolver({ url: dns.doh, fetch: platformFetch, clock: webClock });
  return { effective, dns: cachedResolver(doh, { clock: webClock }) };
}

/** Looked up at each call: some platforms bind it to the run. */
const platformFetch: typeof fetch = (input, init) => globalThis.fetch(input, init);

/** The texts among the bindings: a config takes no other. */
function texts(env: unknown): Environment {
  if (typeof env !== "object" || env === null) return {};
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

const json = (status: number, body: object, fields: { readonly [name: string]: string } = {}): Response =>
  new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json; charset=utf-8", "cache-control": "no-store", ...fields },
  });

const line = (level: string, event: string, fields: LogFields = {}): string =>
  JSON.stringify({ level, time: new Date().toISOString(), event, ...fields });

const consoleLog: Log = {
  debug() {},
  info: (event, fields) => console.info(line("info", event, fields)),
  warn: (event, fields) => console.warn(line("warn", event, fields)),
  error: (event, fields) => console.error(line("error", event, fields)),
};
