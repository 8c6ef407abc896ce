/** The trace record of a transaction, made once, at its end. */
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
  const { entries, dropped } = transaction.trace.entries();
  return {
    id: transaction.id,
    session: session.id,
    origin: session.start.origin,
    startedAt: transaction.startedAtEpoch,
    ms: transaction.elapsed(),
    listener: session.listener.name,
    client: session.client,
    ...(session.ehloName === undefined ? {} : { ehlo: session.ehloName }),
    ...(session.tls ? { tls: `${session.tls.protocol} ${session.tls.cipher}` } : {}),
    ...(session.identity ? { user: session.identity.user } : {}),
    reversePath: transaction.envelope.reversePath?.text ?? "",
    recipients: [
      ...refused,
      ...transaction.recipients.filter(({ expanded }) => !expanded).map(traceRecipient),
    ],
    outcome,
    ...(answer ? { reply: replyOf(answer) } : {}),
    ...end,
    edits: end.edits ?? [],
    entries: [...session.trace.entries().entries, ...entries],
    ...(dropped > 0 ? { entriesDropped: dropped } : {}),
    config: session.engine.config.hash,
  };
}

function traceRecipient({ forwardPath, original, route, settled }: RecipientState): TraceRecipient {
  return {
    forwardPath: forwardPath.text,
    ...(original.text === forwardPath.text ? {} : { original: original.text }),
    ...(route ? { nextHop: route.nextHop } : {}),
    ...(settled ?? { outcome: "deferred", reason: "no content came" }),
  };
}
