/** An engine in memory whose client hears an answer for each RCPT, as one that speaks LMTP does. */
import { definePlugin, type Plugin, type Reply } from "postern";
import { recordingNextHop } from "postern/testing";
import type { Answer, NextHopDriver, RecipientResult } from "../../core/gateway/mod.ts";
import {
  type Bed,
  type BedOptions,
  CONTENT,
  forward,
  octets,
  openBed,
  reverse,
  short,
} from "./engine-bed.ts";

export interface LmtpBed extends Bed {
  /** MAIL, RCPT and content on a new session: the answers to those RCPTs that were refused at once, then to the rest. */
  deliver(recipients: readonly string[], content?: string): Promise<readonly string[]>;
  /** The same, with the answers whole; to the content alone. */
  answers(recipients: readonly string[]): Promise<readonly Answer[]>;
}

/** Opens one. */
export async function openLmtpBed(options: BedOptions): Promise<LmtpBed> {
  const bed = await openBed(options);
  const converse = async (recipients: readonly string[], content = CONTENT) => {
    const session = bed.gateway.openSession({
      origin: "lmtp",
      listener: { name: "relay", kind: "lmtp", address: "unix:/run/lmtp" },
      client: { ip: "127.0.0.1", port: 40_000 },
      local: "",
    });
    await session.ehlo("client.example", "LHLO");
    await session.mail(reverse("ann@example.com"), {});
    const refused: Answer[] = [];
    for (const recipient of recipients) {
      const answer = await session.rcpt(forward(recipient), {});
      if (answer.kind !== "goOn") refused.push(answer);
    }
    const receiver = session.receive();
    await receiver.write(octets(content));
    return { refused, answers: (await receiver.end()).recipients };
  };
  return {
    ...bed,
    last: () => bed.last(),
    async deliver(recipients, content) {
      const { refused, answers } = await converse(recipients, content);
      return [...refused, ...answers].map(short);
    },
    answers: async (recipients) => (await converse(recipients)).answers,
  };
}

/** A next hop that answers each recipient after the content by its local part, as an LMTP server does. */
export function storeNextHop(answers: { readonly [localPart: string]: Reply }): NextHopDriver {
  return {
    ...recordingNextHop("store"),
    async deliver(delivery) {
      const recipients = delivery.recipients.map(({ forwardPath }): RecipientResult => {
        const reply = answers[forwardPath.localPart];
        if (reply === undefined) {
          return { status: "delivered", reply: { code: 250, enhanced: "2.1.5", text: "Ok" } };
        }
        return { status: reply.code >= 500 ? "rejected" : "tempfailed", reply };
      });
      return { recipients, ended: "reply" };
    },
  };
}

/** Replaces recipients by others, by local part. */
export const alias = (targets: { readonly [localPart: string]: readonly string[] }) =>
  definePlugin({
    name: "alias",
    edits: ["envelope"],
    route(ctx) {
      const found = targets[ctx.recipient.forwardPath.localPart];
      if (found) ctx.expandRecipient(found.map(at).map(forward), "alias");
    },
  }) as Plugin<never, never, false>;

/** The address of a name at the domain of the bed. */
export const at = (name: string): string => `${name}@example.org`;
