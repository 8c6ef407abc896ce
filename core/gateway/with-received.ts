/** Puts a transaction's own trace field on top of its content (RFC 5321 4.4). The field's form is in received-field.ts. */
import { type Content, pathText, withPrefix } from "../mail/mod.ts";
import { receivedField } from "./received-field.ts";
import type { RecipientState } from "./recipient.ts";
import type { Transaction } from "./transaction.ts";

/** @param recipients of the delivery: one alone is named in the field, as it tells nobody of another */
export function withReceived(
  { session, envelope, id, startedAtEpoch }: Transaction,
  content: Content,
  recipients: readonly RecipientState[] = [],
): Content {
  const only = recipients.length === 1 ? recipients[0] : undefined;
  const field = receivedField({
    ehlo: session.ehloName ?? "",
    ip: session.client.ip,
    name: session.clientName,
    by: session.engine.config.hostName,
    id,
    origin: session.start.origin,
    extended: session.extended,
    tls: session.tls !== undefined,
    authenticated: session.identity !== undefined,
    utf8: envelope.parameters.smtputf8 === true,
    ...(only ? { forwardPath: pathText(only.forwardPath) } : {}),
    at: startedAtEpoch,
  });
  return withPrefix(field, content);
}
