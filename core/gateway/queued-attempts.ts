/** The engine's side of the queue: attempts at what is leased, and what is told of them afterwards. */
import type { TraceRecipient, TraceRecord } from "../pipeline/mod.ts";
import { AttemptPart } from "./attempt-part.ts";
import { troubleResult } from "./attempt-result.ts";
import type { Engine } from "./engine.ts";
import type { AttemptResult, QueuedAttempts, SettledAttempt } from "./queued-attempt.ts";
import type { LeasedRecipient, SpoolLease } from "./spool.ts";
import { factsByName } from "./stored-facts.ts";
import { type AttemptEntry, storedTransaction } from "./stored-transaction.ts";
import { recordOf } from "./transaction-record.ts";

/** Makes them for an engine. */
export function createQueuedAttempts(engine: Engine): QueuedAttempts {
  const known = factsByName(engine.pipeline.slots);
  /** Parts of attempts that are not told of yet. */
  const untold = new WeakMap<SpoolLease, readonly AttemptPart[]>();
  return {
    async attempt(lease, { signal }) {
      const leave = engine.enter();
      try {
        const parts = entriesOf(lease).map((entry) => {
          const transaction = storedTransaction(engine, lease.message, entry, known);
          return new AttemptPart(transaction, lease.message, entry, signal);
        });
        untold.set(lease, parts);
        for (const part of parts) await part.run();
        const results = new Map(parts.flatMap((part) => [...part.results]));
        return lease.recipients.map(({ recipient }) => results.get(recipient)!);
      } catch (error) {
        // Parts take care of themselves: what was stored can not be made a transaction of.
        engine.services.log.error("attemptFault", { ref: lease.id, cause: String(error).slice(0, 500) });
        return lease.recipients.map(({ recipient, destination }) => troubleResult(recipient, destination));
      } finally {
        leave();
      }
    },
    settled(lease, settled) {
      const parts = untold.get(lease) ?? [];
      untold.delete(lease);
      const byNumber = new Map(settled.map((each) => [each.result.recipient, each]));
      for (const part of parts) {
        const record = attemptRecord(part, byNumber);
        if (record) engine.publish(record);
      }
    },
  };
}

/** What of a lease enters at the same stage by the same origin. A released one was judged by a person: no filter sees it. */
function entriesOf({ recipients }: SpoolLease): readonly AttemptEntry[] {
  const entries: AttemptEntry[] = [];
  const add = (released: boolean, stage: AttemptEntry["stage"], some: readonly LeasedRecipient[]): void => {
    if (some.length > 0) entries.push({ recipients: some, released, stage });
  };
  const isReleased = ({ releasedBy }: LeasedRecipient) => releasedBy !== undefined;
  const own = recipients.filter((each) => !isReleased(each));
  add(
    false,
    "route",
    own.filter(({ stage }) => stage === "route"),
  );
  add(
    false,
    "data",
    own.filter(({ stage }) => stage === "data"),
  );
  add(true, "route", recipients.filter(isReleased));
  return entries;
}

/** What an attempt adds to the record of its message; undefined when nothing was tried. */
function attemptRecord(
  { transaction, leased, left }: AttemptPart,
  settled: ReadonlyMap<number, SettledAttempt>,
): TraceRecord | undefined {
  const recipients = leased.flatMap((each, i): readonly TraceRecipient[] => {
    const end = settled.get(each.recipient);
    const outcome = end && OUTCOME_OF[end.result.outcome];
    return end && outcome
      ? [traceRecipient(each, end, outcome, transaction.recipients[i]!.route?.nextHop)]
      : [];
  });
  if (recipients.length === 0) return undefined;
  const header = left?.header;
  const subject = header?.text("subject")?.slice(0, 200);
  const headerFrom = header?.text("from")?.slice(0, 200);
  const record = recordOf(transaction, [], "accepted", undefined, {
    ...(subject === undefined ? {} : { subject }),
    ...(headerFrom === undefined ? {} : { headerFrom }),
    edits: (left?.edits ?? []).map(({ author, summary, reason }) => ({ author, summary, reason })),
  });
  return { ...record, recipients, attempt: Math.max(...leased.map(({ attempt }) => attempt)) };
}

const OUTCOME_OF: { readonly [O in AttemptResult["outcome"]]: TraceRecipient["outcome"] | undefined } = {
  delivered: "delivered",
  failed: "failed",
  deferred: "deferred",
  held: "quarantined",
  discarded: "discarded",
  replaced: "queued",
  returned: undefined,
};

function traceRecipient(
  { recipient, forwardPath, original, attempt }: LeasedRecipient,
  { result, nextAt }: SettledAttempt,
  outcome: TraceRecipient["outcome"],
  nextHop: string | undefined,
): TraceRecipient {
  const { reply, reason } = result;
  return {
    number: recipient,
    forwardPath: forwardPath.text,
    ...(original.text === forwardPath.text ? {} : { original: original.text }),
    outcome,
    ...(nextHop === undefined ? {} : { nextHop }),
    ...(reply ? { reply } : {}),
    ...(reason ? { reason } : {}),
    attempts: attempt,
    ...(nextAt === undefined ? {} : { nextAt }),
  };
}
