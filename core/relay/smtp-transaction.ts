/**
 * One mail transaction as a client (RFC 5321 3.3) by SMTP or LMTP (RFC 2033), in two steps: MAIL and all RCPT,
 * pipelined where offered (RFC 2920), then the content only when the caller wants it on seeing the RCPT replies.
 * Parameters are envelope-commands.ts's, the content content-exchange.ts's. Opens and keeps no connections.
 */
import type { DeliverOptions, Delivery, DeliveryResult, RecipientResult } from "../gateway/mod.ts";
import type { Reply } from "../mail/mod.ts";
import { ContentExchange, type ExchangeOwner } from "./content-exchange.ts";
import type { ContentNeeds } from "./content-needs.ts";
import { mailCommand, rcptCommand, refusalBeforehand } from "./envelope-commands.ts";
import type { NextHopConnection } from "./next-hop-connection.ts";
import { isAboutUs, ownReplies, readReply, relayReplies, resultOf, unreadable } from "./next-hop-reply.ts";

/** How a transaction ended, and what can be done with its connection. */
export interface TransactionOutcome {
  readonly result: DeliveryResult;
  /** The connection was gone before MAIL was answered: nothing was sent, another may be tried. */
  readonly stale: boolean;
  /** The server put off all recipients and took no content: another server may be asked (RFC 5321 5.1). */
  readonly putOff: boolean;
  /** `free` at once, `reset` after RSET, `over` when it must not be used again. */
  readonly connection: "free" | "reset" | "over";
}

/** What a transaction is to carry, and how. */
export interface TransactionJob {
  readonly delivery: Delivery;
  readonly needs: ContentNeeds;
  readonly options: DeliverOptions;
  readonly passReplyText: boolean;
}

/** Runs a transaction on an idle connection. Never rejects. */
export function runTransaction(
  connection: NextHopConnection,
  job: TransactionJob,
): Promise<TransactionOutcome> {
  return new Promise((resolve) => {
    new Transaction(connection, job, resolve).start();
  });
}

class Transaction implements ExchangeOwner {
  readonly #connection: NextHopConnection;
  readonly #job: TransactionJob;
  readonly #resolve: (outcome: TransactionOutcome) => void;
  readonly results: (RecipientResult | "accepted" | undefined)[];
  readonly #content: ContentExchange;
  /** Indexes of the recipients that RCPT is said for. */
  readonly #asked: number[] = [];
  readonly #onAbort = () => this.#stop("the deadline is over");
  // V8 gives a function that is assigned to a property where it is written the memory of what lasts: it would hold the
  // message, and what that holds, until the next full collection.
  readonly #onBroken = () => this.#broken();
  #answered = 0;
  #sentRcpt = 0;
  #mailAnswered = false;
  #mailRefusal: Reply | undefined;
  /** The server said 421, or what can not be read: its connection is not used again. */
  #closing = false;
  #done = false;

  constructor(
    connection: NextHopConnection,
    job: TransactionJob,
    resolve: (outcome: TransactionOutcome) => void,
  ) {
    this.#connection = connection;
    this.#job = job;
    this.#resolve = resolve;
    this.results = job.delivery.recipients.map(() => undefined);
    this.#content = new ContentExchange(connection, job, this);
  }

  start(): void {
    const connection = this.#connection;
    const { delivery, needs, options } = this.#job;
    const refusals = refusalBeforehand(connection, delivery, needs);
    for (let index = 0; index < this.results.length; index++) {
      const refusal = refusals?.[index];
      if (refusal) this.results[index] = { status: "rejected", reply: refusal };
      else this.#asked.push(index);
    }
    if (this.#asked.length === 0) {
      this.finish("reply", "free");
      return;
    }
    if (!connection.socket) {
      this.#broken();
      return;
    }
    connection.onBroken = this.#onBroken;
    options.signal.addEventListener("abort", this.#onAbort);
    if (options.signal.aborted) {
      this.#onAbort();
      return;
    }
    connection.say(mailCommand(connection, delivery, needs), (raw) =>
      this.#onMail(this.#readEnvelope(raw), raw),
    );
    if (connection.offers("PIPELINING")) {
      while (this.#sentRcpt < this.#asked.length) this.#sayRcpt();
      // With one recipient there is nothing to decide on seeing the replies: the server takes it and the content, or
      // refuses it and has no valid recipient for the content.
      if (this.results.length === 1 && this.#content.goAhead()) return;
    }
    connection.flush();
  }

  #sayRcpt(): void {
    const connection = this.#connection;
    const index = this.#asked[this.#sentRcpt++]!;
    const command = rcptCommand(connection, this.#job.delivery.recipients[index]!);
    connection.say(
      command,
      (raw) => this.#onRcpt(index, this.#readEnvelope(raw)),
      connection.timeouts.rcptMs,
    );
  }

  /** The answer to MAIL and RCPT; a 3xx, which is DATA's, is out of step. */
  #readEnvelope(raw: string): Reply {
    const reply = this.read(raw);
    if (reply.code < 400 && reply.code >= 300) this.#closing = true;
    return reply;
  }

  read(raw: string): Reply {
    const reply = readReply(raw);
    if (reply === unreadable || raw.startsWith("421")) this.#closing = true;
    return reply;
  }

  isOver(): boolean {
    return this.#done;
  }

  #onMail(reply: Reply, raw: string): void {
    if (this.#done) return;
    // A server that ends an idle connection may say so just as MAIL comes: nothing of ours was taken.
    if (raw.startsWith("421")) {
      this.finish("reply", "over", undefined, { reply, stale: true });
      return;
    }
    this.#mailAnswered = true;
    if (isAboutUs(reply)) {
      this.aboutUs(reply);
      return;
    }
    if (reply.code >= 200 && reply.code < 300) {
      if (this.#sentRcpt === 0) {
        this.#sayRcpt();
        this.#connection.flush();
      }
      return;
    }
    this.#mailRefusal = reply;
    if (this.#sentRcpt === 0) this.finish("reply", "reset", undefined, { reply });
  }

  #onRcpt(index: number, reply: Reply): void {
    if (this.#done) return;
    if (!this.#mailRefusal && isAboutUs(reply)) {
      this.aboutUs(reply);
      return;
    }
    // RFC 5321 4.5.3.1.10: some servers say 552 for too many recipients, which is none of the recipient's.
    const tooMany = reply.code === 552 && index > 0 && /^5\.(?:0\.0|5\.3)$/.test(reply.enhanced);
    const answer = tooMany ? { ...reply, code: 452, enhanced: "4.5.3" } : reply;
    const result = resultOf(this.#mailRefusal ?? answer, this.#job.passReplyText);
    this.results[index] = result.status === "delivered" ? "accepted" : result;
    if (this.#closing) {
      this.finish("reply", "over", undefined, { reply: this.#mailRefusal ?? reply });
      return;
    }
    if (++this.#answered < this.#asked.length) {
      if (this.#sentRcpt < this.#asked.length && this.#sentRcpt === this.#answered) {
        this.#sayRcpt();
        this.#connection.flush();
      }
      return;
    }
    this.#onAllAnswered();
  }

  #onAllAnswered(): void {
    const content = this.#content;
    if (!this.results.includes("accepted")) {
      content.stopBefore(undefined);
      return;
    }
    // What went with BDAT was asked for before.
    if (content.ahead === "BDAT") return;
    const proceeds = this.proceeds(this.results as (RecipientResult | "accepted")[]);
    if (proceeds === true) content.begin();
    else content.stopBefore(proceeds || undefined);
  }

  /** @returns true, or why not: "" where the answer was no */
  proceeds(results: readonly (RecipientResult | "accepted")[]): true | string {
    try {
      return this.#job.options.proceed(results) || "";
    } catch (error) {
      return String(error);
    }
  }

  aboutUs(reply: Reply): void {
    const cause = `it refuses us: ${reply.code} ${reply.enhanced} ${reply.text}`;
    this.finish("us", "over", cause, { reply: relayReplies.aboutUs });
  }

  #broken(): void {
    const fault = this.#connection.fault?.message ?? "the next hop closed the connection";
    this.#stop(fault);
  }

  #stop(why: string): void {
    // Whom every answer refused is decided about: nothing of theirs is taken.
    if (this.#answered > 0 && this.#answered === this.#asked.length && !this.results.includes("accepted")) {
      this.finish("reply", "over", why);
      return;
    }
    if (this.#content.endSent) {
      const cause = `${why}; no answer after the end of the content, a copy may have been taken`;
      // With BDAT ahead, a kept connection that was closed before it read a word looks like this too. To try again at
      // once doubles no more than our client's own try would.
      this.finish("lost", "over", cause, { reply: relayReplies.lost, stale: !this.#mailAnswered });
      return;
    }
    this.finish("connection", "over", why, {
      reply: this.#mailAnswered ? relayReplies.lost : relayReplies.unreachable,
      stale: !this.#mailAnswered,
    });
  }

  /** Settles; recipients without a negative answer get `rest.reply`. */
  finish(
    ended: DeliveryResult["ended"],
    connection: TransactionOutcome["connection"],
    cause?: string,
    rest?: { readonly reply: Reply; readonly stale?: boolean },
  ): void {
    if (this.#done) return;
    this.#done = true;
    this.#job.options.signal.removeEventListener("abort", this.#onAbort);
    this.#connection.onBroken = undefined;
    this.#connection.transactions++;
    const given = rest?.reply ?? relayReplies.lost;
    // Only the answer to the whole content delivers; any other that is positive decides nothing.
    const earned = ended === "reply" && connection === "free" && this.#content.endSent;
    const reply = given.code < 400 && !earned ? unreadable : given;
    const filler: RecipientResult =
      reply === relayReplies.notSent
        ? { status: "aside", reply }
        : resultOf(reply, this.#job.passReplyText || ownReplies.has(reply));
    const recipients = this.results.map((result) =>
      result === undefined || result === "accepted" ? filler : result,
    );
    // Octets that nothing asked for would be read as answers to the next transaction.
    const over = connection === "over" || this.#closing || this.#connection.hasMore;
    if (over) this.#connection.cut();
    this.#resolve({
      result: {
        recipients,
        ended,
        server: this.#connection.server,
        ...(cause === undefined ? {} : { cause }),
      },
      stale: rest?.stale ?? false,
      putOff: !earned && this.#isPutOff(ended, connection, recipients),
      connection: over ? "over" : connection,
    });
  }

  #isPutOff(
    ended: DeliveryResult["ended"],
    connection: TransactionOutcome["connection"],
    recipients: readonly RecipientResult[],
  ): boolean {
    if (ended !== "reply" && ended !== "connection") return false;
    // Of content that went ahead it must be heard that nobody has it.
    if (this.#content.endSent && connection !== "reset") return false;
    if (this.results.includes("accepted")) return false;
    return recipients.every(({ status }) => status === "tempfailed");
  }
}
