/**
 * One mail transaction as a client (RFC 5321 3.3), in two steps: MAIL and all RCPT, pipelined where offered
 * (RFC 2920), then DATA only when the caller wants it on seeing the RCPT replies. DSN parameters by RFC 3461 4, SIZE by
 * RFC 1870, BODY by RFC 6152, SMTPUTF8 by RFC 6531, REQUIRETLS by RFC 8689. Opens and keeps no connections.
 */
import type { DeliverOptions, Delivery, DeliveryResult, RecipientResult } from "../gateway/mod.ts";
import type { Reply } from "../mail/mod.ts";
import { DotStuffer } from "./dot-stuffing.ts";
import { mailCommand, rcptCommand, refusalBeforehand } from "./envelope-commands.ts";
import type { NextHopConnection } from "./next-hop-connection.ts";
import { isAboutUs, readReply, relayReplies, resultOf } from "./next-hop-reply.ts";

/** How a transaction ended, and what can be done with its connection. */
export interface TransactionOutcome {
  readonly result: DeliveryResult;
  /** The connection was gone before MAIL was answered: nothing was sent, another may be tried. */
  readonly stale: boolean;
  /** `free` at once, `reset` after RSET, `over` when it must not be used again. */
  readonly connection: "free" | "reset" | "over";
}

/** Content of at most this is sent in one piece where it lies in memory. */
const wholeMax = 65_536;

/** Our own words are not the next hop's: they are never hidden. */
const ownReplies = new Set<Reply>(Object.values(relayReplies));

/** Runs a transaction on an idle connection. Never rejects. */
export function runTransaction(
  connection: NextHopConnection,
  delivery: Delivery,
  options: DeliverOptions,
  passReplyText: boolean,
): Promise<TransactionOutcome> {
  return new Promise((resolve) => {
    new Transaction(connection, delivery, options, passReplyText, resolve).start();
  });
}

class Transaction {
  readonly #connection: NextHopConnection;
  readonly #delivery: Delivery;
  readonly #options: DeliverOptions;
  readonly #passReplyText: boolean;
  readonly #resolve: (outcome: TransactionOutcome) => void;
  readonly #results: (RecipientResult | "accepted" | undefined)[];
  /** Indexes of the recipients that RCPT is said for. */
  readonly #asked: number[] = [];
  readonly #onAbort = () => this.#abort();
  #answered = 0;
  #sentRcpt = 0;
  /** DATA went out with MAIL and RCPT, before their answers. */
  #dataAhead = false;
  #mailAnswered = false;
  #mailRefusal: Reply | undefined;
  /** Set when nothing is to be sent and the answer to DATA is still out. */
  #stopped: { readonly cause: string | undefined } | undefined;
  #dotSent = false;
  #done = false;
  #wake: (() => void) | undefined;

  constructor(
    connection: NextHopConnection,
    delivery: Delivery,
    options: DeliverOptions,
    passReplyText: boolean,
    resolve: (outcome: TransactionOutcome) => void,
  ) {
    this.#connection = connection;
    this.#delivery = delivery;
    this.#options = options;
    this.#passReplyText = passReplyText;
    this.#resolve = resolve;
    this.#results = delivery.recipients.map(() => undefined);
  }

  start(): void {
    const connection = this.#connection;
    const refusals = refusalBeforehand(connection, this.#delivery);
    for (let index = 0; index < this.#results.length; index++) {
      const refusal = refusals?.[index];
      if (refusal) this.#results[index] = { status: "rejected", reply: refusal };
      else this.#asked.push(index);
    }
    if (this.#asked.length === 0) {
      this.#finish("reply", "free");
      return;
    }
    const socket = connection.socket;
    if (!socket) {
      this.#broken();
      return;
    }
    connection.onBroken = () => this.#broken();
    this.#options.signal.addEventListener("abort", this.#onAbort);
    if (this.#options.signal.aborted) {
      this.#abort();
      return;
    }
    connection.say(mailCommand(connection, this.#delivery), (raw) => this.#onMail(readReply(raw), raw));
    if (connection.offers("PIPELINING")) {
      while (this.#sentRcpt < this.#asked.length) this.#sayRcpt();
      // RFC 2920 3.1: DATA may end a group. With one recipient there is nothing to decide on seeing the replies: the
      // server takes it and says 354, or refuses it and has no valid recipient for DATA.
      this.#dataAhead = this.#results.length === 1;
      if (this.#dataAhead) this.#sayData();
    }
    connection.flush();
  }

  #sayData(): void {
    this.#connection.say("DATA", (raw) => this.#onData(readReply(raw), raw));
  }

  #sayRcpt(): void {
    const index = this.#asked[this.#sentRcpt++]!;
    const command = rcptCommand(this.#connection, this.#delivery.recipients[index]!);
    this.#connection.say(command, (raw) => this.#onRcpt(index, readReply(raw), raw));
  }

  #onMail(reply: Reply, raw: string): void {
    if (this.#done) return;
    const closing = raw.startsWith("421");
    // A server that ends an idle connection may say so just as MAIL comes: nothing of ours was taken.
    if (closing) {
      this.#finish("reply", "over", undefined, { reply, stale: true });
      return;
    }
    this.#mailAnswered = true;
    if (isAboutUs(reply)) {
      this.#aboutUs(reply);
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
    if (this.#sentRcpt === 0) this.#finish("reply", "reset", undefined, { reply });
  }

  #onRcpt(index: number, reply: Reply, raw: string): void {
    if (this.#done) return;
    if (!this.#mailRefusal && isAboutUs(reply)) {
      this.#aboutUs(reply);
      return;
    }
    const result = resultOf(this.#mailRefusal ?? reply, this.#passReplyText);
    this.#results[index] = result.status === "delivered" ? "accepted" : result;
    if (raw.startsWith("421")) {
      this.#finish("reply", "over", undefined, { reply });
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
    if (!this.#results.includes("accepted")) {
      this.#stopBefore(undefined);
      return;
    }
    let proceed: boolean;
    try {
      proceed = this.#options.proceed(this.#results as (RecipientResult | "accepted")[]);
    } catch (error) {
      this.#stopBefore(String(error));
      return;
    }
    if (!proceed) {
      this.#stopBefore(undefined);
      return;
    }
    if (this.#dataAhead) return;
    this.#sayData();
    this.#connection.flush();
  }

  /** Nothing is to be sent. A server that took DATA all the same waits for content: it is left without (RFC 2920 3.1). */
  #stopBefore(cause: string | undefined): void {
    if (!this.#dataAhead) {
      this.#finish("reply", "reset", cause, { reply: relayReplies.notSent });
      return;
    }
    this.#stopped = { cause };
  }

  #onData(reply: Reply, raw: string): void {
    if (this.#done) return;
    if (this.#stopped) {
      const over = reply.code < 400 || raw.startsWith("421");
      this.#finish("reply", over ? "over" : "reset", this.#stopped.cause, { reply: relayReplies.notSent });
      return;
    }
    if (reply.code === 354) {
      this.#connection.expect((last) => this.#onFinal(readReply(last), last));
      void this.#sendContent();
      return;
    }
    if (isAboutUs(reply)) {
      this.#aboutUs(reply);
      return;
    }
    // A positive answer to DATA that is not 354 leaves both sides in doubt: the connection is not used again.
    const doubtful = reply.code < 400;
    const over = doubtful || raw.startsWith("421");
    this.#finish("reply", over ? "over" : "reset", undefined, { reply: doubtful ? readReply("") : reply });
  }

  async #sendContent(): Promise<void> {
    const { content } = this.#delivery;
    const socket = this.#connection.socket;
    if (!socket) {
      this.#broken();
      return;
    }
    const stuffer = new DotStuffer();
    if (content.bytes && content.size <= wholeMax) {
      const stuffed = stuffer.stuff(content.bytes);
      this.#dotSent = true;
      // One write is worth more than the copy.
      socket.write(Buffer.concat([stuffed, stuffer.finish()]));
      return;
    }
    try {
      let octets = 0;
      for await (const chunk of content.read()) {
        if (this.#done) return;
        octets += chunk.length;
        if (!socket.write(stuffer.stuff(chunk)) && !this.#done) {
          const { promise, resolve } = Promise.withResolvers<void>();
          this.#wake = resolve;
          socket.once("drain", resolve);
          await promise;
        }
      }
      if (octets !== content.size) throw new Error(`it has ${octets} octets and announces ${content.size}`);
    } catch (error) {
      // Without the dot the next hop must not take what it has (RFC 5321 4.1.1.4), so the connection is cut.
      this.#finish("connection", "over", `the content can not be read: ${String(error)}`, {
        reply: relayReplies.noContent,
      });
      return;
    }
    if (this.#done) return;
    this.#dotSent = true;
    socket.write(stuffer.finish());
  }

  #onFinal(reply: Reply, raw: string): void {
    if (this.#done) return;
    if (isAboutUs(reply)) {
      this.#aboutUs(reply);
      return;
    }
    if (!this.#dotSent) {
      // An answer before the end of data: a refusal counts, an acceptance of half a message does not.
      const early = reply.code < 400 ? readReply("") : reply;
      this.#finish("reply", "over", "the next hop answered before the end of the content", { reply: early });
      return;
    }
    const over = raw.startsWith("421") || reply.code < 200 || reply.enhanced === "4.5.0";
    this.#finish("reply", over ? "over" : "free", undefined, { reply });
  }

  #aboutUs(reply: Reply): void {
    const cause = `it refuses us: ${reply.code} ${reply.enhanced} ${reply.text}`;
    this.#finish("us", "over", cause, { reply: relayReplies.aboutUs });
  }

  #abort(): void {
    this.#stop("the deadline is over");
  }

  #broken(): void {
    const fault = this.#connection.fault?.message ?? "the next hop closed the connection";
    this.#stop(fault);
  }

  #stop(why: string): void {
    if (this.#dotSent) {
      const cause = `${why}; no answer after the end of the content, a copy may have been taken`;
      this.#finish("lost", "over", cause, { reply: relayReplies.lost });
      return;
    }
    this.#finish("connection", "over", why, {
      reply: this.#mailAnswered ? relayReplies.lost : relayReplies.unreachable,
      stale: !this.#mailAnswered,
    });
  }

  /** Settles; recipients without a negative answer get `rest.reply`. */
  #finish(
    ended: DeliveryResult["ended"],
    connection: TransactionOutcome["connection"],
    cause?: string,
    rest?: { readonly reply: Reply; readonly stale?: boolean },
  ): void {
    if (this.#done) return;
    this.#done = true;
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    this.#connection.onBroken = undefined;
    this.#connection.transactions++;
    this.#wake?.();
    const reply = rest?.reply ?? relayReplies.lost;
    const filler: RecipientResult =
      reply === relayReplies.notSent
        ? { status: "aside", reply }
        : resultOf(reply, this.#passReplyText || ownReplies.has(reply));
    const recipients = this.#results.map((result) =>
      result === undefined || result === "accepted" ? filler : result,
    );
    if (connection === "over") this.#connection.cut();
    this.#resolve({
      result: {
        recipients,
        ended,
        server: this.#connection.server,
        ...(cause === undefined ? {} : { cause }),
      },
      stale: rest?.stale ?? false,
      connection,
    });
  }
}
