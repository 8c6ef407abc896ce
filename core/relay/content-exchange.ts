/**
 * The content of one transaction and the answers to it: DATA (RFC 5321 4.1.1.4), BDAT (RFC 3030), and the answer of each
 * recipient in LMTP (RFC 2033 4.2). The envelope and the outcome are smtp-transaction.ts's, streams content-sender.ts's.
 */
import type { DeliveryResult, RecipientResult } from "../gateway/mod.ts";
import type { Reply } from "../mail/mod.ts";
import { NotSevenBit, sendChunks, sendStuffed } from "./content-sender.ts";
import { DotStuffer } from "./dot-stuffing.ts";
import type { NextHopConnection } from "./next-hop-connection.ts";
import { isAboutUs, ownReplies, relayReplies, resultOf, unreadable } from "./next-hop-reply.ts";
import type { TransactionJob } from "./smtp-transaction.ts";

/** The transaction that the content is of. */
export interface ExchangeOwner {
  readonly results: (RecipientResult | "accepted" | undefined)[];
  /** Whether it has ended, and nothing is to be sent any more. */
  isOver(): boolean;
  read(raw: string): Reply;
  /** @returns true, or why not: "" where the answer was no */
  proceeds(results: readonly (RecipientResult | "accepted")[]): true | string;
  /** The next hop refuses us. */
  aboutUs(reply: Reply): void;
  finish(
    ended: DeliveryResult["ended"],
    connection: "free" | "reset" | "over",
    cause?: string,
    rest?: { readonly reply: Reply; readonly stale?: boolean },
  ): void;
}

/** Content of at most this is sent in one piece where it lies in memory. */
const wholeMax = 65_536;

const outOfStep = "the next hop answers what was not asked yet";

/** See the head of the file. */
export class ContentExchange {
  readonly #connection: NextHopConnection;
  readonly #job: TransactionJob;
  readonly #owner: ExchangeOwner;
  /** DATA, or BDAT with the content, went out with MAIL and RCPT, before their answers. */
  ahead: "DATA" | "BDAT" | undefined;
  /** The end of the content is said: from here on a copy may be taken. */
  endSent = false;
  /** Set when nothing is to be sent and the answer to what went ahead is still out. */
  #stopped: { readonly cause: string | undefined } | undefined;
  /** LMTP: how many answers to the content are still out. */
  #unanswered = 0;

  constructor(connection: NextHopConnection, job: TransactionJob, owner: ExchangeOwner) {
    this.#connection = connection;
    this.#job = job;
    this.#owner = owner;
  }

  /** All that is accepted is to get the content, which did not go ahead whole. */
  begin(): void {
    if (this.ahead) return;
    if (!this.#chunking()) {
      this.#sayData();
      this.#connection.flush();
      return;
    }
    const bytes = this.#wholeBytes();
    if (bytes) this.#sayWhole(bytes);
    else void this.#sendStream();
  }

  /** Says DATA (RFC 2920 3.1), or sends BDAT and small content (RFC 3030 4.2); false: what is said is not sent yet. */
  goAhead(): boolean {
    if (!this.#chunking()) {
      this.ahead = "DATA";
      this.#sayData();
      return false;
    }
    const bytes = this.#wholeBytes();
    if (!bytes || this.#owner.proceeds(["accepted"]) !== true) return false;
    this.ahead = "BDAT";
    this.#sayWhole(bytes);
    return true;
  }

  /** The content, where it is small and in memory. */
  #wholeBytes(): Uint8Array | undefined {
    const { bytes } = this.#job.delivery.content;
    return bytes && bytes.length <= wholeMax ? bytes : undefined;
  }

  /** RFC 3030 leaves open how many replies a refused BDAT has in LMTP: there it is always DATA. */
  #chunking(): boolean {
    return this.#connection.offers("CHUNKING") && !this.#connection.lmtp;
  }

  #sayWhole(bytes: Uint8Array): void {
    const connection = this.#connection;
    this.endSent = true;
    connection.say(
      `BDAT ${bytes.length} LAST`,
      (raw) => this.#onFinal(this.#owner.read(raw)),
      connection.timeouts.finalMs,
    );
    connection.flush(bytes);
  }

  #sayData(): void {
    const connection = this.#connection;
    connection.say("DATA", (raw) => this.#onData(this.#owner.read(raw)), connection.timeouts.dataMs);
  }

  /** Nothing is to be sent. A server that took DATA all the same waits for content: it is left without (RFC 2920 3.1). */
  stopBefore(cause: string | undefined): void {
    if (!this.ahead) {
      this.#owner.finish("reply", "reset", cause, { reply: relayReplies.notSent });
      return;
    }
    this.#stopped = { cause };
  }

  #onStopped(reply: Reply): void {
    this.#owner.finish("reply", reply.code < 400 ? "over" : "reset", this.#stopped?.cause, {
      reply: relayReplies.notSent,
    });
  }

  #onData(reply: Reply): void {
    if (this.#owner.isOver()) return;
    if (this.#stopped) {
      this.#onStopped(reply);
      return;
    }
    if (reply.code === 354) {
      // What stands behind 354 would be taken for the answer to content that is not sent yet.
      if (this.#connection.hasMore) this.#owner.finish("reply", "over", outOfStep, { reply: unreadable });
      else this.#sendData();
      return;
    }
    if (isAboutUs(reply)) {
      this.#owner.aboutUs(reply);
      return;
    }
    // A positive answer to DATA that is not 354 leaves both sides in doubt: the connection is not used again.
    const doubtful = reply.code < 400;
    this.#owner.finish("reply", doubtful ? "over" : "reset", undefined, {
      reply: doubtful ? unreadable : reply,
    });
  }

  #sendData(): void {
    const connection = this.#connection;
    const { finalMs, blockMs } = connection.timeouts;
    const whole = this.#wholeBytes();
    const limitMs = whole ? finalMs : blockMs;
    if (connection.lmtp) {
      this.#owner.results.forEach((result, index) => {
        if (result !== "accepted") return;
        this.#unanswered++;
        connection.expect((raw) => this.#onFinalOf(index, this.#owner.read(raw)), limitMs);
      });
    } else connection.expect((raw) => this.#onFinal(this.#owner.read(raw)), limitMs);
    if (!whole) {
      void this.#sendStream();
      return;
    }
    const stuffer = new DotStuffer();
    const stuffed = stuffer.stuff(whole);
    this.endSent = true;
    // One write is worth more than the copy.
    connection.write(Buffer.concat([stuffed, stuffer.finish()]));
  }

  async #sendStream(): Promise<void> {
    const connection = this.#connection;
    const sevenBit = !connection.offers("8BITMIME");
    const job = { content: this.#job.delivery.content, sevenBit, isOver: () => this.#owner.isOver() };
    try {
      if (this.#chunking()) {
        await sendChunks(connection, job, {
          onChunk: (raw) => this.#onChunk(this.#owner.read(raw)),
          onLast: () => {
            this.endSent = true;
          },
          onFinal: (raw) => this.#onFinal(this.#owner.read(raw)),
        });
        return;
      }
      const end = await sendStuffed(connection, job);
      if (this.#owner.isOver()) return;
      this.endSent = true;
      connection.limit(connection.timeouts.finalMs);
      connection.send(end, () => {});
    } catch (error) {
      // Without its end the next hop must not take what it has (RFC 5321 4.1.1.4), so the connection is cut.
      const eightBit = error instanceof NotSevenBit;
      this.#owner.finish(
        "connection",
        "over",
        eightBit ? error.message : `the content can not be read: ${String(error)}`,
        {
          reply: eightBit ? relayReplies.noEightBit : relayReplies.noContent,
        },
      );
    }
  }

  /** RFC 3030 2: each chunk has its answer, and after a refused one nothing of the content is taken. */
  #onChunk(reply: Reply): void {
    if (this.#owner.isOver() || (reply.code >= 200 && reply.code < 300)) return;
    if (isAboutUs(reply)) this.#owner.aboutUs(reply);
    else this.#owner.finish("reply", "over", "the next hop refused a chunk", { reply });
  }

  /** The one answer to the content. */
  #onFinal(reply: Reply): void {
    if (this.#owner.isOver()) return;
    if (this.#stopped) {
      this.#onStopped(reply);
      return;
    }
    if (isAboutUs(reply)) {
      this.#owner.aboutUs(reply);
      return;
    }
    if (!this.endSent) {
      this.#onEarly(reply);
      return;
    }
    if (reply === unreadable) {
      // It may have been a yes.
      const cause = "the answer to the content can not be read, a copy may have been taken";
      this.#owner.finish("lost", "over", cause, { reply });
      return;
    }
    this.#owner.finish("reply", "free", undefined, { reply });
  }

  /** RFC 2033 4.2: one answer for each recipient that was taken, in the order of RCPT. */
  #onFinalOf(index: number, reply: Reply): void {
    if (this.#owner.isOver()) return;
    if (!this.endSent) {
      this.#onEarly(reply);
      return;
    }
    this.#unanswered--;
    const own = isAboutUs(reply) ? relayReplies.aboutUs : reply;
    this.#owner.results[index] = resultOf(own, this.#job.passReplyText || ownReplies.has(own));
    if (this.#unanswered === 0) this.#owner.finish("reply", "free");
  }

  /** An answer before the end of the content: a refusal counts, an acceptance of half a message does not. */
  #onEarly(reply: Reply): void {
    const early = reply.code < 400 ? unreadable : reply;
    this.#owner.finish("reply", "over", "the next hop answered before the end of the content", {
      reply: early,
    });
  }
}
