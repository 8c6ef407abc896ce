/** A next hop that keeps what it would have got, and answers as a test tells it. */
import type { Delivery, NextHopDriver, RecipientResult, VerifyResult } from "../gateway/mod.ts";
import { type Reply, readAll } from "../mail/mod.ts";

/** A delivery as the next hop got it. */
export interface Delivered {
  /** The trace id of its message. */
  readonly id: string;
  readonly nextHop: string;
  readonly reversePath: string;
  readonly recipients: readonly string[];
  /** The bytes, trace field and edits included. */
  readonly bytes: Uint8Array;
  /** The same, decoded as UTF-8. */
  readonly text: string;
}

/** What a test's next hop answers to a recipient: undefined accepts. */
export type AnswerRecipient = (forwardPath: string, delivery: Delivery) => Reply | undefined;

/** What it answers when it is asked at RCPT, without a message: undefined knows the recipient. */
export type AnswerQuestion = (forwardPath: string) => Reply | undefined;

/** A next hop that remembers. */
export interface RecordingNextHop extends NextHopDriver {
  /** The recipients that it was asked for (`verifyRecipients`), in order. */
  readonly asked: readonly string[];
  /** What was sent, in order; what it refused whole is not in it. */
  readonly deliveries: readonly Delivered[];
}

const aside: Reply = { code: 451, enhanced: "4.4.0", text: "Not sent: another recipient was refused" };

/**
 * Makes one.
 *
 * @param answer replies to recipients of a message; absent: all are accepted
 * @param question replies to `verifyRecipients`: 5xx where there is no such recipient, 4xx where it can not tell; absent:
 * it can not be asked
 */
export function recordingNextHop(
  name: string,
  answer: AnswerRecipient = () => undefined,
  question?: AnswerQuestion,
): RecordingNextHop {
  const deliveries: Delivered[] = [];
  const asked: string[] = [];
  return {
    description: `test ${name}`,
    deliveries,
    asked,
    ...(question ? { verify: (_, { text }) => verified(question(text), asked, text) } : {}),
    async deliver(delivery, { proceed }) {
      const replies = delivery.recipients.map(({ forwardPath }) => answer(forwardPath.text, delivery));
      const seen = replies.map((reply) => (reply ? refusal(reply) : ("accepted" as const)));
      const some = seen.some((each) => each === "accepted");
      const goes = some && proceed(seen);
      const ok: Reply = { code: 250, enhanced: "2.0.0", text: "Ok" };
      if (goes) {
        const bytes = (await readAll(delivery.content)).slice();
        deliveries.push({
          id: delivery.id,
          nextHop: name,
          reversePath: delivery.reversePath?.text ?? "",
          recipients: delivery.recipients
            .filter((_, i) => !replies[i])
            .map(({ forwardPath }) => forwardPath.text),
          bytes,
          text: new TextDecoder().decode(bytes),
        });
      }
      const accepted: RecipientResult = goes
        ? { status: "delivered", reply: ok }
        : { status: "aside", reply: aside };
      return { recipients: seen.map((each) => (each === "accepted" ? accepted : each)), ended: "reply" };
    },
    extensions: () => ({ eightBitMime: true, smtputf8: true, dsn: true, requireTls: true }),
    async probe() {},
    async close() {},
  };
}

async function verified(
  reply: Reply | undefined,
  asked: string[],
  forwardPath: string,
): Promise<VerifyResult> {
  asked.push(forwardPath);
  if (!reply) return { status: "good", ended: "reply", reply: { code: 250, enhanced: "2.1.5", text: "Ok" } };
  return { status: reply.code >= 500 ? "bad" : "undecided", ended: "reply", reply };
}

const refusal = (reply: Reply): RecipientResult => ({
  status: reply.code >= 500 ? "rejected" : "tempfailed",
  reply,
});
