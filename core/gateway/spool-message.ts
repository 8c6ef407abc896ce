/** Puts a message into the spool, all of it in one commit: what is queued, held and put off. */
import type { Content, Message } from "../mail/mod.ts";
import type { FactMap } from "../pipeline/mod.ts";
import type { PlannedDelivery } from "./delivery-plan.ts";
import type { RecipientState } from "./recipient.ts";
import type { SpoolRecipient } from "./spool.ts";
import type { Transaction } from "./transaction.ts";

/** How long a held recipient is kept. */
const RETENTION_MS = 30 * 86_400_000;

/** Stores a transaction; when it resolves, the message is as durable as the spool. */
export async function spoolMessage(
  transaction: Transaction,
  content: Content,
  message: Message,
  plans: readonly PlannedDelivery[],
  held: readonly RecipientState[],
  deferred: readonly RecipientState[],
): Promise<void> {
  const { session, envelope } = transaction;
  const { services, config } = session.engine;
  const spool = services.spool;
  if (!spool) throw new Error("there is no spool");
  const now = services.clock.now();
  const due = (recipient: RecipientState, destination: string, nextAt: number): SpoolRecipient => ({
    ...common(recipient),
    destination,
    state: "due",
    nextAt,
  });
  const recipients: SpoolRecipient[] = [
    ...plans.flatMap((plan) => plan.recipients.map((each) => due(each, plan.nextHop, plan.deliverAt ?? now))),
    ...deferred.map((each) => due(each, each.route?.nextHop ?? "", now)),
    ...held.map(
      (each): SpoolRecipient => ({
        ...common(each),
        destination: each.route?.nextHop ?? "",
        state: "held",
        nextAt: now + RETENTION_MS,
        reason: reasonOf(each),
      }),
    ),
  ];
  await spool.put({
    id: transaction.id,
    origin: session.start.origin,
    client: session.client,
    ehlo: session.ehloName ?? "",
    ...(session.identity ? { user: session.identity.user } : {}),
    reversePath: envelope.reversePath,
    parameters: envelope.parameters,
    content,
    edits: message.edits,
    facts: { ...stored(session.facts), ...stored(transaction.facts) },
    trace: transaction.trace.entries().entries,
    config: config.hash,
    recipients,
  });
  for (const each of held) each.settled = { outcome: "quarantined", reason: reasonOf(each) };
  for (const each of [...plans.flatMap((plan) => plan.recipients), ...deferred])
    each.settled = { outcome: "queued" };
}

function reasonOf({ verdict }: RecipientState): string {
  if (verdict?.verdict === "quarantine") return verdict.reason;
  return verdict && "text" in verdict ? `refused: ${verdict.text}` : "held";
}

const common = ({ forwardPath, original, parameters, facts }: RecipientState) => ({
  forwardPath,
  original,
  parameters,
  facts: stored(facts),
});

const stored = (
  facts: FactMap,
): { readonly [name: string]: { readonly version: number; readonly value: unknown } } =>
  Object.fromEntries([...facts].map(([fact, value]) => [fact.name, { version: fact.version, value }]));
