/** What all sessions of a gateway share: the config, the services, the compiled pipeline, ids, and who is under way. */
import type { GatewayConfig } from "../config/mod.ts";
import { type Address, isPathFault, parseAddress } from "../mail/mod.ts";
import {
  type CompiledPipeline,
  compilePipeline,
  type GatewayInfo,
  type HookServices,
  type Resolver,
  type Slot,
  type TraceRecord,
} from "../pipeline/mod.ts";
import { readsClientName } from "./client-name.ts";
import { DialogueRules } from "./dialogue.ts";
import { DnsBudget } from "./dns-budget.ts";
import { EventHooks, isAnswered } from "./event-hooks.ts";
import { createIds } from "./ids.ts";
import { type DeclaredDigest, digestKey } from "./received-digests.ts";
import { RecipientVerification } from "./recipient-verification.ts";
import { type ScramPlugins, scramPluginsOf } from "./scram-exchange.ts";
import type { Services } from "./services.ts";

/** The shared part of the engine. */
export class Engine {
  readonly config: GatewayConfig;
  readonly services: Services;
  readonly hookServices: HookServices;
  readonly pipeline: CompiledPipeline;
  readonly domains: ReadonlySet<string>;
  /** What plugins see of this gateway. */
  readonly info: GatewayInfo;
  readonly newId: () => string;
  /** Where the postmaster's mail goes, when the config says so. */
  readonly postmaster: Address | undefined;
  /** The body digests that plugins declared, each once: made while a message comes in. */
  readonly digests: readonly DeclaredDigest[];
  /** The plugin that is asked for the envelope part of a route; undefined when none knows it. */
  readonly envelopeRouter: Slot | undefined;
  /** Whether to look up the names of clients. */
  readonly readsClientName: boolean;
  /** Whether a plugin checks ways back at RCPT. */
  readonly takesWaysBack: boolean;
  /** The plugins that answer SCRAM; undefined when there are none. */
  readonly scram: ScramPlugins | undefined;
  /** Whose dialogues are in the trace; undefined: nobody's. */
  readonly dialogues: DialogueRules | undefined;
  /** What next hops say of recipients at RCPT. */
  readonly verification: RecipientVerification;
  readonly #events: EventHooks;
  #underWay = 0;
  #idle: (() => void)[] = [];

  constructor(config: GatewayConfig, services: Services) {
    this.config = config;
    this.services = services;
    this.hookServices = services;
    this.pipeline = compilePipeline(config.pipeline);
    this.domains = new Set(config.domains);
    const { domains } = this;
    // A function and not the set, which a plugin could add to: it is what keeps the relay shut.
    this.info = Object.freeze({
      hostName: config.hostName,
      serves: (domainAscii: string) => domains.has(domainAscii),
    });
    this.readsClientName = readsClientName(this.pipeline);
    this.newId = createIds(services.clock, services.random);
    const postmaster = config.postmaster === undefined ? undefined : parseAddress(config.postmaster);
    this.postmaster = postmaster && !isPathFault(postmaster) ? postmaster : undefined;
    this.envelopeRouter = this.pipeline.slots.find(({ definition }) => definition.envelopeRoute);
    this.takesWaysBack = this.pipeline.slots.some(({ definition }) => definition.waysBack === true);
    const declared = this.pipeline.slots.flatMap((slot) => slot.definition.digests ?? []);
    this.digests = [...new Map(declared.map((digest) => [digestKey(digest), digest])).values()];
    this.scram = scramPluginsOf(this.pipeline.hooks.auth, services.random, services.secret);
    const { dialogue } = config.trace;
    this.dialogues = dialogue.length === 0 ? undefined : new DialogueRules(dialogue);
    this.verification = new RecipientVerification(services);
    this.#events = new EventHooks(this.pipeline.slots, services, () => this.enter());
  }

  get durableSpool(): boolean {
    return this.services.spool?.durable === true;
  }

  /** How a next hop takes mail unless a route says otherwise. */
  modeOf(nextHop: string): "inline" | "queue" {
    const description = this.config.nextHops[nextHop];
    return description === undefined || description.kind === "mailbox" ? "inline" : description.mode;
  }

  /** What recipients of one delivery have in common: the next hop, and with `mx()` the domain, which has hosts of its own. */
  groupOf(nextHop: string, { domainAscii }: Address): string {
    return this.config.nextHops[nextHop]?.kind === "mx" ? `${nextHop} ${domainAscii}` : nextHop;
  }

  /**
   * Whether a next hop answers each recipient by itself after the content (RFC 2033 4.2) and what it puts off could not
   * be kept: such a transaction has one recipient, as our client hears one answer.
   */
  answersEach(nextHop: string): boolean {
    const description = this.config.nextHops[nextHop];
    return description?.kind === "smtp" && description.protocol === "lmtp" && !this.durableSpool;
  }

  /** What the hooks of one message ask, or those of one session before it. @param note takes in that its time is over */
  dnsFor(note: (event: string, detail: string) => void): Resolver {
    const { dnsMs } = this.config.limits;
    const detail = `queries were out for ${dnsMs} ms: what is asked from now on has no answer`;
    const { dns, clock } = this.services;
    return new DnsBudget({ dns, clock, ms: dnsMs, onSpent: () => note("dnsTimeOver", detail) });
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

  /**
   * Stores a record, writes the log lines, and tells the plugins what became of each recipient. Never throws: the
   * message is delivered or queued by now, and a trace that can not be kept must not make the client send it again.
   */
  publish(record: TraceRecord): void {
    try {
      this.services.traces.put(record);
    } catch (error) {
      this.services.log.error("traceFault", { ref: record.id, cause: String(error) });
    }
    for (const recipient of record.recipients) {
      const { forwardPath, nextHop, reply, reason } = recipient;
      this.services.log.info(isAnswered(record, recipient) ? recipient.outcome : "aborted", {
        ref: record.id,
        client: record.client.ip,
        origClient: record.forwarded?.ip,
        origIdent: record.forwarded?.ident,
        reversePath: record.reversePath,
        forwardPath,
        nextHop,
        reply: reply && `${reply.code} ${reply.enhanced} ${reply.text}`,
        reason,
        attempt: recipient.attempts,
        nextAt: recipient.nextAt === undefined ? undefined : new Date(recipient.nextAt).toISOString(),
        ms: record.ms,
      });
    }
    this.#events.tell(record);
  }
}
