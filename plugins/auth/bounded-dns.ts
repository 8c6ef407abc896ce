/**
 * The time that a plugin gives DNS for one message. What is over it reads as a timeout, so that a plugin tells its
 * `temperror` and does what its options say, long before its hook's own time is over.
 */
import { type Clock, type DnsAnswer, type Duration, durationMs, type Resolver, timeLimits, z } from "postern";

/** What a hook's context has of it. */
export interface DnsContext {
  readonly dns: Resolver;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const LATE: DnsAnswer = { status: "timeout" };
/** Made once: without a reason each call makes one, with its stack. */
const ENDED = new Error("nobody waits for it any more");

/**
 * Runs with a resolver that answers for `ms` milliseconds in all, and says `timeout` afterwards, at once. It rejects
 * when the hook's signal aborts.
 */
export async function withBoundedDns<T>(
  ctx: DnsContext,
  ms: number,
  run: (dns: Resolver) => Promise<T>,
): Promise<T> {
  const { dns, clock, signal } = ctx;
  signal.throwIfAborted();
  const over = new AbortController();
  // Never taken off: the signal is that of one hook, and what the hook leaves behind should stop with it too.
  signal.addEventListener("abort", () => over.abort(signal.reason), { once: true });
  let isLate = false;
  // The limits of all hooks share one sleep of the clock: one of its own costs more than a signature to verify.
  const limits = timeLimits(clock);
  const limit = limits.start(ms, () => {
    isLate = true;
    over.abort(ENDED);
  });
  const lateOrThrow = (error: unknown): DnsAnswer => {
    if (isLate) return LATE;
    throw error;
  };
  try {
    return await run({
      // A race of promises would cost more than an answer that is known.
      resolve: (name, type) =>
        isLate ? Promise.resolve(LATE) : dns.resolve(name, type, over.signal).catch(lateOrThrow),
    });
  } finally {
    limits.end(limit);
  }
}

/** A span of time for DNS, as "5s": longer than nothing, and no longer than hooks of plugins that need DNS have. */
export const dnsTimeOption = () => {
  const expected = "milliseconds, or a time as '3s', from 100ms to 9s";
  return z
    .custom<Duration>((value) => msOf(value) !== undefined, expected)
    .default("3s")
    .transform((value) => msOf(value)!);
};

const DNS_MS_MIN = 100;
const DNS_MS_MAX = 9_000;

function msOf(value: unknown): number | undefined {
  try {
    const ms = durationMs(value as Duration);
    return ms >= DNS_MS_MIN && ms <= DNS_MS_MAX ? ms : undefined;
  } catch {
    return undefined;
  }
}
