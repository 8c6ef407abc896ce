/**
 * From a transaction to the spool and back: stores what is queued, held and put off in one commit, and makes the edited
 * message again of what was stored. What becomes of it there is the queue's.
 */
import { type Content, Message, type Reply, readAll } from "../mail/mod.ts";
import { type FactMap, isKnownIn } from "../pipeline/mod.ts";
import { answerOf, replyOf, takes } from "./answers.ts";
import type { PlannedDelivery } from "./delivery-plan.ts";
import type { Engine } from "./engine.ts";
import type { RecipientState } from "./recipient.ts";
import type { LeasedRecipient, SpoolMessage, SpoolRecipient, StoredFacts, StoredMessage } from "./spool.ts";
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
  const { engine } = session;
  const queued = plans.flatMap((plan) => plan.recipients);
  const recipients: SpoolRecipient[] = [
    ...plans.flatMap((plan) =>
      plan.recipients.map(
        (each): SpoolRecipient => ({ ...dueOf(each, engine), nextAt: plan.deliverAt ?? now }),
      ),
    ),
    ...deferred.map((each): SpoolRecipient => {
      const reply = refusalOf(each);
      return { ...dueOf(each, engine), nextAt: now + FIRST_RETRY_MS, ...(reply ? { lastReply: reply } : {}) };
    }),
    ...held.map((each) =>
      isToldByDsn(each, engine) ? toFail(each, engine, now) : toHold(each, engine, now),
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
      facts: { ...storedFacts(session.facts), ...storedFacts(transaction.facts) },
      trace: [...session.trace.entries().entries, ...transaction.trace.entries().entries],
      config: config.hash,
      ...(transaction.deliveries > 0 ? { deliveries: transaction.deliveries } : {}),
      recipients,
    },
    signal ? { signal } : {},
  );
  [...queued, ...deferred, ...held].forEach((each, number) => {
    const reply = refusalOf(each);
    each.settled =
      recipients[number]?.state === "held"
        ? { number, outcome: "quarantined", reason: reasonOf(each) }
        : { number, outcome: "queued", ...(reply ? { reply } : {}) };
  });
}

/** What goes on in place of recipients that became several on an attempt: a message of its own, and none of its rows ended. */
export function replacementOf(
  transaction: Transaction,
  stored: StoredMessage,
  { edits }: Message,
  several: readonly { readonly leased: LeasedRecipient; readonly became: readonly RecipientState[] }[],
): SpoolMessage {
  const { session } = transaction;
  const { engine } = session;
  const now = engine.services.clock.now();
  const { deliveries: _, ...kept } = stored;
  return {
    ...kept,
    id: engine.newId(),
    origin: session.start.origin,
    edits,
    facts: { ...storedFacts(session.facts), ...storedFacts(transaction.facts) },
    recipients: several.flatMap(({ leased: { lastReply }, became }) =>
      became.map(
        (each): SpoolRecipient => ({
          ...dueOf(each, engine),
          nextAt: Math.max(now, each.route?.deliverAt ?? 0),
          ...(lastReply ? { lastReply } : {}),
        }),
      ),
    ),
  };
}

/** The form that a stored message had after `data`. Every call gives a Message of its own. */
export async function restoreMessage(stored: Pick<StoredMessage, "content" | "edits">): Promise<Message> {
  const message = await Message.load(stored.content);
  for (const edit of stored.edits) message.apply(edit);
  return message;
}

/** A recipient that goes on in the queue; each of its attempts starts from before `route`. */
const dueOf = (recipient: RecipientState, engine: Pick<Engine, "groupOf">) => ({
  ...(recipient.unrouted ?? { forwardPath: recipient.forwardPath, lineage: recipient.lineage }),
  original: recipient.original,
  parameters: recipient.parameters,
  // `route` gives each recipient its form. One without never came to it: a filter put it off, and is to see it again.
  stage: recipient.message ? ("route" as const) : ("data" as const),
  facts: storedFacts(recipient.facts),
  ...(recipient.copies ? { copies: recipient.copies } : {}),
  destination: recipient.route ? engine.groupOf(recipient.route.nextHop, recipient.forwardPath) : "",
  state: "due" as const,
});

const toHold = (recipient: RecipientState, engine: Engine, now: number): SpoolRecipient => ({
  ...dueOf(recipient, engine),
  state: "held",
  // A released one was judged by a person: no filter sees it again.
  stage: "route",
  nextAt: now + RETENTION_MS,
  reason: reasonOf(recipient),
});

/** The next attempt ends it, so that the DSN is made, or is not, as that of any failure. */
function toFail(recipient: RecipientState, engine: Engine, now: number): SpoolRecipient {
  const refusal = refusalOf(recipient);
  return {
    ...dueOf(recipient, engine),
    stage: "route",
    nextAt: now,
    ...(refusal ? { refusal, lastReply: refusal } : {}),
  };
}

const isToldByDsn = ({ verdict }: RecipientState, { config }: Engine): boolean =>
  verdict?.verdict === "reject" && config.onMixedVerdict === "dsn";

function reasonOf({ verdict }: RecipientState): string {
  if (verdict?.verdict === "quarantine") return verdict.reason;
  return verdict?.verdict === "reject" ? `refused: ${answerOf(verdict).text}` : "held";
}

/** The reply that put it off or refused it, as the client would have got it. */
const refusalOf = ({ verdict }: RecipientState): Reply | undefined =>
  verdict && !takes(verdict) ? replyOf(answerOf(verdict)) : undefined;

/** What later stages found is left out: each attempt runs them anew. */
const storedFacts = (facts: FactMap): StoredFacts =>
  Object.fromEntries(
    [...facts]
      .filter(([fact]) => isKnownIn(fact.stage, "data"))
      .map(([fact, value]) => [fact.name, { version: fact.version, value }]),
  );
