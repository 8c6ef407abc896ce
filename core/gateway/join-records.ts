/**
 * One record of a message out of several of its id: that of its transaction, and those that attempts of the queue added
 * later. Trace stores join them when they are read, so that an attempt only appends.
 */
import { Trace, type TraceRecipient, type TraceRecord } from "../pipeline/mod.ts";

/** Entries of a joined record: the first third and the last two thirds are kept. */
export const JOINED_ENTRIES_MAX = 1_500;

/**
 * Joins records of one id, in the order they were put; at least one. Of several transactions the last counts. Where that
 * is gone, the first attempt stands in its place.
 */
export function joinRecords(records: readonly TraceRecord[]): TraceRecord {
  const [first] = records;
  if (!first) throw new TypeError("no record to join");
  if (records.length === 1) return first;
  const base = records.findLast(({ attempt }) => attempt === undefined) ?? first;
  const attempts = records.filter((record) => record !== base && record.attempt !== undefined);
  if (attempts.length === 0) return base;
  const trace = new Trace(JOINED_ENTRIES_MAX);
  let dropped = base.entriesDropped ?? 0;
  for (const entry of base.entries) trace.add(entry);
  const recipients = [...base.recipients];
  const places = new Map(recipients.map(({ number }, place) => [number, place]));
  let { edits } = base;
  for (const attempt of attempts) {
    for (const entry of attempt.entries) trace.add(entry);
    dropped += attempt.entriesDropped ?? 0;
    if (attempt.edits.length > 0) edits = attempt.edits;
    for (const recipient of attempt.recipients) {
      const place = recipient.number === undefined ? undefined : places.get(recipient.number);
      if (place !== undefined) recipients[place] = goneOn(recipients[place]!, recipient);
      else places.set(recipient.number, recipients.push(recipient) - 1);
    }
  }
  const { entries, dropped: cut } = trace.entries();
  const all = dropped + cut;
  return { ...base, recipients, edits, entries, ...(all > 0 ? { entriesDropped: all } : {}) };
}

/** What became of it later, under the addresses that the transaction knew it by. */
function goneOn(before: TraceRecipient, later: TraceRecipient): TraceRecipient {
  const { forwardPath: _, original: __, ...news } = later;
  const { forwardPath, original, nextHop } = before;
  return {
    forwardPath,
    ...(original === undefined ? {} : { original }),
    ...(nextHop === undefined ? {} : { nextHop }),
    ...news,
  };
}
