/** What is read without changing anything: lists, counts, destinations, messages. */

import { entryColumns, toFound } from "./entry-rows.ts";
import { conditionsOf, STATES } from "./filter.ts";
import { dueDestinations } from "./lend.ts";
import type { FoundRow, Look, StoredRow } from "./protocol.ts";
import type { Statements } from "./statements.ts";
import { readMessage } from "./store-messages.ts";

/** Looks. */
export function lookAt(db: Statements, at: Look): unknown {
  switch (at.look) {
    case "list":
      return list(db, at);
    case "counts":
      return counts(db);
    case "destinations":
      return destinations(db, at);
    case "get":
      return get(db, at.id);
    case "files":
      return at.ids.flatMap((id) => {
        const files = db.first<{ files: string | null }>("SELECT files FROM msg WHERE id = ?", id)?.files;
        return files ? (JSON.parse(files) as string[]) : [];
      });
  }
}

/**
 * A row more than asked for tells that there are more. Messages come in the order of their ids, so that a page costs what is
 * on it; only where few recipients are in the state they are found first, and sorted.
 */
function list(db: Statements, at: Extract<Look, { readonly look: "list" }>): readonly FoundRow[] {
  const { sql, values } = conditionsOf(at.filter);
  const { state } = at.filter;
  const join = state === undefined || state === "due" ? "CROSS JOIN" : "JOIN";
  return db
    .all<Parameters<typeof toFound>[0]>(
      `SELECT ${entryColumns} FROM msg ${join} rcpt USING (n)
        WHERE ${[...sql, "(msg.id, rcpt.r) > (?, ?)"].join(" AND ")} ORDER BY msg.id, rcpt.r LIMIT ?`,
      ...values,
      at.after?.id ?? "",
      at.after?.r ?? -1,
      at.limit + 1,
    )
    .map(toFound);
}

/** By state, as the index of due ones is far smaller than the table. */
function counts(db: Statements): unknown {
  return STATES.flatMap((state, number) =>
    db
      .all<{ destination: string; count: number }>(
        `SELECT destination, count(*) AS count FROM rcpt WHERE state = ${number} GROUP BY destination`,
      )
      .map((row) => ({ ...row, state })),
  );
}

function destinations(db: Statements, at: Extract<Look, { readonly look: "destinations" }>): unknown {
  const entries: { destination: string; nextAt: number }[] = [];
  for (const destination of dueDestinations(db, at.after)) {
    const times = [0, 1].flatMap((tried) => {
      const row = db.first<{ next: number | null }>(
        "SELECT min(next) AS next FROM rcpt WHERE state = 0 AND destination = ? AND tried = ?",
        destination,
        tried,
      );
      return row && row.next !== null ? [row.next] : [];
    });
    entries.push({ destination, nextAt: Math.min(...times) });
    if (entries.length > at.limit) break;
  }
  return entries;
}

function get(db: Statements, id: string): StoredRow | undefined {
  const row = db.first<{ n: number; data: string }>("SELECT n, data FROM msg WHERE id = ?", id);
  return row && readMessage(db, row.n, row.data);
}
