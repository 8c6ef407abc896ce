/** What people do to many recipients at once, in slices: others commit between them. */
import { conditionsOf, isState } from "./filter.ts";
import { outcome } from "./lend.ts";
import type { ByHand, Operation, Outcome } from "./protocol.ts";
import type { Statements, Value } from "./statements.ts";
import { dropIfDone } from "./store-messages.ts";

/** Rows that one slice changes at most. */
export const SLICE_MAX = 2_000;

/** Changes the next slice of what a filter means. Rows on lease are left alone. */
export function changeByHand(
  db: Statements,
  { now, filter, change, after }: Extract<Operation, { readonly do: "change" }>,
): Outcome {
  const { sql, values } = conditionsOf(filter);
  const may = {
    hold: isState("due"),
    release: isState("held"),
    retry: "(+rcpt.state = 3 OR (+rcpt.state = 0 AND rcpt.next > ?))",
    remove: "rcpt.state <> 1",
  }[change.how];
  const rows = db.all<{ n: number; r: number; destination: string }>(
    `SELECT n, r, destination FROM rcpt JOIN msg USING (n)
      WHERE ${[...sql, may, "(n, r) > (?, ?)"].join(" AND ")} ORDER BY n, r LIMIT ${SLICE_MAX}`,
    ...values,
    ...(change.how === "retry" ? [now] : []),
    after?.n ?? -1,
    after?.r ?? -1,
  );
  const files: string[] = [];
  const { set, bound } = assignments(change, now);
  for (const { n, r } of rows) {
    if (set) db.run(`UPDATE rcpt SET ${set} WHERE n = ? AND r = ?`, ...bound, n, r);
    else db.run("DELETE FROM rcpt WHERE n = ? AND r = ?", n, r);
  }
  if (!set) for (const n of new Set(rows.map((row) => row.n))) dropIfDone(db, n, files);
  const last = rows.length === SLICE_MAX ? rows.at(-1) : undefined;
  const isDue = change.how === "release" || change.how === "retry";
  return outcome({
    count: rows.length,
    files,
    due: isDue ? [...new Set(rows.map(({ destination }) => destination))] : [],
    ...(last ? { next: { n: last.n, r: last.r } } : {}),
  });
}

/** What is set; nothing where the row goes. */
function assignments(change: ByHand, now: number): { set?: string; bound: readonly Value[] } {
  switch (change.how) {
    case "hold": {
      const by = JSON.stringify({ who: change.by, did: "hold", at: now });
      return {
        set: "state = 2, reason = ?, next = ?, byhand = ?",
        bound: [change.reason, change.until, by],
      };
    }
    case "release": {
      const by = JSON.stringify({ who: change.by, did: "release", at: now });
      return { set: "state = 0, next = ?, byhand = ?", bound: [now, by] };
    }
    case "retry":
      return { set: "state = 0, next = ?", bound: [now] };
    case "remove":
      return { bound: [] };
  }
}
