/** The trace record of a transaction, made once, at its end. */
import { pathText } from "../mail/mod.ts";
import type { TraceRecipient, TraceRecord } from "../pipeline/mod.ts";
import { replyOf } from "./answers.ts";
import type { RecipientState } from "./recipient.ts";
import type { Answer } from "./session.ts";
import type { Transaction } from "./transaction.ts";

/** What the record says beside what the transaction knows. */
export interface TransactionEnd {
  readonly messageBytes?: number;
  readonly subject?: string;
  readonly headerFrom?: string;
  readonly edits?: TraceRecord["edits"];
}

/** Makes the record. @param refused recipients that were refused at RCPT and are not in the transaction */
export function recordOf(
  transaction: Transaction,
  refused: readonly TraceRecipient[],
  outcome: TraceRecord["outcome"],
  answer: Answer | undefined,
  end: TransactionEnd,
): TraceRecord {
  const { session } = transaction;
  const { reversePath } = transaction.envelope;
  const own = transaction.trace.entries();
  const before = session.trace.entries();
  const told = session.dialogue?.among(before.entries, own.entries, transaction.startedAt);
  const dropped = before.dropped + own.dropped + (told?.dropped ?? 0);
  const record: { -readonly [K in keyof TraceRecord]: TraceRecord[K] } = {
    id: transaction.id,
    session: session.id,
    origin: session.start.origin,
    startedAt: transaction.startedAtEpoch,
    ms: transaction.elapsed(),
    listener: session.listener.name,
    client: transaction.client,
    reversePath: reversePath === null ? "" : pathText(reversePath),
    recipients: [
      ...refused,
      ...transaction.recipients.filter(({ expanded }) => !expanded).map(traceRecipient),
    ],
    outcome,
    edits: end.edits ?? [],
    entries: told?.entries ?? [...before.entries, ...own.entries],
    config: session.engine.config.hash,
  };
  if (transaction.forwarded) record.forwarded = transaction.forwarded;
  if (session.ehloName !== undefined) record.ehlo = session.ehloName;
  if (session.tls) record.tls = `${session.tls.protocol} ${session.tls.cipher}`;
  if (session.identity) record.user = session.identity.user;
  if (answer) record.reply = replyOf(answer);
  if (end.messageBytes !== undefined) record.messageBytes = end.messageBytes;
  if (end.subject !== undefined) record.subject = end.subject;
  if (end.headerFrom !== undefined) record.headerFrom = end.headerFrom;
  if (dropped > 0) record.entriesDropped = dropped;
  return record;
}

function traceRecipient({ forwardPath, original, route, settled }: RecipientState): TraceRecipient {
  return {
    forwardPath: pathText(forwardPath),
    ...(original.text === forwardPath.text ? {} : { original: pathText(original) }),
    ...(route ? { nextHop: route.nextHop } : {}),
    ...(settled ?? { outcome: "deferred", reason: "no content came" }),
  };
}
