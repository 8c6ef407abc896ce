/** Feeds one message of the platform to the engine as a session with one transaction and one recipient. */
import {
  type Answer,
  CODES,
  type ContentReceiver,
  type Gateway,
  type GatewaySession,
} from "../gateway/mod.ts";
import {
  addressOctets,
  canonicalIp,
  isPathFault,
  localError,
  makeReply,
  messageTooLarge,
  parsePath,
  type Reply,
  recipientSyntax,
  senderSyntax,
} from "../mail/mod.ts";
import type { Clock } from "../pipeline/mod.ts";
import type { EmailMessage } from "./email-message.ts";

/** What a message is received by. */
export interface ReceiveOptions {
  readonly limits: ReceiveLimits;
  readonly clock: Clock;
  /** As it was told; what is no address is not known. */
  readonly clientIp: string | undefined;
}

/** The bounds of a message's way in. */
export interface ReceiveLimits {
  readonly messageBytesMax: number;
  /** Longest silence of the content's stream. */
  readonly idleMs: number;
}

/** What the platform is to be told. */
export interface EmailOutcome {
  /** `accepted`: it is forwarded or discarded. */
  readonly outcome: "accepted" | "refused" | "deferred";
  readonly reply: Reply;
}

/**
 * Runs a message to its outcome. The client is a stranger, whatever its address, and `ehlo` hooks do not run: the platform
 * does not tell its EHLO name.
 */
export async function receiveEmail(
  gateway: Gateway,
  message: EmailMessage,
  { limits, clock, clientIp = "" }: ReceiveOptions,
): Promise<EmailOutcome> {
  const reversePath = parsePath(`<${message.from}>`, { kind: "reverse" });
  if (isPathFault(reversePath)) return outcomeOf(senderSyntax());
  const forwardPath = parsePath(`<${message.to}>`, { kind: "forward" });
  if (isPathFault(forwardPath)) return outcomeOf(recipientSyntax());
  const session = gateway.openSession({
    origin: "email",
    listener: { name: "email", kind: "email", address: "" },
    client: { ip: addressOctets(clientIp) ? canonicalIp(clientIp) : "", port: 0 },
    local: "",
  });
  try {
    const smtputf8 = /[^\0-\x7f]/.test(message.from + message.to);
    const steps = [
      () => session.connect(),
      () => session.mail(reversePath, { size: message.rawSize, ...(smtputf8 ? { smtputf8 } : {}) }),
      () => session.rcpt(forwardPath, {}),
    ];
    for (const step of steps) {
      const answer = await step();
      if (answer.kind !== "goOn") return outcomeOf(replyOf(answer));
    }
    return outcomeOf(replyOf(await receive(session, message, limits, clock)));
  } finally {
    session.close();
  }
}

async function receive(
  session: GatewaySession,
  message: EmailMessage,
  { messageBytesMax, idleMs }: ReceiveLimits,
  clock: Clock,
): Promise<Answer> {
  const receiver = session.receive();
  const reader = message.raw.getReader();
  try {
    if (message.rawSize > messageBytesMax) return await tooLarge(receiver);
    let bytes = 0;
    for (;;) {
      const { done, value } = await readWithin(reader, idleMs, clock);
      if (done) break;
      bytes += value.length;
      if (bytes > messageBytesMax) return await tooLarge(receiver);
      await receiver.write(value);
    }
  } catch (error) {
    const answer: Answer = { kind: "tempfail", ...localError() };
    return (
      (await receiver.abort(`the content can not be read: ${String(error).slice(0, 300)}`, answer)) ?? answer
    );
  } finally {
    // Whatever is left of it is of no use; a stream that was read to its end does not mind.
    reader.cancel().catch(() => {});
  }
  return (await receiver.end()).answer;
}

/** The next piece; rejects when none comes within `idleMs`, or a stream that nobody ends would hold the run for ever. */
async function readWithin(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  idleMs: number,
  clock: Clock,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  const came = new AbortController();
  const silence = clock.sleep(idleMs, came.signal).then(() => {
    throw new Error(`nothing came for ${idleMs} ms`);
  });
  try {
    return await Promise.race([reader.read(), silence]);
  } finally {
    came.abort();
  }
}

async function tooLarge(receiver: ContentReceiver): Promise<Answer> {
  const answer: Answer = { kind: "reject", ...messageTooLarge() };
  return (await receiver.abort("over the size limit", answer)) ?? answer;
}

/** The reply of an answer; a session stage's refusal may leave the words to the host. */
function replyOf({ kind, code, enhanced, text }: Answer): Reply {
  const base = makeReply(code ?? CODES[kind], "", text === "" ? "Message not taken" : text);
  return { ...base, enhanced };
}

function outcomeOf(reply: Reply): EmailOutcome {
  if (reply.code < 400) return { outcome: "accepted", reply };
  return { outcome: reply.code < 500 ? "deferred" : "refused", reply };
}
