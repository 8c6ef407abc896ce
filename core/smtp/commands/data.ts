/**
 * DATA (RFC 5321 4.1.1.4): feeds the engine's receiver. Content with bare CR, bare LF or NUL, or over the size limit,
 * is read to its end without being kept, and refused then.
 */
import type { Answer, ContentReceiver } from "../../gateway/mod.ts";
import type { DataDecoder } from "../data-decoder.ts";
import type { GatewayConnection } from "../gateway-connection.ts";
import { type DataSink, GatewayStream } from "../gateway-stream.ts";
import { REPLIES, replyOf } from "../replies.ts";

const TOO_LARGE: Answer = { kind: "reject", code: 552, enhanced: "5.3.4", text: "Message too large" };
const MALFORMED = {
  bareCr: { kind: "reject", code: 550, enhanced: "5.6.0", text: "Bare CR in message" },
  bareLf: { kind: "reject", code: 550, enhanced: "5.6.0", text: "Bare LF in message" },
  nul: { kind: "reject", code: 550, enhanced: "5.6.0", text: "NUL in message" },
} as const satisfies { readonly [fault: string]: Answer };
const DRAIN_MIN = 1024 * 1024;
const MESSAGE_MS = 3_600_000;

/** Runs DATA: 354, the content, and the answer to it. @param command the line without its end */
export async function dataCommand(connection: GatewayConnection, command: Buffer): Promise<void> {
  if (command.toString("latin1").trim().length > 4) return connection.reply(REPLIES.badParameter);
  if (!connection.inTransaction) return connection.reply(REPLIES.needMail);
  if (connection.recipientsAccepted === 0) {
    return connection.reply(connection.recipientsTried === 0 ? REPLIES.needRcpt : REPLIES.noRecipients);
  }
  const parser = connection._parser;
  if (!(parser instanceof GatewayStream)) return;
  let receiver: ContentReceiver;
  try {
    receiver = connection.engine.receive();
  } catch (error) {
    connection.fault(error);
    connection.reply(REPLIES.internal);
    // The engine may have let go of the transaction; a second DATA must not find half of one.
    connection.engine.reset();
    return connection.clearTransaction();
  }
  connection.receiver = receiver;
  parser.beginData(new MessageSink(connection, receiver));
  connection.reply(REPLIES.startData);
}

class MessageSink implements DataSink {
  readonly #connection: GatewayConnection;
  readonly #receiver: ContentReceiver;
  readonly #overdueAt: number;
  #received = 0;
  /** Set once the message is refused; what comes then is thrown away. */
  #refusal: Promise<Answer> | undefined;

  constructor(connection: GatewayConnection, receiver: ContentReceiver) {
    this.#connection = connection;
    this.#receiver = receiver;
    this.#overdueAt = performance.now() + (connection.context.options.messageMs ?? MESSAGE_MS);
  }

  content(octets: Buffer, decoder: DataDecoder): Promise<void> | undefined {
    const max = this.#connection.context.config.limits.messageBytesMax;
    this.#received += octets.length;
    // The idle timer sees to a silent client; this to one that sends an octet now and then.
    if (performance.now() > this.#overdueAt) {
      this.#connection.reply(REPLIES.messageTooSlow);
      return undefined;
    }
    if (this.#received > max) this.#refuse("over the size limit", TOO_LARGE);
    this.#refuseFaults(decoder);
    if (this.#refusal !== undefined)
      return this.#received > max + Math.max(max, DRAIN_MIN) ? this.#giveUp() : undefined;
    try {
      const wait = this.#receiver.write(octets);
      return wait === undefined ? undefined : this.#hold(wait);
    } catch (error) {
      this.#connection.fault(error);
      this.#refuse("internal error", { kind: "tempfail", enhanced: "4.3.0", text: "" });
      return undefined;
    }
  }

  async end(decoder: DataDecoder): Promise<void> {
    const connection = this.#connection;
    // The client was told 421 or went away while the last octets were held: the message is not taken behind its back.
    if (connection._closing || connection._closed) return;
    // The idle timer must not end a session that waits for us.
    connection._handlerPending = true;
    connection.answering = true;
    this.#refuseFaults(decoder);
    connection.receiver = undefined;
    try {
      const answer = this.#refusal === undefined ? (await this.#receiver.end()).answer : await this.#refusal;
      connection.reply(replyOf("data", answer));
    } catch (error) {
      connection.fault(error);
      connection.reply(REPLIES.internal);
    }
    connection._handlerPending = false;
    connection.answering = false;
    connection.clearTransaction();
  }

  #refuseFaults(decoder: DataDecoder): void {
    if (decoder.fault !== undefined) this.#refuse(MALFORMED[decoder.fault].text, MALFORMED[decoder.fault]);
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
    if (answer !== undefined && !this.#connection._closing) this.#connection.reply(replyOf("data", answer));
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
