/**
 * What a submission server completes in a message (RFC 6409 8.2, 8.3): a Date and a Message-ID that are not there. The
 * clause also lets it mend malformed ones; they stay, as a signature of the client's may cover them.
 */
import type { Message } from "../mail/mod.ts";
import { mailDate } from "./received-field.ts";
import type { Transaction } from "./transaction.ts";

/** The author of the edits, in traces. */
export const SUBMISSION_AUTHOR = "submission";

const RANDOM_OCTETS = 8;

/** The message with the fields it lacks, as edits on top of it; the very same where it lacks none. */
export function withMissingFields(transaction: Transaction, message: Message): Message {
  const { header } = message;
  const needsDate = header.get("Date") === undefined;
  const needsId = header.get("Message-ID") === undefined;
  if (!needsDate && !needsId) return message;
  // The message itself is what `ctx.original` shows.
  const completed = message.fork();
  const editor = completed.editor(SUBMISSION_AUTHOR);
  if (needsId) editor.addField("Message-ID", messageId(transaction), "it had none (RFC 6409 8.3)");
  if (needsDate) editor.addField("Date", mailDate(transaction.startedAtEpoch), "it had none (RFC 6409 8.2)");
  return completed;
}

/** Unique by the transaction's id in this process, and by what is random among processes (RFC 5322 3.6.4). */
function messageId({ id, session }: Transaction): string {
  const { config, services } = session.engine;
  const random = [...services.random.bytes(RANDOM_OCTETS)].map((octet) =>
    octet.toString(16).padStart(2, "0"),
  );
  const { hostName } = config;
  // A host without a name stands as a literal.
  const right = hostName.includes(":") ? `[IPv6:${hostName}]` : hostName;
  return `<${id}.${random.join("")}@${right}>`;
}
