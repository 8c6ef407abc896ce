/**
 * From a transaction to the spool and back: stores what is queued, held and put off in one commit, and makes the edited
 * message again of what was stored. What becomes of it there is the queue's.
 */
import { type Content, Message, type Reply, readAll } from "../mail/mod.ts";
import { type FactMap, isKnownIn } from "../pipeline/mod.ts";
import { answerOf, replyOf } from "./answers.ts";
import type { PlannedDelivery } from "./delivery-plan.ts";
import type { RecipientState } from "./recipient.ts";
import type { SpoolRecipient, StoredFacts, StoredMessage } from "./spool.ts";
import type { Transaction } from "./transaction.ts";

/** How long a held recipient is kept. */
const RETENTION_MS = 30 * 86_400_000;
/** Until a recipient that a plugin put off is tried again: at once would meet the same trouble. */
const FIRST_RETRY_MS = 300_000;

/**
 * Stores a transaction; when it resolves, the message is as durable as the spool, and the recipients are settled.
 *
 * @param content our trace field, then the message as it came
 * @param message with the edits of `data`
 * @param signal the deadline: a message whose client got another answer must not be stored
 * @throws what the spool rejects with; nothing is stored then
 */
export async function spoolMessage(
  transaction: Transaction,
  content: Content,
  message: Message,
  plans: readonly PlannedDelivery[],
  held: readonly RecipientState[],
  deferred: readonly RecipientState[],
  signal?: AbortSignal,
): Promise<void> {
  const { session, envelope } = transaction;
  const { services, config } = session.engine;
  const spool = services.spool;
  if (!spool) throw new Error("there is no spool");
  const now = services.clock.now();
  const recipients: SpoolRecipient[] = [
    ...plans.flatMap((plan) =>
      plan.recipients.map((each): SpoolRecipient => ({ ...due(each), nextAt: plan.deliverAt ?? now })),
    ),
    ...deferred.map((each): SpoolRecipient => {
      const reply = putOffBy(each);
      return { ...due(each), nextAt: now + FIRST_RETRY_MS, ...(reply ? { lastReply: reply } : {}) };
    }),
    ...held.map(
      (each): SpoolRecipient => ({
        ...due(each),
        state: "held",
        // A released one was judged by a person: no filter sees it again.
        stage: "route",
        nextAt: now + RETENTION_MS,
        reason: reasonOf(each),
      }),
    ),
  ];
  await spool.put(
    {
      id: transaction.id,
      origin: session.start.origin,
      receivedAt: transaction.startedAtEpoch,
      listener: session.listener,
      client: transaction.client,
      ...(transaction.forwarded ? { forwarded: transaction.forwarded } : {}),
      ehlo: session.ehloName ?? "",
      ...(session.tls ? { tls: session.tls } : {}),
      ...(session.identity ? { identity: session.identity } : {}),
      reversePath: envelope.reversePath,
      parameters: envelope.parameters,
      // The edits' ranges are of the message as it came, so the field on top of it is kept apart.
      traceField: await readAll(content, 0, content.size - message.original.size),
      content: message.original,
      edits: message.edits,
      facts: { ...stored(session.facts), ...stored(transaction.facts) },
      trace: [...session.trace.entries().entries, ...transaction.trace.entries().entries],
      config: config.hash,
      recipients,
    },
    signal ? { signal } : {},
  );
  for (const each of held) each.settled = { outcome: "quarantined", reason: reasonOf(each) };
  for (const plan of plans) for (const each of plan.recipients) each.settled = { outcome: "queued" };
  for (const each of deferred) {
    const reply = putOffBy(each);
    each.settled = { outcome: "queued", ...(reply ? { reply } : {}) };
  }
}

/** The form that a stored message had after `data`. Every call gives a Message of its own. */
export async function restoreMessage(stored: Pick<StoredMessage, "content" | "edits">): Promise<Message> {
  const message = await Message.load(stored.content);
  for (const edit of stored.edits) message.apply(edit);
  return message;
}

const due = (recipient: RecipientState) => ({
  forwardPath: recipient.forwardPath,
  original: recipient.original,
  parameters: recipient.parameters,
  lineage: recipient.lineage,
  // `route` gives each recipient its form. One without never came to it: a filter put it off, and is to see it again.
  stage: recipient.message ? ("route" as const) : ("data" as const),
  facts: stored(recipient.facts),
  destination: recipient.route?.nextHop ?? "",
  state: "due" as const,
});

function reasonOf({ verdict }: RecipientState): string {
  if (verdict?.verdict === "quarantine") return verdict.reason;
  return verdict?.verdict === "reject" ? `refused: ${answerOf(verdict).text}` : "held";
}

/** The reply that put it off, as the client would have got it. */
const putOffBy = ({ verdict }: RecipientState): Reply | undefined =>
  verdict?.verdict === "tempfail" ? replyOf(answerOf(verdict)) : undefined;

/** What later stages found is left out: each attempt runs them anew. */
const stored = (facts: FactMap): StoredFacts =>
  Object.fromEntries(
    [...facts]
      .filter(([fact]) => isKnownIn(fact.stage, "data"))
      .map(([fact, value]) => [fact.name, { version: fact.version, value }]),
  );
