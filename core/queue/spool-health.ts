/**
 * What the scheduler does about a spool that rejects: it logs, waits longer each time, and begins nothing meanwhile. A
 * spool that is in trouble is not helped by being asked again at once.
 */
import { SpoolFault } from "../gateway/mod.ts";
import type { Clock, Log } from "../pipeline/mod.ts";

const PAUSE_MS_MIN = 1_000;
const PAUSE_MS_MAX = 60_000;

/** What the scheduler asks of a spool. */
export type SpoolCall = "lease" | "settle" | "renew" | "destinations" | "sweep";

/** See the head of the file. */
export class SpoolHealth {
  readonly #clock: Clock;
  readonly #log: Log;
  /** Calls that were rejected and not answered since. */
  readonly #failing = new Set<SpoolCall>();
  #faults = 0;
  #pausedUntil = 0;
  #cause = "";

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** How long nothing is begun from now on; 0: it is in order, or may be tried again. */
  get pauseMs(): number {
    return Math.max(0, this.#pausedUntil - this.#clock.monotonic());
  }

  /** What it last rejected with; undefined: it answers. */
  get fault(): string | undefined {
    return this.#faults === 0 ? undefined : this.#cause;
  }

  /** A call was answered. One that is says nothing of another that was not: a full disk can still be read. */
  answered(call: SpoolCall): void {
    if (this.#faults === 0 || !this.#failing.delete(call) || this.#failing.size > 0) return;
    this.#faults = 0;
    this.#pausedUntil = 0;
    this.#log.info("spoolAnswers");
  }

  /** A call was rejected. Those that fail together are one trouble. */
  rejected(call: SpoolCall, error: unknown): void {
    const isNew = this.pauseMs === 0;
    this.#failing.add(call);
    this.#cause = `${call}: ${error instanceof SpoolFault ? `${error.code}, ` : ""}${messageOf(error)}`;
    if (!isNew) return;
    const pauseMs = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** Math.min(20, this.#faults));
    this.#faults++;
    this.#pausedUntil = this.#clock.monotonic() + pauseMs;
    this.#log.error("spoolFault", { call, cause: this.#cause, pauseMs });
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
