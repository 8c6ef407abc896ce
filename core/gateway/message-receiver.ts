/** Takes in the octets of a message, and starts the run when they are all there. */
import type { Content } from "../mail/mod.ts";
import { systemTrouble, tempfailed } from "./answers.ts";
import { runMessage } from "./message-run.ts";
import type { ContentWriter } from "./services.ts";
import type { Answer, ContentReceiver, MessageAnswer } from "./session.ts";
import type { Transaction } from "./transaction.ts";

/** The engine's receiver. */
export class MessageReceiver implements ContentReceiver {
  readonly #transaction: Transaction;
  readonly #writer: ContentWriter;
  readonly #leave: () => void;
  #fault: unknown;
  #over = false;

  constructor(transaction: Transaction) {
    this.#transaction = transaction;
    this.#leave = transaction.session.engine.enter();
    this.#writer = transaction.session.engine.services.contents.create();
  }

  write(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#fault !== undefined || this.#over) return undefined;
    try {
      return this.#writer.write(chunk)?.catch((error: unknown) => this.#failed(error));
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  async end(): Promise<MessageAnswer> {
    const transaction = this.#transaction;
    this.#over = true;
    try {
      if (this.#fault !== undefined) return this.#answerFault();
      let content: Content;
      try {
        content = await this.#writer.finish();
      } catch (error) {
        this.#failed(error);
        return this.#answerFault();
      }
      return await runMessage(transaction, content);
    } catch (error) {
      this.#failed(error);
      return this.#answerFault();
    } finally {
      await this.#finish();
    }
  }

  async abort(reason: string, answer?: Answer): Promise<Answer | undefined> {
    if (this.#over) return undefined;
    this.#over = true;
    const transaction = this.#transaction;
    transaction.note("contentRefused", reason);
    const told = answer && transaction.ref(answer);
    for (const recipient of transaction.recipients) {
      recipient.settled = { outcome: answer?.kind === "reject" ? "refused" : "deferred", reason };
    }
    transaction.end(answer ? (answer.kind === "reject" ? "refused" : "deferred") : "aborted", told);
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

  #answerFault(): MessageAnswer {
    const transaction = this.#transaction;
    const code = (this.#fault as { code?: unknown }).code;
    // RFC 3463 X.3.1: the mail system is full.
    const answer = transaction.ref(
      code === "ENOSPC" ? tempfailed("4.3.1", "Insufficient system storage", 452) : systemTrouble(),
    );
    transaction.note("fault", String(this.#fault).slice(0, 500));
    transaction.end("deferred", answer);
    return { answer, recipients: transaction.recipients.map(() => answer) };
  }
}
