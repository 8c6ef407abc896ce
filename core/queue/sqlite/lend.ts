/** Leases: who is lent what, how it is settled, and how it comes back. All within a transaction of the caller's. */
import type { SpoolLeaseKey, SpoolSettlement } from "../../gateway/mod.ts";
import { entryColumns, toFound } from "./entry-rows.ts";
import type { FoundRow, LentRow, Operation, Outcome } from "./protocol.ts";
import type { Statements } from "./statements.ts";
import { dropIfDone, insertMessage, readMessage, refuseKnown } from "./store-messages.ts";

type Of<Kind extends Operation["do"]> = Extract<Operation, { readonly do: Kind }>;
type First = { readonly n: number; readonly r: number; readonly next: number; readonly destination: string };

/** An outcome, by default of nothing. */
export const outcome = (told: Partial<Outcome> = {}): Outcome => ({
  count: 0,
  stored: false,
  due: [],
  files: [],
  ...told,
});

/** Lends the due recipients of one message and destination. */
export function lend(db: Statements, request: Of<"lease">): Outcome {
  const { now, owner, token, expiresAt, recipientsMax } = request;
  const first = firstDue(db, request);
  if (!first) return outcome();
  const rows = db.all<Omit<LentRow, "lapsed" | "attempt"> & { lapsed: number; tries: number }>(
    `SELECT r, tries, lapsed, next AS nextAt, destination, reply, byhand AS byHand, data FROM rcpt
      WHERE n = ? AND state = 0 AND +destination = ? AND +next <= ? ORDER BY r LIMIT ?`,
    first.n,
    first.destination,
    now,
    recipientsMax,
  );
  for (const { r } of rows) {
    db.run(
      "UPDATE rcpt SET state = 1, owner = ?, lease = ?, expires = ?, tries = tries + 1 WHERE n = ? AND r = ?",
      owner,
      token,
      expiresAt,
      first.n,
      r,
    );
  }
  const message = db.first<{ id: string; data: string }>("SELECT id, data FROM msg WHERE n = ?", first.n);
  if (!message) throw new Error(`recipients without a message: ${first.n}`);
  return outcome({
    lent: {
      id: message.id,
      message: readMessage(db, first.n, message.data),
      recipients: rows.map(({ tries, lapsed, ...row }) => ({
        ...row,
        attempt: tries + 1,
        lapsed: lapsed !== 0,
      })),
    },
  });
}

/** The one that is lent first: the longest due, or with `untriedFirst` the longest due that was never lent. */
function firstDue(db: Statements, { now, destination, untriedFirst }: Of<"lease">): First | undefined {
  let best: First | undefined;
  let bestOfTried: First | undefined;
  const earlier = (a: First | undefined, b: First | undefined): First | undefined => {
    if (!a || !b) return a ?? b;
    return (a.next - b.next || a.n - b.n || a.r - b.r) <= 0 ? a : b;
  };
  const ask = (where: string, tried: 0 | 1): First | undefined =>
    db.first<First>(
      `SELECT n, r, next, destination FROM rcpt
        WHERE state = 0 AND destination = ? AND tried = ? AND next <= ? ORDER BY next, n, r LIMIT 1`,
      where,
      tried,
      now,
    );
  for (const where of destination === undefined ? dueDestinations(db) : [destination]) {
    best = earlier(best, ask(where, 0));
    bestOfTried = earlier(bestOfTried, ask(where, 1));
  }
  return untriedFirst ? (best ?? bestOfTried) : earlier(best, bestOfTried);
}

/** Destinations with due recipients, each found by one step in the index. */
export function* dueDestinations(db: Statements, after?: string): Generator<string> {
  const next = (sql: string, than: string) => db.first<{ destination: string }>(sql, than)?.destination;
  const following =
    "SELECT destination FROM rcpt WHERE state = 0 AND destination > ? ORDER BY destination LIMIT 1";
  const from = following.replace(">", ">=");
  let found = after === undefined ? next(from, "") : next(following, after);
  for (; found !== undefined; found = next(following, found)) yield found;
}

/** Makes a lease last longer. */
export function renew(db: Statements, { lease, expiresAt }: Of<"renew">): Outcome {
  const n = keyOf(db, lease.id);
  if (n === undefined) return outcome();
  return outcome({
    count: db.run(
      "UPDATE rcpt SET expires = ? WHERE n = ? AND state = 1 AND lease = ? AND owner = ?",
      expiresAt,
      n,
      lease.lease,
      lease.owner,
    ),
  });
}

/** Settles recipients of a lease and stores messages beside, or does neither. @throws Refused EEXIST */
export function settle(db: Statements, { lease, settlements, messages }: Of<"settle">): Outcome {
  const n = keyOf(db, lease.id);
  const due = new Set<string>();
  const files: string[] = [];
  if (n === undefined) return outcome();
  const isMine = ({ recipient }: SpoolSettlement): boolean =>
    db.first(
      "SELECT 1 FROM rcpt WHERE n = ? AND r = ? AND state = 1 AND lease = ? AND owner = ?",
      n,
      recipient,
      lease.lease,
      lease.owner,
    ) !== undefined;
  if (messages.length > 0) {
    if (!settlements.some(isMine)) return outcome();
    refuseKnown(db, messages);
  }
  let count = 0;
  let dropped = 0;
  for (const settlement of settlements) {
    const changed = settleOne(db, n, lease, settlement);
    count += changed.length;
    if (settlement.to === "complete") dropped += changed.length;
    if (settlement.to === "defer" || settlement.to === "return")
      for (const { destination } of changed) due.add(destination);
  }
  if (dropped > 0) dropIfDone(db, n, files);
  for (const message of messages) insertMessage(db, message, due);
  return outcome({ count, stored: messages.length > 0, due: [...due], files });
}

const MINE = "WHERE n = ? AND r = ? AND state = 1 AND lease = ? AND owner = ? RETURNING destination";
const OVER = "owner = NULL, lease = NULL, expires = NULL";

/** The row that changed; none when it is not on the lease, or not any more. */
function settleOne(
  db: Statements,
  n: number,
  { lease, owner }: SpoolLeaseKey,
  settlement: SpoolSettlement,
): readonly { readonly destination: string }[] {
  const mine = [n, settlement.recipient, lease, owner] as const;
  switch (settlement.to) {
    case "complete":
      return db.all(`DELETE FROM rcpt ${MINE}`, ...mine);
    case "defer":
      return db.all(
        `UPDATE rcpt SET state = 0, next = ?, reply = ?, destination = coalesce(?, destination), ${OVER} ${MINE}`,
        settlement.nextAt,
        JSON.stringify(settlement.reply),
        settlement.destination ?? null,
        ...mine,
      );
    case "fail":
      return db.all(
        `UPDATE rcpt SET state = 3, next = ?, reply = ?, ${OVER} ${MINE}`,
        settlement.until,
        JSON.stringify(settlement.reply),
        ...mine,
      );
    case "hold":
      return db.all(
        `UPDATE rcpt SET state = 2, next = ?, reason = ?, ${OVER} ${MINE}`,
        settlement.until,
        settlement.reason,
        ...mine,
      );
    case "return":
      return db.all(`UPDATE rcpt SET state = 0, tries = tries - 1, ${OVER} ${MINE}`, ...mine);
  }
}

/** Makes due what an owner has on lease, or anyone. */
export function returnLeases(db: Statements, { owner }: Of<"returnLeases">): Outcome {
  return lapse(db, owner === undefined ? "1" : "owner = ?", ...(owner === undefined ? [] : [owner]));
}

/** Ends leases that expired, and drops a number of those whose retention is over. */
export function sweep(db: Statements, { now, expiredMax }: Of<"sweep">): Outcome {
  const lapsed = lapse(db, "expires <= ?", now);
  const expired: FoundRow[] = db
    .all<Parameters<typeof toFound>[0]>(
      `SELECT ${entryColumns} FROM rcpt JOIN msg USING (n) WHERE state >= 2 AND next <= ? ORDER BY next LIMIT ?`,
      now,
      expiredMax,
    )
    .map(toFound);
  const files: string[] = [];
  for (const { n, r } of expired) db.run("DELETE FROM rcpt WHERE n = ? AND r = ?", n, r);
  for (const n of new Set(expired.map((row) => row.n))) dropIfDone(db, n, files);
  return { ...lapsed, files, expired };
}

function lapse(db: Statements, which: string, ...values: readonly (string | number)[]): Outcome {
  const rows = db.all<{ destination: string }>(
    `UPDATE rcpt SET state = 0, lapsed = 1, ${OVER} WHERE state = 1 AND ${which} RETURNING destination`,
    ...values,
  );
  return outcome({ count: rows.length, due: [...new Set(rows.map(({ destination }) => destination))] });
}

const keyOf = (db: Statements, id: string): number | undefined =>
  db.first<{ n: number }>("SELECT n FROM msg WHERE id = ?", id)?.n;
