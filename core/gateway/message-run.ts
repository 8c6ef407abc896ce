/** What happens after the final dot, under one deadline: data, route, fold, delivery, relay, and the one answer. */
import { type Content, Message } from "../mail/mod.ts";
import { type DeliveryView, failedCondition, runHook, type Tempfail } from "../pipeline/mod.ts";
import { accepted, answerOf, rejected, systemTrouble, tempfailed } from "./answers.ts";
import { type PlannedDelivery, planDeliveries } from "./delivery-plan.ts";
import { fold } from "./fold.ts";
import { judgeData, judgeRoutes } from "./judge.ts";
import type { RecipientResult } from "./next-hop-driver.ts";
import { bodyDigests, originalMessage } from "./original-message.ts";
import { receivedField, withPrefix } from "./received-field.ts";
import type { RecipientState } from "./recipient.ts";
import type { Answer, MessageAnswer } from "./session.ts";
import { spoolMessage } from "./spool-message.ts";
import { CODES, type Transaction } from "./transaction.ts";

/** More Received fields than this are a loop (RFC 5321 6.3 asks for at least 100). */
const RECEIVED_FIELDS_MAX = 100;

/** Runs a received message to its answer. */
export async function runMessage(transaction: Transaction, content: Content): Promise<MessageAnswer> {
  const { engine } = transaction.session;
  const { clock, crypto } = engine.services;
  const deadline = new AbortController();
  const cancel = new AbortController();
  clock.sleep(engine.config.deadlineMs, cancel.signal).then(
    () => deadline.abort(new Error("the deadline of the transaction is over")),
    () => {},
  );
  try {
    const message = await Message.load(content);
    const original = originalMessage(await Message.load(content), crypto);
    const run = new MessageRun(transaction, content, deadline.signal);
    if (message.header.all("received").length > RECEIVED_FIELDS_MAX) {
      return run.answerAll(rejected("5.4.6", "Routing loop detected", 554), message);
    }
    const judged = await judgeData(transaction, message, original, deadline.signal);
    await judgeRoutes(transaction, judged, original, deadline.signal);
    return await run.conclude(judged, original);
  } finally {
    cancel.abort();
  }
}

class MessageRun {
  readonly #transaction: Transaction;
  readonly #content: Content;
  readonly #signal: AbortSignal;

  constructor(transaction: Transaction, content: Content, signal: AbortSignal) {
    this.#transaction = transaction;
    this.#content = content;
    this.#signal = signal;
  }

  async conclude(message: Message, original: ReturnType<typeof originalMessage>): Promise<MessageAnswer> {
    const transaction = this.#transaction;
    const { engine } = transaction.session;
    const { config } = engine;
    const folded = fold(transaction.recipients, {
      onMixedVerdict: config.onMixedVerdict,
      onMixedTempfail: config.onMixedTempfail,
      durableSpool: engine.durableSpool,
    });
    if (folded.kind === "answer") {
      transaction.note("fold", folded.why);
      return this.answerAll(folded.answer, message);
    }
    const going = transaction.recipients.filter((recipient) => !recipient.expanded);
    const held = [
      ...folded.held,
      ...going.filter((recipient) => recipient.verdict?.verdict === "quarantine"),
    ];
    const plans = planDeliveries(
      going.filter((recipient) => !recipient.verdict),
      { reversePath: transaction.envelope.reversePath, message },
      (nextHop) => engine.modeOf(nextHop),
    );
    const inline = plans.length === 1 && plans[0]!.mode === "inline" && folded.deferred.length === 0;
    if (held.length > 0 || folded.deferred.length > 0 || (plans.length > 0 && !inline)) {
      if (!engine.durableSpool) {
        engine.services.log.error("spoolNeeded", {
          ref: transaction.id,
          deliveries: plans.length,
          held: held.length,
        });
        transaction.note("fold", "several deliveries, or recipients to hold or queue, need a durable spool");
        return this.answerAll(tempfailed("4.3.5", "This message can not be split here"), message);
      }
    }
    if (inline && held.length === 0) return this.#deliverInline(plans[0]!, message, original);
    if (plans.length === 0 && held.length === 0) return this.#settleDiscarded(message);
    await spoolMessage(
      transaction,
      withPrefix(this.#received(), this.#content),
      message,
      plans,
      held,
      folded.deferred,
    );
    return this.#accept(message, "Message queued");
  }

  /** Nothing is delivered and every recipient gets the same answer. */
  answerAll(answer: Answer, message: Message): MessageAnswer {
    const transaction = this.#transaction;
    const told = transaction.ref(answer);
    const reply = { code: told.code ?? CODES[told.kind], enhanced: told.enhanced, text: told.text };
    for (const recipient of transaction.recipients) {
      recipient.settled ??= { outcome: told.kind === "reject" ? "refused" : "deferred", reply };
    }
    return this.#end(told.kind === "reject" ? "refused" : "deferred", told, message);
  }

  async #deliverInline(
    plan: PlannedDelivery,
    message: Message,
    original: ReturnType<typeof originalMessage>,
  ): Promise<MessageAnswer> {
    const transaction = this.#transaction;
    const { engine } = transaction.session;
    const leaving = await this.#deliveryHooks(plan, original);
    if ("verdict" in leaving) return this.answerAll(answerOf(leaving), message);
    const driver = engine.services.nextHops.get(plan.nextHop);
    if (!driver || this.#signal.aborted) return this.answerAll(systemTrouble(), message);
    const received = this.#received(plan.recipients.length === 1 ? plan.recipients[0] : undefined);
    const { requireTls, ...parameters } = transaction.envelope.parameters;
    const result = await driver.deliver(
      {
        id: transaction.id,
        number: 1,
        origin: transaction.session.start.origin,
        nextHop: plan.nextHop,
        reversePath: plan.reversePath,
        parameters: { ...parameters, ...(requireTls || plan.requireTls ? { requireTls: true } : {}) },
        recipients: plan.recipients.map(({ forwardPath, parameters }) => ({ forwardPath, parameters })),
        content: withPrefix(received, leaving.content),
        client: transaction.session.client,
        ehlo: transaction.session.ehloName ?? "",
      },
      {
        signal: this.#signal,
        // Refused copies can not be kept without a spool, so that one refusal refuses all before anything is sent.
        proceed: (results) => results.every((each) => each === "accepted"),
      },
    );
    transaction.note(
      "delivery",
      `${driver.description}${result.server ? ` at ${result.server}` : ""}: ${result.ended}${result.cause ? `, ${result.cause}` : ""}`.slice(
        0,
        500,
      ),
    );
    if (result.ended === "us" || result.ended === "connection") {
      engine.services.log.warn(result.ended === "us" ? "nextHopRefusesUs" : "nextHopDown", {
        ref: transaction.id,
        nextHop: plan.nextHop,
        cause: result.cause,
      });
    }
    return this.#settle(plan, result.recipients, leaving);
  }

  #settle(plan: PlannedDelivery, results: readonly RecipientResult[], message: Message): MessageAnswer {
    const failed = results.filter((result) => result.status !== "delivered");
    if (results.length === plan.recipients.length && failed.length === 0) {
      plan.recipients.forEach((recipient, i) => {
        recipient.settled = { outcome: "delivered", reply: results[i]!.reply };
      });
      return this.#accept(message, "Message accepted");
    }
    // A 4xx outweighs a refusal: the client tries again. Those put aside follow the one that decided.
    const delivered = results.some((result) => result.status === "delivered");
    const decisive =
      failed.find(({ status }) => status === "tempfailed") ??
      (delivered ? undefined : failed.find(({ status }) => status === "rejected"));
    plan.recipients.forEach((recipient, i) => {
      const own = results[i];
      if (!own) return;
      const outcome =
        own.status === "delivered" ? "delivered" : own.status === "rejected" ? "refused" : "deferred";
      recipient.settled = { outcome, reply: own.reply };
    });
    if (!decisive) return this.answerAll(systemTrouble(), message);
    const { code, enhanced, text } = decisive.reply;
    return this.answerAll({ kind: code >= 500 ? "reject" : "tempfail", code, enhanced, text }, message);
  }

  /** Runs the `delivery` hooks on the form that leaves, or gives the verdict that puts it off. */
  async #deliveryHooks(
    plan: PlannedDelivery,
    original: ReturnType<typeof originalMessage>,
  ): Promise<Message | Tempfail> {
    const transaction = this.#transaction;
    const { engine } = transaction.session;
    let message = plan.message;
    const { hooks } = engine.pipeline;
    if (hooks.delivery.length === 0) return message;
    const facts = new Map();
    const delivery: DeliveryView = {
      nextHop: plan.nextHop,
      reversePath: plan.reversePath,
      recipients: plan.recipients,
    };
    const bodyDigest = plan.message.bodyEdited
      ? bodyDigests(plan.message, engine.services.crypto)
      : original.bodyDigest;
    for (const slot of hooks.delivery) {
      const subject = transaction.subject(
        { envelope: transaction.envelope, delivery, original, attempt: { number: 1 }, bodyDigest },
        {
          message,
          signal: this.#signal,
          facts: (fact, recipient) =>
            fact.scope === "delivery"
              ? facts
              : transaction.factsOf(fact, recipient as RecipientState | undefined),
          about: { nextHop: plan.nextHop },
        },
      );
      if (slot.conditions.length > 0 && failedCondition(slot, subject) !== undefined) continue;
      const outcome = await runHook(slot, "delivery", subject);
      if (outcome.verdict) return outcome.verdict as Tempfail;
      if (outcome.message) message = outcome.message;
    }
    return message;
  }

  #settleDiscarded(message: Message): MessageAnswer {
    return this.#accept(message, "Message accepted");
  }

  #accept(message: Message, text: string): MessageAnswer {
    const transaction = this.#transaction;
    for (const recipient of transaction.recipients) {
      if (recipient.verdict?.verdict === "discard") {
        recipient.settled ??= { outcome: "discarded", reason: recipient.verdict.reason };
      }
    }
    return this.#end("accepted", accepted(transaction.id, text), message);
  }

  #end(outcome: "accepted" | "refused" | "deferred", answer: Answer, message: Message): MessageAnswer {
    const transaction = this.#transaction;
    const subject = message.header.text("subject");
    const headerFrom = message.header.text("from");
    transaction.end(outcome, answer, {
      messageBytes: this.#content.size,
      ...(subject === undefined ? {} : { subject: subject.slice(0, 200) }),
      ...(headerFrom === undefined ? {} : { headerFrom: headerFrom.slice(0, 200) }),
      edits: message.edits.map(({ author, summary, reason }) => ({ author, summary, reason })),
    });
    const rcpts = transaction.recipients.reduce((most, recipient) => Math.max(most, recipient.rcpt + 1), 0);
    return { answer, recipients: Array.from({ length: rcpts }, () => answer) };
  }

  #received(only?: RecipientState): Uint8Array {
    const { session, envelope, id, startedAtEpoch } = this.#transaction;
    return receivedField({
      ehlo: session.ehloName ?? "",
      ip: session.client.ip,
      by: session.engine.config.hostName,
      id,
      origin: session.start.origin,
      extended: session.extended,
      tls: session.tls !== undefined,
      authenticated: session.identity !== undefined,
      utf8: envelope.parameters.smtputf8 === true,
      ...(only ? { forwardPath: only.forwardPath.text } : {}),
      at: startedAtEpoch,
    });
  }
}
