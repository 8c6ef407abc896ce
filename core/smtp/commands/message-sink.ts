/**
 * Feeds the engine's receiver with the content of one message, of DATA (RFC 5321 4.1.1.4) or of BDAT chunks (RFC 3030).
 * Content with bare CR, bare LF or NUL, or over the size limit, is read to its end without being kept, and refused then.
 */
import type { Answer, ContentReceiver } from "../../gateway/mod.ts";
import type { GatewayConnection } from "../gateway-connection.ts";
import type { DataSink } from "../gateway-stream.ts";
import type { DataFault } from "../line-ends.ts";
import { messageBytesMaxOf } from "../message-size.ts";
import { REPLIES, replyOf } from "../replies.ts";
import { replyFaultToMessage, replyToMessage } from "./message-reply.ts";

const TOO_LARGE: Answer = { kind: "reject", code: 552, enhanced: "5.3.4", text: "Message too large" };
const MALFORMED = {
  bareCr: { kind: "reject", code: 550, enhanced: "5.6.0", text: "Bare CR in message" },
  bareLf: { kind: "reject", code: 550, enhanced: "5.6.0", text: "Bare LF in message" },
  nul: { kind: "reject", code: 550, enhanced: "5.6.0", text: "NUL in message" },
} as const satisfies { readonly [fault: string]: Answer };
const DRAIN_MIN = 1024 * 1024;
const MESSAGE_MS = 3_600_000;

/** Octets of refused content that are read, so that the client hears why, before the connection is closed. */
export function drainBytesMax(connection: GatewayConnection): number {
  const max = messageBytesMaxOf(connection.context);
  return max + Math.max(max, DRAIN_MIN);
}

/** Opens the engine's receiver; undefined where it could not, which the client was told then. */
export function beginMessage(connection: GatewayConnection): MessageSink | undefined {
  try {
    const receiver = connection.engine.receive();
    connection.receiver = receiver;
    return new MessageSink(connection, receiver);
  } catch (error) {
    connection.fault(error);
    connection.reply(REPLIES.internal);
    // The engine may have let go of the transaction; a second DATA must not find half of one.
    connection.engine.reset();
    connection.clearTransaction();
    return undefined;
  }
}

/** One message on its way in. */
export class MessageSink implements DataSink {
  readonly #connection: GatewayConnection;
  readonly #receiver: ContentReceiver;
  readonly #bytesMax: number;
  readonly #overdueAt: number;
  #received = 0;
  /** Set once the message is refused; what comes then is thrown away. */
  #refusal: Promise<Answer> | undefined;

  constructor(connection: GatewayConnection, receiver: ContentReceiver) {
    this.#connection = connection;
    this.#receiver = receiver;
    this.#bytesMax = messageBytesMaxOf(connection.context);
    this.#overdueAt = performance.now() + (connection.context.options.messageMs ?? MESSAGE_MS);
  }

  /** Whether the message is refused already, and `end` says why. */
  get refused(): boolean {
    return this.#refusal !== undefined;
  }

  /** So many octets more are announced: refused at once where they are too many. */
  expect(octets: number): void {
    if (this.#received + octets > this.#bytesMax) this.#refuse("over the size limit", TOO_LARGE);
  }

  content(octets: Buffer, fault: DataFault | undefined): Promise<void> | undefined {
    this.#received += octets.length;
    // The idle timer sees to a silent client; this to one that sends an octet now and then.
    if (performance.now() > this.#overdueAt) {
      this.#connection.reply(REPLIES.messageTooSlow);
      return undefined;
    }
    if (this.#received > this.#bytesMax) this.#refuse("over the size limit", TOO_LARGE);
    this.#refuseFault(fault);
    if (this.#refusal !== undefined)
      return this.#received > drainBytesMax(this.#connection) ? this.#giveUp() : undefined;
    try {
      const wait = this.#receiver.write(octets);
      return wait === undefined ? undefined : this.#hold(wait);
    } catch (error) {
      this.#connection.fault(error);
      this.#refuse("internal error", { kind: "tempfail", enhanced: "4.3.0", text: "" });
      return undefined;
    }
  }

  /** @param last whether the client expects its replies to the message now, and not one to a chunk (RFC 3030 2) */
  async end(fault: DataFault | undefined, last = true): Promise<void> {
    const connection = this.#connection;
    // The client was told 421 or went away while the last octets were held: the message is not taken behind its back.
    if (connection._closing || connection._closed) return;
    // The idle timer must not end a session that waits for us.
    connection._handlerPending = true;
    connection.answering = true;
    this.#refuseFault(fault);
    connection.receiver = undefined;
    try {
      if (this.#refusal === undefined) {
        const { answer, recipients } = await this.#receiver.end();
        replyToMessage(connection, answer, recipients);
      } else if (last) replyToMessage(connection, await this.#refusal);
      else connection.reply(replyOf("data", await this.#refusal));
    } catch (error) {
      connection.fault(error);
      replyFaultToMessage(connection);
    }
    connection._handlerPending = false;
    connection.answering = false;
    connection.clearTransaction();
  }

  #refuseFault(fault: DataFault | undefined): void {
    if (fault !== undefined) this.#refuse(MALFORMED[fault].text, MALFORMED[fault]);
  }

  #refuse(reason: string, answer: Answer): void {
    if (this.#refusal !== undefined) return;
    this.#connection.receiver = undefined;
    this.#refusal = this.#abort(reason, answer);
  }

  async #abort(reason: string, answer: Answer): Promise<Answer> {
    try {
      return (await this.#receiver.abort(reason, answer)) ?? answer;
    } catch (error) {
      this.#connection.fault(error);
      return answer;
    }
  }

  async #giveUp(): Promise<void> {
    const answer = await this.#refusal;
    if (answer !== undefined && !this.#connection._closing) replyToMessage(this.#connection, answer);
    this.#connection.close();
  }

  async #hold(wait: Promise<void>): Promise<void> {
    this.#connection._handlerPending = true;
    try {
      await wait;
    } catch (error) {
      this.#connection.fault(error);
      this.#refuse("internal error", { kind: "tempfail", enhanced: "4.3.0", text: "" });
    }
    this.#connection._handlerPending = false;
  }
}
