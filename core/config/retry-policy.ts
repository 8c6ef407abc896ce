/**
 * When queued mail is tried again (RFC 5321 4.5.4.1): the times of a next hop as its description has them, and in full.
 * Each class of failure has a first wait and a longest one; what lies between, and by how much waits are spread, is the
 * queue's.
 */
import { type Duration, durationMs } from "../pipeline/mod.ts";

/** The classes of failure that have waits of their own. */
export const RETRY_CLASSES = ["connection", "tls", "us", "reply", "greylisted", "lost", "plugin"] as const;

/** One of them: no server answered; no TLS as asked; it refuses us; a 4xx; a 4xx that says to come again; no answer after the dot; a plugin of ours. */
export type RetryClass = (typeof RETRY_CLASSES)[number];

/** The waits of one class, as written. */
export interface RetryWaits {
  /** Wait after the first attempt. */
  readonly first?: Duration;
  /** Longest wait. */
  readonly max?: Duration;
}

/** When queued mail is tried again, as a description of a next hop has it. What is absent has its default. */
export interface RetryOptions extends RetryWaits {
  /** Each wait is so many times the one before. Default 2. */
  readonly factor?: number;
  /** Age of a message at which a failing recipient fails for good (RFC 5321 4.5.4.1: 4 to 5 days at least). Default 5 days. */
  readonly giveUp?: Duration;
  /** Age at which the sender is told of the delay, once; false: never. Default 4 hours. */
  readonly warn?: Duration | false;
  /** Waits of single classes; absent, those of `first` and `max`, or the defaults of the class where these are absent too. */
  readonly on?: { readonly [C in RetryClass]?: RetryWaits };
}

/** The same in full, in milliseconds. */
export interface RetryPolicy {
  /** How many times longer each wait is than the one before. */
  readonly factor: number;
  readonly giveUpMs: number;
  /** Undefined: the sender is never told of a delay. */
  readonly warnMs: number | undefined;
  readonly waits: {
    readonly [C in RetryClass]: { readonly firstMs: number; readonly maxMs: number };
  };
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const FIRST = 5 * MINUTE;
const MAX = 4 * HOUR;

/** Defaults by class. Greylists open after some minutes; what an operator must mend, or may double, is tried less often. */
const DEFAULTS: RetryPolicy["waits"] = {
  connection: { firstMs: FIRST, maxMs: MAX },
  tls: { firstMs: 15 * MINUTE, maxMs: MAX },
  us: { firstMs: 15 * MINUTE, maxMs: MAX },
  reply: { firstMs: FIRST, maxMs: MAX },
  greylisted: { firstMs: FIRST, maxMs: 30 * MINUTE },
  lost: { firstMs: 15 * MINUTE, maxMs: MAX },
  plugin: { firstMs: FIRST, maxMs: HOUR },
};

/** The policy that options make; none make the default one. */
export function retryPolicyOf(options: RetryOptions = {}): RetryPolicy {
  const { factor = 2, giveUp = 5 * DAY, warn = 4 * HOUR, on = {} } = options;
  const waits = (name: RetryClass) => {
    const { firstMs, maxMs } = DEFAULTS[name];
    const first = msOf(on[name]?.first ?? options.first);
    const max = msOf(on[name]?.max ?? options.max);
    // What is written wins over a default that it passes.
    return {
      firstMs: first ?? Math.min(firstMs, max ?? firstMs),
      maxMs: max ?? Math.max(maxMs, first ?? maxMs),
    };
  };
  return {
    factor,
    giveUpMs: durationMs(giveUp),
    warnMs: warn === false ? undefined : durationMs(warn),
    waits: Object.fromEntries(RETRY_CLASSES.map((name) => [name, waits(name)])) as RetryPolicy["waits"],
  };
}

const msOf = (duration: Duration | undefined): number | undefined =>
  duration === undefined ? undefined : durationMs(duration);
