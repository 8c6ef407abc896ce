/**
 * The `on` hooks: plugins are told afterwards what became of each recipient. They look and can not decide, so that
 * nothing waits for them and what goes wrong in one is a log line.
 */
import type {
  EventContext,
  EventName,
  MailEvent,
  Slot,
  TraceRecipient,
  TraceRecord,
} from "../pipeline/mod.ts";
import type { Services } from "./services.ts";

/** Bound of event hooks under way; more wait for none and are dropped with a log line. */
const EVENTS_MAX = 10_000;
/** How long an event hook may take. */
export const EVENT_MS = 30_000;

const EVENT_OF: { readonly [outcome in TraceRecipient["outcome"]]: EventName } = {
  delivered: "delivered",
  refused: "refused",
  deferred: "deferred",
  // The sender was told 250 for them, and nothing was delivered yet or ever.
  discarded: "accepted",
  queued: "accepted",
  quarantined: "quarantined",
  failed: "failed",
};

/** Runs the event hooks of a pipeline. */
export class EventHooks {
  readonly #services: Services;
  readonly #slots: readonly Slot[];
  readonly #enter: () => () => void;
  #running = 0;

  /** @param enter counts a hook in with what is under way, and gives the way to count it out */
  constructor(slots: readonly Slot[], services: Services, enter: () => () => void) {
    this.#slots = slots.filter((slot) => slot.definition.on);
    this.#services = services;
    this.#enter = enter;
  }

  /** Tells of each recipient of a record; returns at once. */
  tell(record: TraceRecord): void {
    if (this.#slots.length === 0) return;
    for (const recipient of record.recipients) {
      if (!isAnswered(record, recipient) || isTold(record, recipient)) continue;
      const event = eventOf(record, recipient);
      for (const slot of this.#slots) {
        const hook = slot.definition.on?.[event.event];
        if (hook) void this.#run(slot.plugin.name, hook, event);
      }
    }
  }

  async #run(
    plugin: string,
    hook: (event: MailEvent, ctx: EventContext) => void | Promise<void>,
    event: MailEvent,
  ): Promise<void> {
    const { clock, log, fetch, store } = this.#services;
    const about = { ref: event.id, plugin, event: event.event };
    if (this.#running >= EVENTS_MAX) {
      log.error("eventDropped", about);
      return;
    }
    this.#running++;
    const leave = this.#enter();
    const over = new AbortController();
    try {
      const late = clock.sleep(EVENT_MS, over.signal).then(() => {
        throw new Error(`did not return within ${EVENT_MS} ms`);
      });
      late.catch(() => {});
      await Promise.race([hook(event, { fetch, clock, store, log, signal: over.signal }), late]);
    } catch (error) {
      log.warn("eventHookFault", { ...about, cause: String(error) });
    } finally {
      over.abort(new Error("over"));
      this.#running--;
      leave();
    }
  }
}

/** Whether anybody was told anything of a recipient. RSET after RCPT leaves some of whom there is nothing to tell. */
export const isAnswered = (record: TraceRecord, recipient: TraceRecipient): boolean =>
  record.outcome !== "aborted" || recipient.reply !== undefined;

/** Whether it was told before: what an attempt of the queue discards or goes on with was accepted long ago. */
const isTold = ({ attempt }: TraceRecord, { outcome }: TraceRecipient): boolean =>
  attempt !== undefined && EVENT_OF[outcome] === "accepted";

function eventOf(
  record: TraceRecord,
  { outcome, forwardPath, nextHop, reply, reason, attempts, nextAt }: TraceRecipient,
): MailEvent {
  return {
    event: EVENT_OF[outcome],
    id: record.id,
    at: record.startedAt + record.ms,
    origin: record.origin,
    reversePath: record.reversePath,
    forwardPath,
    ...(nextHop ? { nextHop } : {}),
    ...(reply ? { reply } : {}),
    ...(reason ? { reason } : {}),
    ...(attempts === undefined ? {} : { attempt: attempts }),
    ...(nextAt === undefined ? {} : { nextAt }),
  };
}
