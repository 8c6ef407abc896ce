/** A next hop that keeps what it would have got, and answers as a test tells it. */
import type { Delivery, NextHopDriver, RecipientResult } from "../gateway/mod.ts";
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

/** A next hop that remembers. */
export interface RecordingNextHop extends NextHopDriver {
  /** What was sent, in order; what it refused whole is not in it. */
  readonly deliveries: readonly Delivered[];
}

const aside: Reply = { code: 451, enhanced: "4.4.0", text: "Not sent: another recipient was refused" };

/** Makes one. @param answer replies to recipients; absent: all are accepted */
export function recordingNextHop(name: string, answer: AnswerRecipient = () => undefined): RecordingNextHop {
  const deliveries: Delivered[] = [];
  return {
    description: `test ${name}`,
    deliveries,
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

const refusal = (reply: Reply): RecipientResult => ({
  status: reply.code >= 500 ? "rejected" : "tempfailed",
  reply,
});
