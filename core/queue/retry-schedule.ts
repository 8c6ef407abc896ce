/**
 * When a recipient that was put off is tried again (RFC 5321 4.5.4.1): the wait grows with each attempt, by class of
 * failure, and is spread so that what failed together does not come back together. When the sender is told of the delay,
 * and when it is given up. Knows nothing of destinations: destination.ts does.
 */
import { RETRY_CLASSES, type RetryClass, type RetryPolicy } from "../config/mod.ts";
import { makeReply, type Reply } from "../mail/mod.ts";

/** A recipient that was put off. Times are epoch milliseconds. */
export interface PutOff {
  readonly failure: RetryClass;
  /** Number of the attempt that put it off, from 1. */
  readonly attempt: number;
  /** What the age is counted from. */
  readonly since: number;
  /** When this attempt was due. */
  readonly dueAt: number;
  readonly now: number;
  /** From 0 to below 1, at random. */
  readonly draw: number;
}

/** When to try again, and whether the sender is told of the delay now; `giveUp`: not any more. */
export type NextAttempt = { readonly nextAt: number; readonly warn: boolean } | "giveUp";

/** A wait is up to so many times longer than its turn. */
const SPREAD = 1.25;
/** At the longest wait it is down to so much of it. */
const SPREAD_DOWN = 0.8;
/** Attempts after which age alone decides. */
const ATTEMPTS_MIN = 8;

/**
 * The next attempt of a recipient. A wait is never shorter than the first one of its class nor longer than its longest,
 * but for the two attempts that are made at the ages of the warning and of giving up. The warning goes with the attempt
 * whose next one would come after that age: so it goes once, and nothing must be kept to know that it went.
 */
export function nextAttempt(policy: RetryPolicy, putOff: PutOff): NextAttempt {
  const { since, dueAt, now, draw } = putOff;
  const giveUpAt = since + policy.giveUpMs;
  if (now >= giveUpAt && putOff.attempt >= attemptsMin(policy, putOff.failure)) return "giveUp";
  const { fromMs, toMs } = waitRange(policy, putOff.failure, putOff.attempt);
  const { firstMs } = policy.waits[putOff.failure];
  // Not sooner than a first wait: a greylist would send us away again.
  const notBefore = now + Math.min(firstMs, fromMs);
  let nextAt = now + Math.round(fromMs + (toMs - fromMs) * draw);
  if (now < giveUpAt) nextAt = Math.min(nextAt, Math.max(giveUpAt, notBefore));
  const warnAt = policy.warnMs === undefined ? undefined : since + policy.warnMs;
  if (warnAt === undefined) return { nextAt, warn: false };
  if (notBefore <= warnAt && warnAt < nextAt) nextAt = warnAt;
  return { nextAt, warn: dueAt <= warnAt && warnAt < nextAt };
}

/** The shortest and the longest wait after the attempt of that number. */
export function waitRange(
  policy: RetryPolicy,
  failure: RetryClass,
  attempt: number,
): { readonly fromMs: number; readonly toMs: number } {
  const { firstMs, maxMs } = policy.waits[failure];
  // Beyond 2^40 every longest wait is passed by far; Infinity times nothing is no number.
  const grown = firstMs * Math.min(2 ** 40, policy.factor ** Math.max(0, attempt - 1));
  const turn = Math.min(maxMs, grown);
  const toMs = Math.min(maxMs, turn * SPREAD);
  return { fromMs: Math.max(firstMs, Math.min(turn, toMs * SPREAD_DOWN)), toMs };
}

/**
 * Attempts that are made whatever the age. Mail can be old when it comes to its first one: it was held, it was for a later
 * time, or the gateway itself did not run for days.
 */
function attemptsMin(policy: RetryPolicy, failure: RetryClass): number {
  let attempts = 1;
  for (let sumMs = 0; attempts < ATTEMPTS_MIN; attempts++) {
    sumMs += waitRange(policy, failure, attempts).fromMs;
    if (sumMs > policy.giveUpMs / 2) break;
  }
  return attempts;
}

/** Why it was given up: RFC 3463 3.5, X.4.7, with what was said last. */
export function expired(policy: RetryPolicy, last: Reply): Reply {
  const said = `${last.code} ${last.enhanced === "" ? "" : `${last.enhanced} `}${last.text}`;
  return makeReply(
    554,
    "4.7",
    `Not delivered in ${spanWords(policy.giveUpMs)}; the last answer was: ${said}`,
  );
}

/** Whether a failure is of a class that is tried again. */
export const isRetried = (failure: string): failure is RetryClass =>
  (RETRY_CLASSES as readonly string[]).includes(failure);

const SPANS = [
  ["days", 86_400_000],
  ["hours", 3_600_000],
  ["minutes", 60_000],
  ["seconds", 1_000],
] as const;

/** A span in the largest whole unit, for people. */
function spanWords(ms: number): string {
  const [unit, of] = SPANS.find(([, of]) => ms >= of && ms % of === 0) ?? ["seconds", 1_000];
  const count = Math.round(ms / of);
  return `${count} ${count === 1 ? unit.slice(0, -1) : unit}`;
}
