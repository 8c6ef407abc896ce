/** Messages go in and out of the tables. All within a transaction of the caller's. */

import type { MessageRow, StoredRow } from "./protocol.ts";
import { Refused } from "./refused.ts";
import type { Statements } from "./statements.ts";

/** Messages of one millisecond; past them the key is that of a later one. */
const SEQUENCE_MAX = 2_048;

/** Refuses messages whose id is there or comes twice, before anything is written. @throws Refused EEXIST */
export function refuseKnown(db: Statements, messages: readonly MessageRow[]): void {
  const ids = new Set<string>();
  for (const { id } of messages) {
    if (ids.has(id) || db.first("SELECT 1 FROM msg WHERE id = ?", id))
      throw new Refused("EEXIST", "a message of that id is stored");
    ids.add(id);
  }
}

/** Writes a message and its recipients; adds the destinations where some are due. */
export function insertMessage(db: Statements, message: MessageRow, due: Set<string>): void {
  const { id, receivedAt, reversePath, bytes, files, data, body, recipients } = message;
  const n = nextKey(db, receivedAt);
  db.run("INSERT INTO msg VALUES (?, ?, ?, ?, ?, ?, ?)", n, id, receivedAt, reversePath, bytes, files, data);
  if (body.byteLength > 0) db.run("INSERT INTO body VALUES (?, ?)", n, new Uint8Array(body));
  for (const [r, each] of recipients.entries()) {
    db.run(
      `INSERT INTO rcpt (n, r, state, destination, next, forward, reply, reason, data)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      n,
      r,
      each.state === "due" ? 0 : 2,
      each.destination,
      each.nextAt,
      each.forwardPath,
      each.reply,
      each.reason,
      each.data,
    );
    if (each.state === "due") due.add(each.destination);
  }
}

/** Drops a message that no recipient needs any more; adds its content files. */
export function dropIfDone(db: Statements, n: number, files: string[]): void {
  if (db.first("SELECT 1 FROM rcpt WHERE n = ? LIMIT 1", n)) return;
  const row = db.first<{ files: string | null }>("DELETE FROM msg WHERE n = ? RETURNING files", n);
  db.run("DELETE FROM body WHERE n = ?", n);
  if (row?.files) files.push(...(JSON.parse(row.files) as string[]));
}

/** Reads a message. */
export function readMessage(db: Statements, n: number, data: string): StoredRow {
  const row = db.first<{ data: Uint8Array }>("SELECT data FROM body WHERE n = ?", n);
  return { data, body: row ? ownBuffer(row.data) : new ArrayBuffer(0) };
}

/** The octets as a buffer that can be given away. */
function ownBuffer(bytes: Uint8Array): ArrayBuffer {
  const { buffer, byteLength } = bytes;
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength
    ? buffer
    : (bytes.slice().buffer as ArrayBuffer);
}

function nextKey(db: Statements, receivedAt: number): number {
  const first = Math.max(0, Math.min(Math.floor(receivedAt), 4_000_000_000_000)) * SEQUENCE_MAX || 0;
  const last = keyBelow(db, first + SEQUENCE_MAX) ?? -1;
  if (last < first) return first;
  if (last < first + SEQUENCE_MAX - 1) return last + 1;
  return (keyBelow(db, Number.MAX_SAFE_INTEGER) ?? first) + 1;
}

const keyBelow = (db: Statements, below: number): number | undefined =>
  db.first<{ n: number | null }>("SELECT max(n) AS n FROM msg WHERE n < ?", below)?.n ?? undefined;
