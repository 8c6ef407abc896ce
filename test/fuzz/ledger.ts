/**
 * Holds what clients were told against what next hops took. A message that got 250 was taken once, with the recipients
 * that were told so and each octet as it was sent; one that did not was taken by nobody, but where the trace says that
 * a copy may have been.
 */
import type { TraceRecord } from "postern";
import type { PlayedSession } from "./fuzzed-client.ts";
import type { TakenMessage } from "./fuzzed-next-hop.ts";

/** All that is known after a round. */
export interface RoundBooks {
  readonly sessions: readonly PlayedSession[];
  readonly records: readonly TraceRecord[];
  readonly taken: readonly TakenMessage[];
}

/** Something that is not as it has to be, and what was said around it. */
export interface Finding {
  readonly what: string;
  /** The sessions it is about, for a run with them alone. */
  readonly sessions: readonly string[];
  readonly logs: readonly { toString(): string }[];
}

/** A reply of the gateway that ends in the id of a trace. */
const TOLD = /^(\d)\d\d .*\(ref ([^()\s]+)\)\r$/gm;

/** Compares; an empty list is what one wants. */
export function auditRound({ sessions, records, taken }: RoundBooks): readonly Finding[] {
  const byPort = new Map(sessions.map((session) => [session.port, session]));
  const byId = new Map<string, TraceRecord>();
  const takenById = Map.groupBy(taken, ({ id }) => id);
  const findings: Finding[] = [];
  const find = (what: string, session: PlayedSession | undefined, id: string): void => {
    const logs = (takenById.get(id) ?? []).map(({ log }) => log);
    const record = byId.get(id);
    findings.push({
      what,
      sessions: session ? [session.name] : [],
      logs: [...(session ? [session.log] : []), ...(record ? [shownRecord(record)] : []), ...logs],
    });
  };
  for (const record of records) {
    const session = byPort.get(record.client.port);
    if (byId.has(record.id)) find(`two traces have the id ${record.id}`, session, record.id);
    byId.set(record.id, record);
  }
  for (const record of records) {
    const session = byPort.get(record.client.port);
    const copies = takenById.get(record.id) ?? [];
    for (const what of recordFaults(record, copies)) find(what, session, record.id);
    for (const copy of copies)
      if (session !== undefined && !isWhatWasSent(copy.content, session))
        find(
          `what was taken of ${record.id} is not what the client sent, octet for octet`,
          session,
          record.id,
        );
  }
  for (const [id] of takenById)
    if (!byId.has(id)) find(`a next hop took '${id}', of which no trace knows`, undefined, id);
  for (const session of sessions) {
    for (const what of toldFaults(session, byId)) find(what.text, session, what.id);
    for (const what of session.faults) find(what, session, "");
  }
  return findings;
}

function recordFaults(record: TraceRecord, copies: readonly TakenMessage[]): readonly string[] {
  const { id, reply } = record;
  const isAccepted = reply !== undefined && reply.code < 300;
  const mayBeTaken = record.entries.some((entry) => "event" in entry && entry.event === "duplicatePossible");
  if (!isAccepted) {
    if (copies.length === 0) return [];
    if (mayBeTaken && copies.length === 1 && !(reply !== undefined && reply.code >= 500)) return [];
    const told = reply === undefined ? "nothing" : `${reply.code} ${reply.enhanced}`;
    return [
      `${id} was answered with ${told} and was taken ${copies.length} times (duplicatePossible: ${mayBeTaken})`,
    ];
  }
  if (copies.length !== 1)
    return [`${id} was answered with ${reply.code} and was taken ${copies.length} times`];
  const delivered = record.recipients
    .filter(({ outcome }) => outcome === "delivered")
    .map(({ forwardPath }) => forwardPath);
  const got = copies[0]?.recipients ?? [];
  const [left, right] = [delivered.toSorted().join(" "), got.toSorted().join(" ")];
  return left === right ? [] : [`${id} was delivered to ${left} by its trace, and to ${right} in truth`];
}

function toldFaults(
  session: PlayedSession,
  byId: ReadonlyMap<string, TraceRecord>,
): readonly { readonly text: string; readonly id: string }[] {
  const faults: { text: string; id: string }[] = [];
  const accepted = new Set<string>();
  for (const [line, first = "", id = ""] of session.received.matchAll(TOLD)) {
    if (first !== "2") continue;
    const record = byId.get(id);
    if (record?.reply === undefined || record.reply.code >= 300)
      faults.push({ text: `the client was told ${line.trim()}, and its trace says otherwise`, id });
    if (accepted.has(id)) faults.push({ text: `the client was told of ${id} twice`, id });
    accepted.add(id);
  }
  return faults;
}

/** As DATA carries it, or as chunks in a row do. */
function isWhatWasSent(content: Buffer, { sent }: PlayedSession): boolean {
  const wire = `\r\n${content.toString("latin1")}`.replaceAll("\r\n.", "\r\n..").slice(2);
  return sent.includes(Buffer.from(`${wire}.\r\n`, "latin1")) || isOfChunks(content, sent);
}

/** RFC 3030 2: the octets behind BDAT, as many as it says. */
function isOfChunks(content: Buffer, sent: Buffer): boolean {
  const text = sent.toString("latin1");
  const chunks = [...text.matchAll(/BDAT (\d+)[^\r\n]*\r\n/gi)].map((match) => {
    const from = match.index + match[0].length;
    return text.slice(from, from + Number(match[1]));
  });
  const whole = content.toString("latin1");
  // RFC 5321 4.1.1.4: DATA can not carry content without a line end; it gets one from the relay.
  const isWhole = (text: string): boolean =>
    text === whole || (!text.endsWith("\r\n") && `${text}\r\n` === whole);
  return chunks.some((_, first) => {
    let joined = "";
    for (let n = first; n < chunks.length && joined.length < whole.length; n += 1) {
      joined += chunks[n];
      if (isWhole(joined)) return true;
    }
    return isWhole(joined);
  });
}

function shownRecord(record: TraceRecord): string {
  const notes = record.entries.flatMap((entry) =>
    "event" in entry
      ? [`  ${String(Math.round(entry.at)).padStart(5)} ms ${entry.event}: ${entry.detail}`]
      : [],
  );
  const reply = record.reply ? `${record.reply.code} ${record.reply.enhanced} ${record.reply.text}` : "none";
  return [`trace ${record.id}, ${record.outcome}, reply ${reply}`, ...notes].join("\n");
}
