/** Takes in the octets of a message, digests them where a plugin asked for it, and starts the run when all are there. */
import { outcomeOf, systemTrouble, tempfailed, tooLate } from "./answers.ts";
import { type Deadline, startDeadline } from "./deadline.ts";
import { runMessage } from "./message-run.ts";
import { BodyDigester } from "./received-digests.ts";
import type { ContentWriter } from "./services.ts";
import type { Answer, ContentReceiver, MessageAnswer } from "./session.ts";
import type { Transaction } from "./transaction.ts";

/** A message up to so long is not digested before it is known where it lies. */
const HELD_BYTES_MAX = 65_536;

/** The engine's receiver. */
export class MessageReceiver implements ContentReceiver {
  readonly #transaction: Transaction;
  readonly #writer: ContentWriter;
  /** The first octets while they are few; undefined when all goes to the digester, or nobody wants digests. */
  #held: Uint8Array[] | undefined;
  #heldBytes = 0;
  #digester: BodyDigester | undefined;
  readonly #leave: () => void;
  #fault: unknown;
  #over = false;

  constructor(transaction: Transaction) {
    const { engine } = transaction.session;
    this.#transaction = transaction;
    this.#writer = engine.services.contents.create();
    this.#held = engine.digests.length > 0 ? [] : undefined;
    this.#leave = engine.enter();
  }

  write(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#fault !== undefined || this.#over) return undefined;
    try {
      if (this.#digester) this.#digester.update(chunk);
      else if (this.#held) this.#hold(chunk, this.#held);
      return this.#writer.write(chunk)?.catch((error: unknown) => this.#failed(error));
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  #hold(chunk: Uint8Array, held: Uint8Array[]): void {
    // The octets need only hold until `write` returns.
    held.push(new Uint8Array(chunk));
    this.#heldBytes += chunk.length;
    if (this.#heldBytes > HELD_BYTES_MAX) this.#digest(held);
  }

  #digest(held: readonly Uint8Array[]): void {
    const { digests, services } = this.#transaction.session.engine;
    this.#digester = new BodyDigester(digests, services.crypto);
    this.#held = undefined;
    for (const chunk of held) this.#digester.update(chunk);
  }

  async end(): Promise<MessageAnswer> {
    const transaction = this.#transaction;
    if (this.#over) return this.#answerFault("the receiver was ended already");
    this.#over = true;
    const { clock } = transaction.session.engine.services;
    const deadline = startDeadline(clock, transaction.session.engine.config.deadlineMs);
    try {
      if (this.#fault !== undefined) return this.#answerFault(this.#fault);
      const content = await this.#writer.finish();
      transaction.session.dialogue?.content(content.size);
      const held = this.#held;
      this.#held = undefined;
      // What lies in memory is digested when somebody asks, and in the form that is asked for alone.
      if (held && !content.bytes) this.#digest(held);
      return await runMessage(transaction, { content, digests: this.#digester?.finish() }, deadline);
    } catch (error) {
      this.#failed(error);
      return this.#answerFault(error, deadline);
    } finally {
      deadline.end();
      await this.#finish();
    }
  }

  async abort(reason: string, answer?: Answer): Promise<Answer | undefined> {
    if (this.#over) return undefined;
    this.#over = true;
    const transaction = this.#transaction;
    transaction.note("contentRefused", reason);
    const told = answer && transaction.ref(answer);
    if (told) transaction.settleRest(told);
    else for (const recipient of transaction.recipients) recipient.settled = { outcome: "deferred", reason };
    transaction.end(told ? outcomeOf(told) : "aborted", told);
    await this.#finish();
    return told;
  }

  async #finish(): Promise<void> {
    try {
      await this.#writer.dispose();
    } catch (error) {
      this.#transaction.session.engine.services.log.warn("contentLeft", {
        ref: this.#transaction.id,
        cause: String(error),
      });
    }
    this.#leave();
  }

  #failed(error: unknown): void {
    this.#fault = error ?? new Error("unknown");
    this.#transaction.session.engine.services.log.error("contentFault", {
      ref: this.#transaction.id,
      cause: String(error),
    });
  }

  #answerFault(fault: unknown, deadline?: Deadline): MessageAnswer {
    const transaction = this.#transaction;
    const answer = transaction.ref(deadline?.signal.aborted ? tooLate() : answerOfFault(fault));
    transaction.note("fault", String(fault));
    transaction.settleRest(answer);
    transaction.end("deferred", answer);
    return { answer, recipients: transaction.toEachRcpt(answer) };
  }
}

/** RFC 3463 X.3.1: the mail system is full. */
const answerOfFault = (fault: unknown): Answer =>
  (fault as { code?: unknown } | undefined)?.code === "ENOSPC"
    ? tempfailed("3.1", "Insufficient system storage", 452)
    : systemTrouble();
