/**
 * Gives destinations their turns: who may go is asked for a lease, which is run, and what it told of its destination
 * decides on the next. Each has one lease a turn and no more than its next hop has room for, and the last places are for
 * those that have none. When the spool is looked through is scheduler.ts's.
 */
import type { SpoolLease } from "../gateway/mod.ts";
import type { Reply } from "../mail/mod.ts";
import { Destination, type DestinationPolicy, type Turn } from "./destination.ts";
import { DueList } from "./due-list.ts";
import { type LeaseRunning, type Outcomes, runLease, walkOverdue } from "./lease-run.ts";
import type { DestinationStatus } from "./scheduler-status.ts";
import { nextHopOf, type Suspensions } from "./suspensions.ts";

/** What turns are given with. */
export interface Dispatching {
  readonly running: LeaseRunning;
  readonly suspensions: Suspensions;
  policyOf(destination: string): DestinationPolicy;
  readonly owner: string;
  /** Attempts at once, all destinations together. */
  readonly attemptsMax: number;
  readonly leaseMs: number;
  /** Told when a look that had no more room has some. */
  readonly onRoom: () => void;
}

/** Destinations that something is known of: those that run, and those that failed. */
export const KNOWN_MAX = 10_000;
/** So much of all attempts may be of destinations that have one already. */
const SHARED = 0.75;
/** So much may be probes. */
const PROBES = 0.25;
/** Leases in a row after which a destination gives way, where others have not come to their turn at all. */
const TURNS_MAX = 32;
/** One lease of so many is of what is due the longest; the others are of mail that was never tried, where there is any. */
const OLDEST_EACH = 4;

/** See the head of the file. */
export class Dispatcher {
  readonly due = new DueList();
  readonly #given: Dispatching;
  readonly #known = new Map<string, Destination>();
  /** Those that would go but for their own leases or slots. */
  readonly #full = new Set<Destination>();
  readonly #lastReplies = new WeakMap<Destination, Reply>();
  /** Leases whose attempt runs, each with when it was taken or renewed, by the monotonic clock. */
  readonly #leases = new Map<SpoolLease, number>();
  readonly #work = new Set<Promise<void>>();
  #begun = 0;
  #probes = 0;
  #asked = false;

  constructor(given: Dispatching) {
    this.#given = given;
  }

  /** Leases asked for and attempts under way. */
  get begun(): number {
    return this.#begun;
  }

  /** What is known of destinations. */
  destinations(): readonly DestinationStatus[] {
    const { clock } = this.#given.running;
    const toEpoch = clock.now() - clock.monotonic();
    return [...this.#known.values()].map((known) => {
      const lastReply = this.#lastReplies.get(known);
      return {
        destination: known.name,
        running: known.running,
        failures: known.failures,
        ...(known.isWaiting(clock.monotonic()) ? { probeAt: Math.round(known.waitUntil + toEpoch) } : {}),
        ...(Number.isFinite(known.window) ? { window: known.window } : {}),
        ...(known.failures > 0 && lastReply ? { lastReply } : {}),
      };
    });
  }

  /** Whether a destination may have a turn: nobody suspended it, and it is not left alone after a failure. */
  isOpen(destination: string): boolean {
    const { suspensions, running } = this.#given;
    if (suspensions.has(destination)) return false;
    return this.#known.get(destination)?.isWaiting(running.clock.monotonic()) !== true;
  }

  /** Ends the back-off of a destination, or of all that a next hop has. */
  forgive(destination: string): void {
    for (const known of this.#known.values())
      if (known.name === destination || nextHopOf(known.name) === destination) known.forgive();
  }

  /** The spool tells that something may be due. It tells from the middle of its work, so nothing is done at once. */
  hinted(destination: string): void {
    const known = this.#known.get(destination);
    if (known) known.hinted = true;
    this.due.hint(destination);
    if (this.#asked) return;
    this.#asked = true;
    queueMicrotask(() => {
      this.#asked = false;
      this.dispatch();
    });
  }

  /** Those that had no slot are asked again: others may use the next hop too. */
  askFull(): void {
    for (const destination of this.#full) this.due.add(destination.name);
    this.#full.clear();
  }

  /** Begins all that may begin. */
  dispatch(): void {
    const { running, attemptsMax, onRoom } = this.#given;
    if (running.stopping.aborted || running.health.pauseMs > 0) return;
    const now = running.clock.monotonic();
    for (let left = this.due.size; left > 0 && this.#begun < attemptsMax; left--) {
      const name = this.due.take();
      if (name === undefined) break;
      const destination = this.#knownOf(name);
      const answer = this.#mayBegin(destination, now);
      if (answer === "closed") this.#forget(destination);
      else if (answer === "full") this.#full.add(destination);
      else if (answer === "noPlace") this.due.add(name);
      else {
        this.#begin(destination, now);
        if (this.due.isPartial && destination.turns >= TURNS_MAX) destination.turns = 0;
        else this.due.add(name);
        left = this.due.size + 1;
      }
    }
    if (this.due.isPartial && this.due.hasRoom) onRoom();
  }

  /** Renews leases of which half has passed. */
  renew(): void {
    const { running, leaseMs } = this.#given;
    const { spool, health, clock, log } = running;
    if (health.pauseMs > 0) return;
    const now = clock.monotonic();
    for (const [lease, since] of this.#leases) {
      if (now - since < leaseMs / 2) continue;
      this.#leases.set(lease, now);
      const told = spool.renew(lease, leaseMs).then(
        (isKept) => {
          health.answered("renew");
          // It is settled, or was swept away: then the settlement tells.
          if (!isKept && this.#leases.delete(lease)) log.warn("leaseNotRenewed", { ref: lease.id });
        },
        (error: unknown) => {
          health.rejected("renew", error);
          if (this.#leases.has(lease)) this.#leases.set(lease, since);
        },
      );
      this.#track(told);
    }
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  #track(work: Promise<void>): void {
    const tracked: Promise<void> = work.finally(() => this.#work.delete(tracked));
    this.#work.add(tracked);
  }

  #mayBegin(destination: Destination, now: number): "go" | "closed" | "full" | "noPlace" {
    const { attemptsMax, policyOf } = this.#given;
    if (!this.isOpen(destination.name)) return "closed";
    if (destination.running > 0 && this.#begun >= attemptsMax * SHARED) return "noPlace";
    if (destination.failures > 0 && this.#probes >= attemptsMax * PROBES) return "noPlace";
    return destination.mayBegin(now, () => policyOf(destination.name).slots?.()) ? "go" : "full";
  }

  #begin(destination: Destination, now: number): void {
    const turn = destination.begin(now);
    this.#begun++;
    if (turn.probe) this.#probes++;
    this.#track(
      this.#lend(destination, turn).then(() => {
        this.#begun--;
        if (turn.probe) this.#probes--;
        this.#comeBack(destination);
        this.#forget(destination);
        this.dispatch();
      }),
    );
  }

  async #lend(destination: Destination, turn: Turn): Promise<void> {
    const { running } = this.#given;
    const isOldest = turn.probe || destination.turns % OLDEST_EACH === 0;
    const lease = await this.#borrow(destination.name, !isOldest);
    if (lease === undefined) {
      destination.empty(turn);
      if (destination.hinted) return;
      this.due.remove(destination.name);
      this.#full.delete(destination);
      return;
    }
    destination.lent();
    this.#comeBack(destination);
    this.dispatch();
    this.#leases.set(lease, running.clock.monotonic());
    let walk: (() => Promise<void>) | undefined;
    await runLease(running, lease, (outcomes) => {
      const now = running.clock.monotonic();
      const own = outcomes.get(destination.name);
      const since = destination.failingSince;
      if (own?.outcome === "failed" && since !== undefined) {
        const borrow = () => this.#borrow(destination.name, false);
        walk = () => walkOverdue(running, borrow, now - since, own.reply);
      }
      destination.end(turn, own?.outcome ?? "nothing", now, running.draw());
      this.#learn(destination, turn, outcomes);
      this.#comeBack(destination);
      this.dispatch();
    });
    this.#leases.delete(lease);
    await walk?.();
  }

  async #borrow(destination: string, untriedFirst: boolean): Promise<SpoolLease | undefined> {
    const { running, owner, leaseMs } = this.#given;
    try {
      const lease = await running.spool.lease({ owner, leaseMs, destination, untriedFirst });
      running.health.answered("lease");
      return lease;
    } catch (error) {
      running.health.rejected("lease", error);
      return undefined;
    }
  }

  /** What an attempt told of other destinations, and the words of those that failed. */
  #learn(own: Destination, { begunAt }: Turn, outcomes: Outcomes): void {
    const { clock, draw } = this.#given.running;
    for (const [name, { outcome, reply }] of outcomes) {
      const isNews = outcome === "failed" || this.#known.has(name);
      const destination = name === own.name ? own : isNews ? this.#knownOf(name) : undefined;
      if (destination === undefined) continue;
      if (destination !== own) destination.met(outcome, begunAt, clock.monotonic(), draw());
      if (outcome === "failed" && reply) this.#lastReplies.set(destination, reply);
    }
  }

  /** One that was full has room. */
  #comeBack(destination: Destination): void {
    if (this.#full.delete(destination)) this.due.add(destination.name);
  }

  #knownOf(name: string): Destination {
    let known = this.#known.get(name);
    if (known) return known;
    if (this.#known.size >= KNOWN_MAX) this.#makeRoom();
    known = new Destination(name);
    this.#known.set(name, known);
    return known;
  }

  /** Lets the one that failed longest ago go: it is then tried like one that never failed. */
  #makeRoom(): void {
    for (const [name, known] of this.#known) {
      if (known.running > 0) continue;
      this.#known.delete(name);
      this.#full.delete(known);
      return;
    }
  }

  #forget(destination: Destination): void {
    const { name } = destination;
    if (destination.isPlain && !this.#full.has(destination) && !this.due.has(name)) this.#known.delete(name);
  }
}
