/**
 * From a lease to its settlement: the attempt, what it means, the DSNs, and one commit, which is tried until the spool
 * takes it, as what was delivered must not be delivered again. Also those of a dead destination whose time is over. When
 * leases are asked for is the scheduler's.
 */
import {
  type AttemptResult,
  type QueuedAttempts,
  type Spool,
  SpoolFault,
  type SpoolLease,
} from "../gateway/mod.ts";
import { nextHopDown, type Reply } from "../mail/mod.ts";
import type { Clock, Log } from "../pipeline/mod.ts";
import type { DestinationOutcome } from "./destination.ts";
import type { DsnMaker } from "./dsn-types.ts";
import { expired } from "./retry-schedule.ts";
import {
  ageFrom,
  type Commit,
  type Deciding,
  type Settled,
  settlementsOf,
  unknownResult,
  withDsns,
  withoutMessages,
} from "./settlements.ts";
import type { SpoolHealth } from "./spool-health.ts";

/** What a lease is run with. */
export interface LeaseRunning {
  readonly spool: Spool;
  readonly health: SpoolHealth;
  readonly attempts: QueuedAttempts;
  readonly clock: Clock;
  readonly log: Log;
  readonly dsn: DsnMaker | undefined;
  readonly policyOf: Deciding["policyOf"];
  readonly draw: () => number;
  /** Told after the commit, when the engine was. */
  readonly onSettled: (settled: readonly Settled[]) => void;
  /** Aborts when the gateway stops: nothing more is begun. */
  readonly stopping: AbortSignal;
  /** Aborts when it has waited long enough: what is not settled by then is lost, and its lease lapses. */
  readonly over: AbortSignal;
}

/** What an attempt told of each destination that it came to. */
export type Outcomes = ReadonlyMap<string, { readonly outcome: DestinationOutcome; readonly reply?: Reply }>;

/**
 * Runs the attempt of a lease and settles it. Never rejects.
 *
 * @param onAttempted told before the settlement, which takes no connection: others can have it
 */
export async function runLease(
  running: LeaseRunning,
  lease: SpoolLease,
  onAttempted: (outcomes: Outcomes) => void,
): Promise<void> {
  const results = running.stopping.aborted ? allReturned(lease) : await attempt(running, lease);
  onAttempted(outcomesOf(results));
  await settle(running, lease, settlementsOf(lease, results, decidingOf(running)));
}

const decidingOf = ({ policyOf, clock, draw }: LeaseRunning): Deciding => ({
  policyOf,
  now: clock.now(),
  draw,
});

async function attempt(running: LeaseRunning, lease: SpoolLease): Promise<readonly AttemptResult[]> {
  try {
    const results = await running.attempts.attempt(lease, { signal: running.stopping });
    // Nobody asked for it: due again at once, it would be lent and handed back without end.
    return running.stopping.aborted ? results : results.filter(({ outcome }) => outcome !== "returned");
  } catch (error) {
    // It promises not to. What it did is not known, so all are tried again: a second copy is better than a lost one.
    running.log.error("attemptFault", { ref: lease.id, cause: String(error) });
    return lease.recipients.map(unknownResult);
  }
}

const allReturned = (lease: SpoolLease): readonly AttemptResult[] =>
  lease.recipients.map(({ recipient, destination }) => ({ recipient, outcome: "returned", destination }));

/** Failures that are a destination's, whoever the mail is for. */
const OF_DESTINATION: ReadonlySet<string | undefined> = new Set(["connection", "us", "tls"]);
/** Outcomes and failures after which it is known to be there. */
const ANSWERED: ReadonlySet<string | undefined> = new Set(["reply", "greylisted", "lost"]);

function outcomesOf(results: readonly AttemptResult[]): Outcomes {
  const outcomes = new Map<string, { outcome: DestinationOutcome; reply?: Reply }>();
  for (const { destination, outcome, failure, reply } of results) {
    const told: DestinationOutcome =
      outcome === "delivered" || ((outcome === "failed" || outcome === "deferred") && ANSWERED.has(failure))
        ? "sound"
        : outcome === "deferred" && OF_DESTINATION.has(failure)
          ? "failed"
          : "nothing";
    const before = outcomes.get(destination)?.outcome ?? "nothing";
    // Where one was answered it is there, whatever befell another delivery of the same attempt.
    if (before === "sound" || told === "nothing") continue;
    outcomes.set(destination, { outcome: told, ...(reply === undefined ? {} : { reply }) });
  }
  return outcomes;
}

async function settle(running: LeaseRunning, lease: SpoolLease, settled: readonly Settled[]): Promise<void> {
  const { attempts, dsn, log, onSettled } = running;
  const commit = await withDsns(lease, settled, { dsn, deciding: decidingOf(running), log });
  const done = await settleSurely(running, lease, commit);
  if (done === undefined) return;
  try {
    attempts.settled(
      lease,
      done.settled.map(({ result, settlement }) => ({
        result,
        ...(settlement.to === "defer" ? { nextAt: settlement.nextAt } : {}),
      })),
    );
    onSettled(done.settled);
  } catch (error) {
    log.error("settledFault", { ref: lease.id, cause: String(error) });
  }
}

/** Faults that the messages of a commit can be the cause of. */
const OF_MESSAGES: ReadonlySet<string> = new Set(["EINVAL", "EEXIST", "ENOSPC"]);

/** Commits, again and again until it is done; gives what was committed, or undefined when nothing can be. */
async function settleSurely(
  running: LeaseRunning,
  lease: SpoolLease,
  wanted: Commit,
): Promise<Commit | undefined> {
  const { spool, health, clock, log, over } = running;
  let commit = wanted;
  for (;;) {
    try {
      const settlements = commit.settled.map(({ settlement }) => settlement);
      const count = await spool.settle(lease, settlements, [...commit.dsns, ...commit.replacements]);
      health.answered("settle");
      // Another worker has them, or had: both may have delivered.
      if (count < settlements.length)
        log.warn("leaseLost", { ref: lease.id, recipients: settlements.length - count });
      return count === 0 ? undefined : commit;
    } catch (error) {
      health.rejected("settle", error);
      const code = error instanceof SpoolFault ? error.code : "EIO";
      // A message that can not be stored must not hold back what was delivered.
      const rest = OF_MESSAGES.has(code) ? withoutMessages(commit, decidingOf(running)) : undefined;
      if (rest !== undefined) {
        commit = rest;
        continue;
      }
      const isOver = code === "ECLOSED" || over.aborted || !(await pause(clock, health.pauseMs, over));
      if (!isOver) continue;
      log.error("settleGaveUp", { ref: lease.id, recipients: lease.recipients.length });
      return undefined;
    }
  }
}

async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await clock.sleep(Math.max(1, ms), signal);
    return true;
  } catch {
    return false;
  }
}

/** Leases that one walk looks at. */
const WALK_MAX = 500;

/**
 * Of a destination that has been dead for long only probes are tried, so that the rest would wait past its time without a
 * word: those that are due the longest are given up, and the senders of others told of the delay, untried. It ends at the
 * first message that has time left.
 *
 * @param failingMs how long it has done nothing but fail
 */
export async function walkOverdue(
  running: LeaseRunning,
  borrow: () => Promise<SpoolLease | undefined>,
  failingMs: number,
  last: Reply = nextHopDown(),
): Promise<void> {
  for (let walked = 0; walked < WALK_MAX && !running.stopping.aborted; walked++) {
    const lease = await borrow();
    if (lease === undefined) return;
    const deciding = decidingOf(running);
    const results = lease.recipients.map((recipient): AttemptResult => {
      const { retry } = deciding.policyOf(lease.destination);
      const since = ageFrom(lease.message, recipient);
      const isOver = isPast(since, retry.giveUpMs, deciding.now) && failingMs >= retry.giveUpMs / 10;
      const { recipient: number, destination } = recipient;
      if (!isOver && !isUntold(since, recipient.nextAt, retry.warnMs, deciding.now, failingMs))
        return { recipient: number, outcome: "returned", destination };
      const untried = { recipient: number, destination, failure: "connection" } as const;
      return isOver
        ? { ...untried, outcome: "failed", reply: expired(retry, last) }
        : { ...untried, outcome: "deferred", reply: last };
    });
    const givenUp = results.filter(({ outcome }) => outcome === "failed").length;
    if (givenUp > 0) {
      const { id: ref, destination } = lease;
      running.log.warn("givenUpUntried", { ref, destination, recipients: givenUp });
    }
    await settle(running, lease, settlementsOf(lease, results, deciding));
    if (results.every(({ outcome }) => outcome === "returned")) return;
  }
}

const isPast = (since: number, ms: number, now: number): boolean => now - since >= ms;

/** Whether the sender should have heard of the delay by now. */
const isUntold = (
  since: number,
  dueAt: number,
  warnMs: number | undefined,
  now: number,
  failingMs: number,
): boolean =>
  warnMs !== undefined && failingMs >= warnMs && dueAt <= since + warnMs && isPast(since, warnMs, now);
