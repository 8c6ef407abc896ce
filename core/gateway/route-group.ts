/**
 * The envelope part of routing, asked at RCPT: who has no route at all is refused there, and a transaction keeps to one
 * inline next hop, so that its one answer can be that next hop's own.
 */
import { type EnvelopeRoute, readingContext, type Slot } from "../pipeline/mod.ts";
import { rejected, systemTrouble, tempfailed } from "./answers.ts";
import type { RecipientState } from "./recipient.ts";
import type { Answer } from "./session.ts";
import type { Transaction } from "./transaction.ts";

/** The route group of one transaction. */
export class RouteGroup {
  readonly #transaction: Transaction;
  #nextHop: string | undefined;

  constructor(transaction: Transaction) {
    this.#transaction = transaction;
  }

  /** Why this recipient can not be in the transaction, by what the envelope alone says; undefined when it can. */
  refusalOf(recipient: RecipientState): Answer | undefined {
    if (recipient.verdict) return undefined;
    const { engine } = this.#transaction.session;
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
      this.#transaction.note("noRoute", recipient.forwardPath.text);
      return rejected("1.2", "No route to this recipient");
    }
    if (!route) return undefined;
    const mode = route.mode ?? engine.modeOf(route.nextHop);
    if (mode !== "inline" || (engine.config.split === "spool" && engine.durableSpool)) return undefined;
    if (
      this.#nextHop !== undefined &&
      (this.#nextHop !== route.nextHop || engine.answersEach(route.nextHop))
    ) {
      this.#transaction.note("otherRoute", `${recipient.forwardPath.text}: ${route.nextHop}`);
      // RFC 5321 4.5.3.1.10: the client sends the others in a transaction of their own.
      return tempfailed("5.3", "Send this recipient in a transaction of its own", 452);
    }
    this.#nextHop = route.nextHop;
    return undefined;
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
