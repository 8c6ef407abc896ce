/** What a delivery status notification (DSN, RFC 3461) is asked for with. The scheduler asks, dsn-maker.ts answers. */
import type { DsnConfig } from "../config/mod.ts";
import type { AttemptFailure, LeasedRecipient, SpoolMessage, StoredMessage } from "../gateway/mod.ts";
import type { Reply } from "../mail/mod.ts";

/**
 * What became of the recipients, in the words of RFC 3464 2.3.3. `relayed`: handed to a next hop that does not offer DSN,
 * so nobody tells the sender more.
 */
export type DsnKind = "failed" | "delayed" | "delivered" | "relayed";

/** Whose senders are told: the senders of others may be forged, and a DSN would go to who never wrote. */
export type DsnPolicy = DsnConfig["policy"];

/** A recipient that a DSN is to tell of. */
export interface DsnRecipient
  extends Pick<LeasedRecipient, "recipient" | "forwardPath" | "original" | "parameters"> {
  /** The last one: the next hop's, or ours. */
  readonly reply?: Reply;
  /** Who gave it, as "192.0.2.1:25"; absent: we did. */
  readonly server?: string;
  readonly failure?: AttemptFailure;
  /** When the last attempt ended, epoch milliseconds. */
  readonly attemptedAt: number;
  /** Of `delayed`: when we give up. */
  readonly retryUntil?: number;
}

/** What is done about telling the sender of one recipient. */
export type DsnDecision =
  /** A DSN tells of it. */
  | "send"
  /** Of `failed` alone: one is due, and the policy does not let it go. The recipient is kept as undeliverable. */
  | "suppressed"
  /** None is due: nobody asked, or nobody may be told. Of `failed`: it is recorded and ends. */
  | "none";

/** A DSN for those recipients that one is due for, and what became of the others. */
export interface DsnResult {
  /** Absent: none is due, or none may go. It is stored in the commit that settles the recipients. */
  readonly send?: SpoolMessage;
  /** Numbers of the recipients that are kept as undeliverable. */
  readonly suppressed: readonly number[];
}

/**
 * Makes the one DSN of a message for the recipients of one kind that end in the same commit.
 *
 * @throws what the content of the original throws when it can not be read; nothing is to be settled then
 */
export type DsnMaker = (
  message: StoredMessage,
  recipients: readonly DsnRecipient[],
  kind: DsnKind,
) => Promise<DsnResult>;
