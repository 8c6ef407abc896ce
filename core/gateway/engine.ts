/** What all sessions of a gateway share: the config, the services, the compiled pipeline, ids, and who is under way. */
import type { GatewayConfig } from "../config/mod.ts";
import { type Address, isPathFault, parseAddress } from "../mail/mod.ts";
import {
  type CompiledPipeline,
  compilePipeline,
  type EventName,
  type HookServices,
  type MailEvent,
  type TraceRecord,
} from "../pipeline/mod.ts";
import { createIds } from "./ids.ts";
import type { Services } from "./services.ts";

/** Bound of event hooks under way; more wait for none and are dropped with a log line. */
const EVENTS_MAX = 10_000;
const EVENT_MS = 30_000;

/** The shared part of the engine. */
export class Engine {
  readonly config: GatewayConfig;
  readonly services: Services;
  readonly hookServices: HookServices;
  readonly pipeline: CompiledPipeline;
  readonly domains: ReadonlySet<string>;
  readonly newId: () => string;
  /** Where the postmaster's mail goes, when the config says so. */
  readonly postmaster: Address | undefined;
  readonly #eventSlots;
  #eventsRunning = 0;
  #underWay = 0;
  #idle: (() => void)[] = [];

  constructor(config: GatewayConfig, services: Services) {
    this.config = config;
    this.services = services;
    this.hookServices = services;
    this.pipeline = compilePipeline(config.pipeline);
    this.domains = new Set(config.domains);
    this.newId = createIds(services.clock, services.random);
    const postmaster = config.postmaster === undefined ? undefined : parseAddress(config.postmaster);
    this.postmaster = postmaster && !isPathFault(postmaster) ? postmaster : undefined;
    this.#eventSlots = this.pipeline.slots.filter((slot) => slot.definition.on);
  }

  get durableSpool(): boolean {
    return this.services.spool?.durable === true;
  }

  /** How a next hop takes mail unless a route says otherwise. */
  modeOf(nextHop: string): "inline" | "queue" {
    const description = this.config.nextHops[nextHop];
    return description?.kind === "smtp" ? description.mode : "inline";
  }

  /** Counts a message or an event hook in; the returned function counts it out. */
  enter(): () => void {
    this.#underWay++;
    return () => {
      this.#underWay--;
      if (this.#underWay > 0) return;
      for (const resolve of this.#idle.splice(0)) resolve();
    };
  }

  /** Resolves when no message is between its first octet and its answer, and no event hook runs. */
  drain(): Promise<void> {
    if (this.#underWay === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Stores a record, writes the log lines, and tells the plugins what became of each recipient. */
  publish(record: TraceRecord): void {
    this.services.traces.put(record);
    for (const recipient of record.recipients) {
      this.services.log.info(recipient.outcome, {
        ref: record.id,
        client: record.client.ip,
        reversePath: record.reversePath,
        forwardPath: recipient.forwardPath,
        nextHop: recipient.nextHop,
        reply:
          recipient.reply && `${recipient.reply.code} ${recipient.reply.enhanced} ${recipient.reply.text}`,
        reason: recipient.reason,
        ms: record.ms,
      });
    }
    if (this.#eventSlots.length > 0) this.#tell(record);
  }

  #tell(record: TraceRecord): void {
    for (const recipient of record.recipients) {
      const event: MailEvent = {
        event: EVENT_OF[recipient.outcome],
        id: record.id,
        at: record.startedAt + record.ms,
        origin: record.origin,
        reversePath: record.reversePath,
        forwardPath: recipient.forwardPath,
        ...(recipient.nextHop ? { nextHop: recipient.nextHop } : {}),
        ...(recipient.reply ? { reply: recipient.reply } : {}),
        ...(recipient.reason ? { reason: recipient.reason } : {}),
      };
      for (const slot of this.#eventSlots) {
        const hook = slot.definition.on?.[event.event];
        if (hook) void this.#runEvent(slot.plugin.name, hook, event);
      }
    }
  }

  async #runEvent(
    plugin: string,
    hook: (event: MailEvent, ctx: never) => void | Promise<void>,
    event: MailEvent,
  ): Promise<void> {
    const { clock, log } = this.services;
    if (this.#eventsRunning >= EVENTS_MAX) {
      log.error("eventDropped", { ref: event.id, plugin, event: event.event });
      return;
    }
    this.#eventsRunning++;
    const leave = this.enter();
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal]);
    try {
      const { fetch, store } = this.services;
      const late = clock.sleep(EVENT_MS, signal).then(() => {
        throw new Error(`did not return within ${EVENT_MS} ms`);
      });
      late.catch(() => {});
      await Promise.race([hook(event, { fetch, clock, store, log, signal } as never), late]);
    } catch (error) {
      log.warn("eventHookFault", { ref: event.id, plugin, event: event.event, cause: String(error) });
    } finally {
      over.abort(new Error("over"));
      this.#eventsRunning--;
      leave();
    }
  }
}

const EVENT_OF: { readonly [outcome in TraceRecord["recipients"][number]["outcome"]]: EventName } = {
  delivered: "delivered",
  refused: "refused",
  deferred: "deferred",
  discarded: "accepted",
  quarantined: "quarantined",
  queued: "accepted",
  failed: "failed",
};
