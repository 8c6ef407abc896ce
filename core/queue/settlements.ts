/**
 * What becomes of the recipients of a lease after an attempt: each result is made a settlement, with the next attempt of
 * those put off, and the DSNs that go in the same commit. Writes nothing: lease-run.ts does.
 */
import type { RetryPolicy } from "../config/mod.ts";
import type {
  AttemptResult,
  LeasedRecipient,
  SpoolLease,
  SpoolMessage,
  SpoolSettlement,
} from "../gateway/mod.ts";
import { localError, type Reply } from "../mail/mod.ts";
import type { Log } from "../pipeline/mod.ts";
import type { DsnKind, DsnMaker, DsnRecipient } from "./dsn-types.ts";
import { expired, isRetried, nextAttempt } from "./retry-schedule.ts";

/** How long what is held or undeliverable is kept for a person. */
export const KEPT_MS = 30 * 86_400_000;

/** What became of a recipient, and what is done about it. */
export interface Settled {
  readonly recipient: LeasedRecipient;
  /** As the engine gave it; one that was given up is `failed`, with a reply of ours. */
  readonly result: AttemptResult;
  readonly settlement: SpoolSettlement;
  /** Whom to tell the sender of, if the sender wants to know. */
  readonly tell?: DsnKind;
}

/** What decides it. */
export interface Deciding {
  /** Of a destination, as results name it. */
  policyOf(destination: string): { readonly retry: RetryPolicy; readonly isFinal?: boolean };
  /** Epoch milliseconds. */
  readonly now: number;
  /** From 0 to below 1, at random each time. */
  readonly draw: () => number;
}

/** What each result means for its recipient. One without a result was not told of, and may have been delivered. */
export function settlementsOf(
  lease: SpoolLease,
  results: readonly AttemptResult[],
  deciding: Deciding,
): readonly Settled[] {
  const byNumber = new Map(results.map((result) => [result.recipient, result]));
  return lease.recipients.map((recipient) => {
    const result = byNumber.get(recipient.recipient) ?? unknownResult(recipient);
    return settledBy(lease, recipient, result, deciding);
  });
}

/** The result of a recipient whose attempt broke its promise. */
export const unknownResult = ({ recipient, destination }: LeasedRecipient): AttemptResult => ({
  recipient,
  outcome: "deferred",
  reply: localError(),
  destination,
  failure: "plugin",
});

function settledBy(
  lease: SpoolLease,
  leased: LeasedRecipient,
  result: AttemptResult,
  deciding: Deciding,
): Settled {
  const { recipient } = leased;
  const { now } = deciding;
  const of = (settlement: SpoolSettlement, tell?: DsnKind): Settled => ({
    recipient: leased,
    result,
    settlement,
    ...(tell === undefined ? {} : { tell }),
  });
  switch (result.outcome) {
    case "returned":
      return of({ recipient, to: "return" });
    case "discarded":
    case "replaced":
      return of({ recipient, to: "complete" });
    case "delivered":
      return of({ recipient, to: "complete" }, successKind(leased, result, deciding));
    case "failed":
      return of({ recipient, to: "complete" }, "failed");
    case "held":
      return of({ recipient, to: "hold", reason: result.reason ?? "held", until: now + KEPT_MS });
    case "deferred":
      return deferred(lease, leased, result, deciding);
  }
}

/** Of a delivery that the sender asked to hear of, unless the next hop tells of it (RFC 3461 5.2.2, 5.2.3). */
function successKind(
  { parameters }: LeasedRecipient,
  { dsnPassedOn, destination }: AttemptResult,
  { policyOf }: Deciding,
): DsnKind | undefined {
  if (dsnPassedOn === true || parameters.notify?.includes("SUCCESS") !== true) return undefined;
  return policyOf(destination).isFinal === true ? "delivered" : "relayed";
}

function deferred(
  { message }: SpoolLease,
  leased: LeasedRecipient,
  result: AttemptResult,
  { policyOf, now, draw }: Deciding,
): Settled {
  const { recipient, attempt, nextAt: dueAt } = leased;
  const { failure = "reply", reply = leased.lastReply ?? localError(), destination, notBefore } = result;
  const moved = destination === "" || destination === leased.destination ? {} : { destination };
  // A route for a later time: nothing failed, so neither age nor schedule counts.
  if (notBefore !== undefined && notBefore > now) {
    const settlement = { recipient, to: "defer", nextAt: notBefore, reply, ...moved } as const;
    return { recipient: leased, result, settlement };
  }
  if (!isRetried(failure)) {
    const reason = result.reason ?? `no next hop '${destination}' in the config`;
    const settlement = { recipient, to: "hold", reason, until: now + KEPT_MS } as const;
    return { recipient: leased, result: { ...result, outcome: "held", reason }, settlement };
  }
  const { retry } = policyOf(destination);
  const next = nextAttempt(retry, {
    failure,
    attempt,
    since: ageFrom(message, leased),
    dueAt,
    now,
    draw: draw(),
  });
  if (next === "giveUp") {
    // The words are ours: no server said them.
    const { server: _, ...own } = result;
    const given = { ...own, outcome: "failed", reply: expired(retry, reply) } as const;
    return { recipient: leased, result: given, settlement: { recipient, to: "complete" }, tell: "failed" };
  }
  const settlement = { recipient, to: "defer", nextAt: next.nextAt, reply, ...moved } as const;
  return { recipient: leased, result, settlement, ...(next.warn ? { tell: "delayed" as const } : {}) };
}

/** What the age of a recipient is counted from: one that was held is as old as its release. */
export const ageFrom = (message: { readonly receivedAt: number }, { releasedAt }: LeasedRecipient): number =>
  Math.max(message.receivedAt, releasedAt ?? 0);

/** What goes into one commit. */
export interface Commit {
  readonly settled: readonly Settled[];
  readonly dsns: readonly SpoolMessage[];
  /** What goes on in place of recipients that are `replaced`. */
  readonly replacements: readonly SpoolMessage[];
}

/**
 * Makes the DSNs, one for each kind. Who is not told of a failure although a DSN is due is kept as undeliverable; where a
 * DSN can not be made now, its recipients are tried again, and kept once they were given up.
 */
export async function withDsns(
  lease: SpoolLease,
  settled: readonly Settled[],
  {
    dsn,
    deciding,
    log,
  }: { readonly dsn: DsnMaker | undefined; readonly deciding: Deciding; readonly log: Log },
): Promise<Commit> {
  const dsns: SpoolMessage[] = [];
  let rest = settled;
  for (const kind of ["failed", "delayed", "delivered", "relayed"] as const) {
    const told = rest.filter(({ tell }) => tell === kind);
    if (told.length === 0) continue;
    let suppressed: ReadonlySet<number>;
    try {
      const made = await dsn?.(
        lease.message,
        told.map((each) => dsnRecipient(lease, each, deciding)),
        kind,
      );
      if (made?.send) dsns.push(made.send);
      suppressed = new Set(made?.suppressed ?? told.map(({ recipient }) => recipient.recipient));
    } catch (error) {
      log.error("dsnFault", { ref: lease.id, kind, cause: String(error) });
      if (kind === "failed")
        rest = rest.map((each) => (told.includes(each) ? withoutDsn(lease, each, deciding) : each));
      continue;
    }
    if (kind === "failed")
      rest = rest.map((each) =>
        each.tell === kind && suppressed.has(each.recipient.recipient) ? kept(each, deciding.now) : each,
      );
  }
  const becomes = settled.flatMap(({ result }) => (result.becomes ? [result.becomes] : []));
  return { settled: rest, dsns, replacements: [...new Set(becomes)] };
}

/**
 * The same commit without the messages that the spool did not take: who was not told is kept as undeliverable, and what
 * was replaced is tried again. Undefined: it has none.
 */
export function withoutMessages(commit: Commit, deciding: Deciding): Commit | undefined {
  if (commit.dsns.length > 0) {
    const settled = commit.settled.map((each) => (each.tell === "failed" ? kept(each, deciding.now) : each));
    return { ...commit, settled, dsns: [] };
  }
  if (commit.replacements.length === 0) return undefined;
  const settled = commit.settled.map((each): Settled => {
    if (each.result.outcome !== "replaced") return each;
    const { firstMs } = deciding.policyOf(each.result.destination).retry.waits.plugin;
    const { recipient } = each.recipient;
    const result = unknownResult(each.recipient);
    const reply = result.reply ?? localError();
    return { ...each, result, settlement: { recipient, to: "defer", nextAt: deciding.now + firstMs, reply } };
  });
  return { settled, dsns: [], replacements: [] };
}

function kept(each: Settled, now: number): Settled {
  const { recipient } = each.recipient;
  const reply: Reply = each.result.reply ?? localError();
  return { ...each, settlement: { recipient, to: "fail", reply, until: now + KEPT_MS } };
}

/** Failed, and the DSN can not be made: its original can not be read, which may pass. */
function withoutDsn(lease: SpoolLease, each: Settled, { policyOf, now, draw }: Deciding): Settled {
  const { recipient, attempt, nextAt: dueAt } = each.recipient;
  const { retry } = policyOf(each.result.destination);
  const since = ageFrom(lease.message, each.recipient);
  const next = nextAttempt(retry, { failure: "plugin", attempt, since, dueAt, now, draw: draw() });
  if (next === "giveUp") return kept(each, now);
  const { tell: _, ...rest } = each;
  const reply = each.result.reply ?? localError();
  return { ...rest, settlement: { recipient, to: "defer", nextAt: next.nextAt, reply } };
}

function dsnRecipient(
  { message }: SpoolLease,
  { recipient, result, tell }: Settled,
  { policyOf, now }: Deciding,
): DsnRecipient {
  const { reply, server, failure, destination } = result;
  return {
    recipient: recipient.recipient,
    forwardPath: recipient.forwardPath,
    original: recipient.original,
    parameters: recipient.parameters,
    ...(reply === undefined ? {} : { reply }),
    ...(server === undefined ? {} : { server }),
    ...(failure === undefined ? {} : { failure }),
    attemptedAt: now,
    ...(tell === "delayed"
      ? { retryUntil: ageFrom(message, recipient) + policyOf(destination).retry.giveUpMs }
      : {}),
  };
}
