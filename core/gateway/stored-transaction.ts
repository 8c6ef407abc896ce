/** The transaction of a message that lay in the spool, made again for an attempt at some of its recipients. */
import type { AnyFact, Scope } from "../pipeline/mod.ts";
import type { Engine } from "./engine.ts";
import { RecipientState } from "./recipient.ts";
import type { LeasedRecipient, StoredMessage } from "./spool.ts";
import { restoreFacts } from "./stored-facts.ts";
import { StoredSession } from "./stored-session.ts";
import { Transaction } from "./transaction.ts";

/** Recipients of a lease that enter at the same stage by the same origin. */
export interface AttemptEntry {
  readonly recipients: readonly LeasedRecipient[];
  /** Entered by a person's release, and not by the message's own origin. */
  readonly released: boolean;
  readonly stage: "data" | "route";
}

/**
 * Makes it, with these recipients alone, in their order.
 *
 * @param known the facts that anybody reads, by name
 */
export function storedTransaction(
  engine: Engine,
  message: StoredMessage,
  { recipients, released, stage }: AttemptEntry,
  known: ReadonlyMap<string, AnyFact>,
): Transaction {
  const unfit = new Set<string>();
  const as = (scope: Scope) => ({
    scope,
    beforeData: stage === "data",
    unfit: (name: string) => void unfit.add(name),
  });
  const facts = restoreFacts(message.facts, known, as("session"));
  const session = new StoredSession(engine, message, released ? "release" : message.origin, facts);
  const { reversePath, parameters } = message;
  session.dialogue?.began(reversePath);
  const transaction = new Transaction(session, { reversePath, parameters }, message);
  for (const [fact, value] of restoreFacts(message.facts, known, as("transaction")))
    transaction.facts.set(fact, value);
  for (const { recipient, forwardPath, original, parameters, lineage, copies, facts } of recipients) {
    session.dialogue?.named(original);
    transaction.recipients.push(
      new RecipientState({
        ...{ forwardPath, original, parameters, lineage, copies, rcpt: recipient },
        facts: restoreFacts(facts, known, as("recipient")),
      }),
    );
  }
  transaction.note("attempt", wordsOf(recipients, released));
  if (unfit.size > 0)
    transaction.note(
      "factUnfit",
      `read as their fallbacks: ${[...unfit].join(", ")}; another version, or no longer of their schema`,
    );
  const lapsed = recipients.filter((each) => each.lapsed);
  if (lapsed.length > 0) {
    const whose = lapsed.map(({ forwardPath }) => forwardPath.text).join(", ");
    transaction.note(
      "duplicatePossible",
      `an earlier attempt was cut off: this may be a duplicate for ${whose}`,
    );
  }
  return transaction;
}

function wordsOf(recipients: readonly LeasedRecipient[], released: boolean): string {
  const numbers = [...new Set(recipients.map(({ attempt }) => attempt))].join(", ");
  const by = [...new Set(recipients.map(({ releasedBy }) => releasedBy))].join(", ");
  const whom = recipients.length === 1 ? "1 recipient" : `${recipients.length} recipients`;
  return `number ${numbers}, of ${whom}${released ? `, released by ${by}` : ""}`;
}
