/**
 * What becomes of a message, said to its client: one reply by SMTP, and by LMTP one for each RCPT that was accepted, in
 * their order, also where two name one recipient (RFC 2033 4.2, 4.3).
 */
import type { Answer } from "../../gateway/mod.ts";
import type { Reply } from "../../mail/mod.ts";
import type { GatewayConnection } from "../gateway-connection.ts";
import { REPLIES, replyOf } from "../replies.ts";

/** Replies to a message. @param each the answer to each accepted RCPT; where one is missing, `answer` holds for it */
export function replyToMessage(
  connection: GatewayConnection,
  answer: Answer,
  each: readonly Answer[] = [],
): void {
  if (connection.context.listener.kind !== "lmtp") {
    connection.reply(replyOf("data", answer));
    return;
  }
  // The count of replies is the client's only way to tell whose they are.
  for (let rcpt = 0; rcpt < connection.recipientsAccepted; rcpt += 1) {
    connection.reply(inLine(replyOf("data", each[rcpt] ?? answer)));
  }
}

/** Replies to a message about which we can say nothing: an error of our own. */
export function replyFaultToMessage(connection: GatewayConnection): void {
  const replies = connection.context.listener.kind === "lmtp" ? connection.recipientsAccepted : 1;
  for (let n = 0; n < replies; n += 1) connection.reply(REPLIES.internal);
}

/** The reply to DATA and BDAT without a recipient. */
export function noRecipientReply({ recipientsTried, context }: GatewayConnection): Reply {
  // RFC 2033 4.2: 503 where none was accepted, whether one was tried or not.
  return recipientsTried === 0 || context.listener.kind === "lmtp" ? REPLIES.needRcpt : REPLIES.noRecipients;
}

// A 421 would end the session before those behind it have heard of theirs, and what was taken would be sent again.
const inLine = (reply: Reply): Reply => (reply.code === 421 ? { ...reply, code: 451 } : reply);
