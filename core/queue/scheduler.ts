/**
 * The scheduler of the queue (RFC 5321 4.5.4): looks through the spool for what is due, keeps leases while attempts run,
 * sweeps, and stops without leaving anything half done. Who has a turn is dispatcher.ts's, what an attempt does is the
 * engine's, when a recipient is tried again retry-schedule.ts's. Memory is bounded whatever is queued.
 */
import { type QueuedAttempts, SPOOL_SWEEP_MAX, type Spool } from "../gateway/mod.ts";
import type { Clock, Log, Random } from "../pipeline/mod.ts";
import type { DestinationPolicy } from "./destination.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { DsnMaker } from "./dsn-types.ts";
import type { SchedulerStatus } from "./scheduler-status.ts";
import type { Settled } from "./settlements.ts";
import { SpoolHealth } from "./spool-health.ts";
import { Suspensions } from "./suspensions.ts";

/** What the scheduler is started with. */
export interface SchedulerOptions {
  readonly spool: Spool;
  readonly attempts: QueuedAttempts;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** This worker and its incarnation: leases are in its name. */
  readonly owner: string;
  /** Asked often, of any destination that is in the spool; "" is that of mail that nothing has routed yet. */
  policyOf(destination: string): DestinationPolicy;
  /** Told of the recipients of each lease once it is in the spool what became of them: for metrics. */
  readonly onSettled?: (settled: readonly Settled[]) => void;
  /** Absent: no sender is told, and what failed is kept as undeliverable. */
  readonly dsn?: DsnMaker;
  /** Attempts at once, all destinations together. Default 200. */
  readonly attemptsMax?: number;
  /** How long a lease is asked for; it is renewed while its attempt runs. Default 2 minutes. */
  readonly leaseMs?: number;
  /** How long `stop` waits for attempts that run. Default 2 minutes and 5 seconds, as a delivery has 2 minutes. */
  readonly drainMs?: number;
}

/** A scheduler at work. */
export interface Scheduler {
  /**
   * Begins nothing more, hands back what was not begun, and waits for what runs; resolves when all is settled, or after
   * `drainMs`.
   */
  stop(): Promise<void>;
  /** Leaves a destination alone until a time, or with the name of an `mx()` next hop all its domains. Not kept over a restart. */
  suspend(destination: string, until: number): void;
  /** Ends a suspension, and the back-off of what failed; tells whether there was one. */
  resume(destination: string): boolean;
  status(): SchedulerStatus;
}

/** How often it looks for what no hint told of, and renews leases. */
const LOOK_MS = 1_000;
/** A look that took long is followed by none for so many times its length. */
const LOOK_SHARE = 10;
const SWEEP_MS = 30_000;
const ATTEMPTS_MAX = 200;
const LEASE_MS = 120_000;
const DRAIN_MS = 125_000;

/** Starts it. It never throws: what the spool or an attempt does is logged. */
export function startScheduler(options: SchedulerOptions): Scheduler {
  return new QueueScheduler(options);
}

class QueueScheduler implements Scheduler {
  readonly #options: SchedulerOptions;
  readonly #health: SpoolHealth;
  readonly #suspensions: Suspensions;
  readonly #dispatcher: Dispatcher;
  readonly #stopping = new AbortController();
  readonly #over = new AbortController();
  readonly #unsubscribe: () => void;
  readonly #keptTime: Promise<void>;
  #looking: Promise<void> | undefined;
  /** No look before this time, by the monotonic clock; no sweep before that one. */
  #lookFrom = 0;
  #sweepFrom: number;
  #sweeping: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: SchedulerOptions) {
    const { clock, log, random, spool, attempts, dsn, onSettled, owner } = options;
    this.#options = options;
    this.#health = new SpoolHealth(clock, log);
    this.#suspensions = new Suspensions(clock);
    const policyOf = (destination: string) => options.policyOf(destination);
    this.#dispatcher = new Dispatcher({
      running: {
        ...{ spool, health: this.#health, attempts, clock, log, dsn, policyOf },
        onSettled: (settled) => {
          for (const { settlement } of settled)
            if (settlement.to === "defer") this.#dispatcher.due.dueAt(settlement.nextAt);
          onSettled?.(settled);
        },
        draw: () => drawOf(random),
        ...{ stopping: this.#stopping.signal, over: this.#over.signal },
      },
      ...{ suspensions: this.#suspensions, policyOf, owner },
      attemptsMax: options.attemptsMax ?? ATTEMPTS_MAX,
      leaseMs: options.leaseMs ?? LEASE_MS,
      onRoom: () => this.#look(),
    });
    // The first delivery comes before any sweep.
    this.#sweepFrom = clock.monotonic() + SWEEP_MS;
    this.#unsubscribe = spool.subscribe((destination) => this.#dispatcher.hinted(destination));
    this.#keptTime = this.#keepTime();
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#drain();
    return this.#stopped;
  }

  suspend(destination: string, until: number): void {
    this.#suspensions.add(destination, until);
  }

  resume(destination: string): boolean {
    const wasSuspended = this.#suspensions.end(destination);
    this.#dispatcher.forgive(destination);
    this.#look();
    return wasSuspended;
  }

  status(): SchedulerStatus {
    return {
      running: this.#dispatcher.begun,
      inTurn: this.#dispatcher.due.size,
      destinations: this.#dispatcher.destinations(),
      suspended: this.#suspensions.list(),
      ...(this.#health.fault === undefined ? {} : { spoolFault: this.#health.fault }),
    };
  }

  async #drain(): Promise<void> {
    const { clock, log, drainMs = DRAIN_MS } = this.#options;
    this.#unsubscribe();
    this.#stopping.abort(new Error("the gateway stops"));
    const drained = new AbortController();
    const waited = clock.sleep(drainMs, drained.signal).then(
      () => log.error("queueDrainGaveUp", { running: this.#dispatcher.begun }),
      () => {},
    );
    await Promise.race([Promise.all([this.#dispatcher.idle(), this.#looking, this.#sweeping]), waited]);
    drained.abort(new Error("all is settled"));
    this.#over.abort(new Error("the gateway stopped waiting"));
    await this.#keptTime;
  }

  /** Looks, sweeps and renews at their times. Its sleeps are short, so that a clock that jumps is seen. */
  async #keepTime(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#over.signal.aborted) {
      // Also while it stops, as what still runs must keep its lease; and before a sweep, which would end those that are late.
      this.#dispatcher.renew();
      if (!this.#stopping.signal.aborted) {
        this.#dispatcher.askFull();
        this.#look();
        this.#sweep();
        this.#dispatcher.dispatch();
      }
      const untilDueMs = this.#dispatcher.due.nextDueAt - clock.now();
      const ms = untilDueMs > 0 && untilDueMs < LOOK_MS ? untilDueMs : LOOK_MS;
      await clock.sleep(ms, this.#over.signal).catch(() => {});
    }
  }

  /** Pages through the spool for what is due, one look at a time. */
  #look(): void {
    const { clock, spool } = this.#options;
    const begunAt = clock.monotonic();
    if (this.#looking || this.#mustWait || begunAt < this.#lookFrom) return;
    const look = async () => {
      try {
        await this.#dispatcher.due.look(spool, clock.now(), (name) => this.#dispatcher.isOpen(name));
        this.#health.answered("destinations");
      } catch (error) {
        this.#health.rejected("destinations", error);
      }
      const now = clock.monotonic();
      this.#lookFrom = now + (now - begunAt) * LOOK_SHARE;
      this.#looking = undefined;
      this.#dispatcher.dispatch();
    };
    this.#looking = look();
  }

  #sweep(): void {
    const { clock, log, spool } = this.#options;
    if (this.#sweeping || this.#mustWait || clock.monotonic() < this.#sweepFrom) return;
    const sweep = async () => {
      let isFull = false;
      try {
        const { returned, expired } = await spool.sweep();
        this.#health.answered("sweep");
        isFull = expired.length >= SPOOL_SWEEP_MAX;
        if (returned > 0) log.warn("leasesLapsed", { recipients: returned });
        if (expired.length > 0) log.info("retentionOver", { recipients: expired.length });
      } catch (error) {
        this.#health.rejected("sweep", error);
      }
      this.#sweepFrom = clock.monotonic() + (isFull ? 0 : SWEEP_MS);
      this.#sweeping = undefined;
    };
    this.#sweeping = sweep();
  }

  /** Whether nothing may be asked of the spool now. */
  get #mustWait(): boolean {
    return this.#stopping.signal.aborted || this.#health.pauseMs > 0;
  }
}

/** From 0 to below 1. */
function drawOf(random: Random): number {
  const [a = 0, b = 0, c = 0] = random.bytes(3);
  return ((a << 16) | (b << 8) | c) / 2 ** 24;
}
