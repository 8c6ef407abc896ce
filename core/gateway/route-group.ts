/**
 * The envelope part of routing, asked at RCPT: who has no route at all is refused there, as is whom the route's next hop
 * says that it does not know, and a transaction keeps to one inline next hop (with `mx()`, to one domain), so that its
 * one answer can be that next hop's own.
 */
import { pathText, type Reply } from "../mail/mod.ts";
import { type EnvelopeRoute, readingContext, type Slot, type VerifyRecipients } from "../pipeline/mod.ts";
import { rejected, systemTrouble, tempfailed } from "./answers.ts";
import type { RecipientState } from "./recipient.ts";
import type { Verified } from "./recipient-verification.ts";
import { isPostmaster } from "./relay-policy.ts";
import type { Answer } from "./session.ts";
import type { Transaction } from "./transaction.ts";

/** The route group of one transaction. */
export class RouteGroup {
  readonly #transaction: Transaction;
  #group: string | undefined;

  constructor(transaction: Transaction) {
    this.#transaction = transaction;
  }

  /** Why this recipient can not be in the transaction, by what the envelope alone says; undefined when it can. */
  refusalOf(recipient: RecipientState): Answer | undefined | Promise<Answer | undefined> {
    if (recipient.verdict) return undefined;
    const { engine, answersEachRcpt } = this.#transaction.session;
    const slot = engine.envelopeRouter;
    // Under a condition it may not be the one that routes; then the stage `route` decides.
    if (!slot || slot.conditions.length > 0) return undefined;
    let route: EnvelopeRoute;
    try {
      route = this.#ask(slot, recipient);
    } catch (error) {
      return this.#faulty(slot, error);
    }
    if (route === "none") {
      this.#transaction.note("noRoute", pathText(recipient.forwardPath));
      return rejected("1.2", "No route to this recipient");
    }
    if (!route) return undefined;
    const mode = route.mode ?? engine.modeOf(route.nextHop);
    const { verifyRecipients } = route;
    // Where each RCPT has its own answer, each has its own next hop's.
    if (mode !== "inline" || answersEachRcpt || (engine.config.split === "spool" && engine.durableSpool)) {
      return verifyRecipients && this.#verify(route.nextHop, recipient, verifyRecipients, mode);
    }
    const group = engine.groupOf(route.nextHop, recipient.forwardPath);
    if (this.#group !== undefined && (this.#group !== group || engine.answersEach(route.nextHop))) {
      this.#transaction.note("otherRoute", `${pathText(recipient.forwardPath)}: ${group}`);
      // RFC 5321 4.5.3.1.10: the client sends the others in a transaction of their own.
      return tempfailed("5.3", "Send this recipient in a transaction of its own", 452);
    }
    if (!verifyRecipients) {
      this.#group = group;
      return undefined;
    }
    return this.#verify(route.nextHop, recipient, verifyRecipients, mode).then((refusal) => {
      // One who is refused sets no group for those after it.
      if (!refusal) this.#group = group;
      return refusal;
    });
  }

  /**
   * Asks the next hop whether it knows the recipient. It is asked last, for whom all else lets through: neither a
   * stranger who may not name the recipient nor one that plugins refuse makes us ask. Rejects on options that are none.
   */
  async #verify(
    nextHop: string,
    recipient: RecipientState,
    options: VerifyRecipients,
    mode: "inline" | "queue",
  ): Promise<Answer | undefined> {
    const transaction = this.#transaction;
    const { engine } = transaction.session;
    // RFC 5321 4.5.1: the postmaster is taken in any case.
    if (isPostmaster(recipient.original, engine.domains)) return undefined;
    const since = transaction.elapsed();
    const verified = await engine.verification.ask(nextHop, recipient.forwardPath, options);
    if (!verified) return undefined;
    const ms = Math.round((transaction.elapsed() - since) * 1000) / 1000;
    const about = `${pathText(recipient.forwardPath)} at ${nextHop}: ${wordsOf(verified)}`;
    const event = verified.status === "bad" ? "recipientUnknown" : "verifyRecipient";
    transaction.note(event, `${about}, ${verified.cached ? "cached" : `asked, ${ms} ms`}`);
    if (verified.status === "good") return undefined;
    if (verified.status === "bad") return unknownAt(verified.reply);
    // Inline the next hop decides before our 250 in any case; whose mail is queued would have to be told by a DSN.
    const chosen = options === true ? undefined : options.undecided;
    if ((chosen ?? (mode === "inline" ? "accept" : "tempfail")) === "accept") return undefined;
    return tempfailed("1.1", "The recipient can not be verified now, please try again later", 450);
  }

  #ask(slot: Slot, recipient: RecipientState): EnvelopeRoute {
    const transaction = this.#transaction;
    const subject = transaction.subject(
      { envelope: transaction.envelope, recipient },
      { facts: (fact) => transaction.factsOf(fact, recipient) },
    );
    return slot.definition.envelopeRoute?.(readingContext(slot, "rcpt", subject) as never);
  }

  #faulty(slot: Slot, error: unknown): Answer {
    const { log } = this.#transaction.session.engine.services;
    const cause = String(error).slice(0, 500);
    const plugin = slot.plugin.name;
    log.warn("pluginFault", { ref: this.#transaction.id, plugin, stage: "rcpt", cause });
    this.#transaction.note("pluginFault", `${plugin}: envelopeRoute: ${cause}`);
    return systemTrouble();
  }
}

function wordsOf({ status, reply, server, cause }: Verified): string {
  const said = reply ? ` ${reply.code} ${reply.enhanced} ${reply.text}` : "";
  return `${status}${said}${cause ? ` (${cause})` : ""}${server ? ` by ${server}` : ""}`;
}

/** The next hop's own words; a code of RCPT that limits count as an unknown recipient. */
function unknownAt(reply: Reply | undefined): Answer {
  if (!reply) return rejected("1.1", "No such recipient");
  return { kind: "reject", ...reply, code: reply.code >= 550 && reply.code <= 553 ? reply.code : 550 };
}
