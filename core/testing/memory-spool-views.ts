/** What the memory spool shows of its rows: lists in pages, entries, and recipients on lease. */
import {
  type LeasedRecipient,
  SPOOL_PAGE_MAX,
  type SpoolEntry,
  SpoolFault,
  type SpoolPage,
  type SpoolState,
} from "../gateway/mod.ts";
import type { Row } from "./memory-spool-rows.ts";

type Place = { readonly id: string; readonly recipient: number };

/** By message, oldest first, then by number. */
const order = (a: Place, b: Place): number =>
  a.id < b.id ? -1 : a.id > b.id ? 1 : a.recipient - b.recipient;

/** The one that is lent first: the longest due, or with `untriedFirst` the longest due that was never lent. */
export function firstDue(due: Iterable<Row>, now: number, untriedFirst: boolean): Row | undefined {
  let first: Row | undefined;
  const later = (row: Row, than: Row): number =>
    (untriedFirst ? Number(row.attempts > 0) - Number(than.attempts > 0) : 0) ||
    row.nextAt - than.nextAt ||
    order(row, than);
  for (const row of due) if (row.nextAt <= now && (!first || later(row, first) < 0)) first = row;
  return first;
}

/** Recipients as lists show them, a page. */
export function entriesOf(
  rows: Iterable<Row>,
  cursor: string | undefined,
  limit: number,
): SpoolPage<SpoolEntry> {
  const after = cursor === undefined ? undefined : readCursor(cursor);
  const found = [...rows].filter((row) => !after || order(row, after) > 0).sort(order);
  return page(found, limit, entryOf, (row) => `${row.recipient} ${row.id}`);
}

/** Where the page before ended. */
function readCursor(cursor: string): Place {
  const parts = /^(\d{1,10}) (.*)$/s.exec(cursor);
  if (!parts) throw new SpoolFault("EINVAL", "no cursor of this spool");
  return { id: parts[2]!, recipient: Number(parts[1]) };
}

/** The first of what was found, and a cursor where there is more. */
function page<Found, Entry>(
  found: readonly Found[],
  limit: number,
  entry: (found: Found) => Entry,
  cursorOf: (found: Found) => string,
): SpoolPage<Entry> {
  const shown = found.slice(0, Math.max(1, Math.min(limit, SPOOL_PAGE_MAX)));
  const last = shown.at(-1);
  const more = last !== undefined && found.length > shown.length;
  return { entries: shown.map(entry), ...(more ? { cursor: cursorOf(last) } : {}) };
}

/** How many recipients there are of each state and destination. */
export function countsOf(
  rows: Iterable<Row>,
): { readonly state: SpoolState; readonly destination: string; readonly count: number }[] {
  const counts = new Map<string, { state: SpoolState; destination: string; count: number }>();
  for (const { state, destination } of rows) {
    const key = `${state} ${destination}`;
    const entry = counts.get(key) ?? { state, destination, count: 0 };
    entry.count++;
    counts.set(key, entry);
  }
  return [...counts.values()];
}

/** The destinations of due recipients, each with its earliest time. */
export function destinationsOf(
  due: Iterable<Row>,
  cursor: string | undefined,
  limit: number,
): SpoolPage<{ readonly destination: string; readonly nextAt: number }> {
  const earliest = new Map<string, number>();
  for (const { destination, nextAt } of due)
    earliest.set(destination, Math.min(nextAt, earliest.get(destination) ?? nextAt));
  const found = [...earliest]
    .map(([destination, nextAt]) => ({ destination, nextAt }))
    .filter(({ destination }) => cursor === undefined || destination > cursor)
    .sort((a, b) => (a.destination < b.destination ? -1 : 1));
  return page(
    found,
    limit,
    (entry) => entry,
    ({ destination }) => destination,
  );
}

/** A recipient as its borrower sees it. */
export function leased(row: Row): LeasedRecipient {
  const { recipient, destination, nextAt, lastReply, lapsed, by } = row;
  return {
    ...structuredClone(row.given),
    recipient,
    destination,
    nextAt,
    attempt: row.attempts,
    lapsed,
    ...(lastReply ? { lastReply: { ...lastReply } } : {}),
    ...(by?.did === "release" ? { releasedBy: by.who, releasedAt: by.at } : {}),
  };
}

/** A recipient as lists show it. */
export function entryOf(row: Row): SpoolEntry {
  const { id, recipient, state, destination, attempts, lease, lastReply, reason, by } = row;
  const { reversePath, receivedAt, content } = row.message;
  return {
    id,
    recipient,
    state,
    destination,
    reversePath,
    forwardPath: row.forwardPath,
    receivedAt,
    messageBytes: content.length,
    attempts,
    nextAt: lease ? lease.expiresAt : row.nextAt,
    ...(lastReply ? { lastReply: { ...lastReply } } : {}),
    ...(state === "held" && reason !== undefined ? { reason } : {}),
    ...(lease ? { owner: lease.owner } : {}),
    ...(by ? { by: { ...by } } : {}),
  };
}
