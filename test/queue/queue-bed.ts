/** A scheduler over a memory spool, with a clock that tests move and attempts that do what a test says. */
import assert from "node:assert/strict";
import { retryPolicyOf } from "../../core/config/mod.ts";
import type {
  AttemptResult,
  LeasedRecipient,
  QueuedAttempts,
  SettledAttempt,
  Spool,
  SpoolEntry,
  SpoolLease,
  SpoolMessage,
} from "../../core/gateway/mod.ts";
import type { Reply } from "../../core/mail/mod.ts";
import type { Clock, Log, Random } from "../../core/pipeline/mod.ts";
import {
  type DestinationPolicy,
  type Scheduler,
  type SchedulerOptions,
  startScheduler,
} from "../../core/queue/mod.ts";
import { createMemorySpool } from "../../core/testing/mod.ts";
import { message, recipient, START } from "../gateway/spool-fixtures.ts";

export const SECOND = 1_000;
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** A clock that stands still until it is moved. In a jump each sleeper wakes once, however often it would have. */
export class JumpClock implements Clock {
  #epoch = START;
  #monotonic = 0;
  readonly #sleepers = new Set<{ readonly at: number; readonly wake: () => void }>();
  readonly now = (): number => this.#epoch;
  readonly monotonic = (): number => this.#monotonic;

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, refuse) => {
      if (signal?.aborted) return refuse(signal.reason);
      const stop = () => {
        this.#sleepers.delete(sleeper);
        refuse(signal?.reason);
      };
      const wake = () => {
        signal?.removeEventListener("abort", stop);
        resolve();
      };
      const sleeper = { at: this.#monotonic + ms, wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", stop, { once: true });
    });
  }

  /** All at once. */
  async jump(ms: number): Promise<void> {
    this.#epoch += ms;
    this.#monotonic += ms;
    for (const sleeper of [...this.#sleepers]) {
      if (sleeper.at > this.#monotonic) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
    await quiet();
  }

  /** Step by step. */
  async pass(ms: number, stepMs = SECOND): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) await this.jump(Math.min(left, stepMs));
  }

  /** Somebody sets the clock; no time passes. */
  set(byMs: number): void {
    this.#epoch += byMs;
  }
}

/** Lets everything run that waits for no time. */
export async function quiet(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** What a test says of a recipient; the rest is filled in. */
export type Answer = Partial<AttemptResult> & Pick<AttemptResult, "outcome">;

export const delivered: Answer = { outcome: "delivered" };
export const putOff = (failure: NonNullable<AttemptResult["failure"]>, text = "Later"): Answer => ({
  outcome: "deferred",
  failure,
  reply: { code: 451, enhanced: "4.0.0", text },
});
export const refused: Answer = {
  outcome: "failed",
  failure: "reply",
  reply: { code: 550, enhanced: "5.1.1", text: "No such user" },
};

/** An attempt that was made. */
export interface Made {
  readonly id: string;
  readonly destination: string;
  readonly recipients: readonly LeasedRecipient[];
  /** Milliseconds since the bed's start. */
  readonly at: number;
}

/** See the head of the file. */
export class QueueBed {
  readonly clock = new JumpClock();
  readonly spool: Spool;
  readonly made: Made[] = [];
  readonly told: { readonly id: string; readonly settled: readonly SettledAttempt[] }[] = [];
  readonly logged: string[] = [];
  /** What becomes of a recipient; each attempt asks anew. */
  answer: (recipient: LeasedRecipient, lease: SpoolLease, signal: AbortSignal) => Answer | Promise<Answer> =
    () => delivered;
  policy: DestinationPolicy = { retry: retryPolicyOf() };
  scheduler: Scheduler | undefined;
  #messages = 0;
  readonly attempts: QueuedAttempts = {
    attempt: async (lease, { signal }) => {
      const { id, destination, recipients } = lease;
      this.made.push({ id, destination, recipients, at: this.clock.now() - START });
      const results: AttemptResult[] = [];
      for (const each of recipients)
        results.push({
          recipient: each.recipient,
          destination,
          ...(await this.answer(each, lease, signal)),
        });
      return results;
    },
    settled: ({ id }, settled) => void this.told.push({ id, settled }),
  };

  constructor(wrap: (spool: Spool) => Spool = (spool) => spool) {
    this.spool = wrap(createMemorySpool({ clock: this.clock, durable: true }));
  }

  /** Starts the scheduler and lets it come to rest. */
  async start(more: Partial<SchedulerOptions> = {}): Promise<Scheduler> {
    const log = (event: string) => void this.logged.push(event);
    const options: SchedulerOptions = {
      spool: this.spool,
      attempts: this.attempts,
      clock: this.clock,
      random: noRandom,
      log: { debug: log, info: log, warn: log, error: log } satisfies Log,
      owner: "w1",
      policyOf: () => this.policy,
      ...more,
    };
    this.scheduler = startScheduler(options);
    await quiet();
    return this.scheduler;
  }

  /** Puts a message to these destinations, one recipient each, due at once. */
  async put(destinations: readonly string[], changes: Partial<SpoolMessage> = {}): Promise<string> {
    const number = ++this.#messages;
    const receivedAt = this.clock.now();
    const recipients = destinations.map((destination, i) =>
      recipient(`u${i}@example.org`, { destination, nextAt: receivedAt }),
    );
    const given = message(number, { receivedAt, recipients, ...changes });
    await this.spool.put(given);
    await quiet();
    return given.id;
  }

  /** Ends it; nothing is left running. */
  async stop(): Promise<void> {
    const stopped = this.scheduler?.stop();
    // An attempt that a failed test left hanging.
    await quiet();
    await this.clock.jump(HOUR);
    await stopped;
  }

  async entries(): Promise<readonly SpoolEntry[]> {
    const entries: SpoolEntry[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.spool.list({}, cursor, 1_000);
      entries.push(...page.entries);
      cursor = page.cursor;
    } while (cursor !== undefined);
    return entries;
  }

  /** The only recipient in the spool. */
  async only(): Promise<SpoolEntry> {
    const entries = await this.entries();
    assert.equal(entries.length, 1, JSON.stringify(entries));
    return entries[0]!;
  }
}

/** Draws the shortest waits. */
const noRandom: Random = { bytes: (length) => new Uint8Array(length) };

export const words = ({ code, enhanced, text }: Reply): string => `${code} ${enhanced} ${text}`;
