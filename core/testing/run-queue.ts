/**
 * The queue of a test gateway: all that is due is attempted once, and settled as a scheduler would, but for DSNs, which
 * are not made. Time is the test's: what is put off waits for the clock.
 */
import type { AttemptResult, QueuedAttempts, Spool, SpoolLease, SpoolSettlement } from "../gateway/mod.ts";
import type { Clock } from "../pipeline/mod.ts";

/** How long a recipient that was put off waits for its next attempt. */
const RETRY_MS = 300_000;
/** How long what is held or failed is kept. */
const KEPT_MS = 30 * 86_400_000;
const LEASE_MS = 600_000;
/** Leases of one run: a rule that makes ever more mail ends here. */
const LEASES_MAX = 10_000;

/** What became of one recipient on an attempt. */
export interface QueuedOutcome extends AttemptResult {
  /** The trace id of its message. */
  readonly id: string;
  readonly forwardPath: string;
  /** Number of the attempt, from 1. */
  readonly attempt: number;
  /** Of `deferred`: when it is tried again, epoch milliseconds. */
  readonly nextAt?: number;
}

/** Attempts what is due now, until nothing is. */
export async function runQueue(
  spool: Spool,
  attempts: QueuedAttempts,
  clock: Clock,
): Promise<readonly QueuedOutcome[]> {
  const outcomes: QueuedOutcome[] = [];
  const never = new AbortController();
  for (let leases = 0; leases < LEASES_MAX; leases++) {
    const lease = await spool.lease({ owner: "test", leaseMs: LEASE_MS });
    if (!lease) return outcomes;
    const results = await attempts.attempt(lease, { signal: never.signal });
    const now = clock.now();
    const settled = results.map((result) => ({ result, ...nextAtOf(result, now) }));
    const messages = new Set(results.flatMap(({ becomes }) => (becomes ? [becomes] : [])));
    await spool.settle(
      lease,
      results.map((result) => settlementOf(result, now)),
      [...messages],
    );
    attempts.settled(lease, settled);
    outcomes.push(...settled.map((each) => outcomeOf(lease, each)));
  }
  throw new Error(`more than ${LEASES_MAX} leases are due`);
}

const nextAtOf = ({ outcome, notBefore }: AttemptResult, now: number): { readonly nextAt?: number } =>
  outcome === "deferred" ? { nextAt: notBefore ?? now + RETRY_MS } : {};

function settlementOf(result: AttemptResult, now: number): SpoolSettlement {
  const { recipient, reply, reason, destination } = result;
  switch (result.outcome) {
    case "deferred":
      return {
        ...{ recipient, to: "defer", nextAt: result.notBefore ?? now + RETRY_MS, reply: reply! },
        ...(destination === "" ? {} : { destination }),
      };
    case "failed":
      return { recipient, to: "fail", reply: reply!, until: now + KEPT_MS };
    case "held":
      return { recipient, to: "hold", reason: reason ?? "held", until: now + KEPT_MS };
    case "returned":
      return { recipient, to: "return" };
    default:
      return { recipient, to: "complete" };
  }
}

function outcomeOf(
  { id, recipients }: SpoolLease,
  { result, nextAt }: { readonly result: AttemptResult; readonly nextAt?: number },
): QueuedOutcome {
  const { forwardPath, attempt } = recipients.find(({ recipient }) => recipient === result.recipient)!;
  return {
    ...result,
    id,
    forwardPath: forwardPath.text,
    attempt,
    ...(nextAt === undefined ? {} : { nextAt }),
  };
}
