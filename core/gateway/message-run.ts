/** What happens after the final dot, under one deadline: data, route, fold, then delivery, spool or refusal, and the one answer. */
import { type Content, Message } from "../mail/mod.ts";
import type { OriginalMessage } from "../pipeline/mod.ts";
import { answerEach, type MessageEnd } from "./answer-each.ts";
import { accepted, cannotServe, outcomeOf, rejected, systemTrouble, tooLate } from "./answers.ts";
import { type Deadline, settledBy } from "./deadline.ts";
import { type PlannedDelivery, planDeliveries } from "./delivery-plan.ts";
import { fold } from "./fold.ts";
import { deliverInline, type InlineDelivery } from "./inline-delivery.ts";
import { judgeData } from "./judge-data.ts";
import { judgeRoutes } from "./judge-routes.ts";
import { loopOf } from "./loop-check.ts";
import { withMissingFields } from "./missing-fields.ts";
import type { RecipientResult } from "./next-hop-driver.ts";
import { BodyDigests, originalMessage } from "./original-message.ts";
import type { ReceivedDigests } from "./received-digests.ts";
import type { RecipientState } from "./recipient.ts";
import type { Answer, MessageAnswer } from "./session.ts";
import { spoolMessage } from "./spool-message.ts";
import type { Transaction } from "./transaction.ts";
import { trueClientOf } from "./true-client.ts";
import { undeliveredOf } from "./undelivered.ts";
import { withReceived } from "./with-received.ts";

/** A message that came in whole. */
export interface ReceivedMessage {
  readonly content: Content;
  /** What was digested on the way in; absent where no plugin asked for it. */
  readonly digests: ReceivedDigests | undefined;
}

/** Runs a received message to its answer. */
export async function runMessage(
  transaction: Transaction,
  { content, digests }: ReceivedMessage,
  deadline: Deadline,
): Promise<MessageAnswer> {
  const { config, services } = transaction.session.engine;
  const message = await Message.load(content);
  const bodyDigests = new BodyDigests(message, services.crypto, digests);
  const original = originalMessage(message, bodyDigests.original);
  const run = new MessageRun(transaction, content, original, bodyDigests, deadline);
  const unfit = unfitness(message);
  if (unfit) return run.answerAll(unfit, message);
  const loop = loopOf(message.header, config.hostName);
  if (loop) {
    transaction.note("loop", loop);
    return run.answerAll(rejected("4.6", "Routing loop detected", 554), message);
  }
  if (transaction.session.upstreamOf) knowClient(transaction, message);
  const subject = { transaction, original, signal: deadline.signal };
  const judging = judgeData(
    subject,
    transaction.session.submits ? withMissingFields(transaction, message) : message,
  );
  const judged = judging instanceof Promise ? await judging : judging;
  const routing = judgeRoutes(subject, judged);
  if (routing) await routing;
  return run.conclude(judged);
}

/** Behind an upstream the client is known only now. */
function knowClient(transaction: Transaction, { header }: Message): void {
  const { client: peer, upstreamOf: networks } = transaction.session;
  if (!networks) return;
  transaction.client = trueClientOf(header, peer, networks);
  const { ip, via } = transaction.client;
  transaction.note("trueClient", via === undefined ? `the upstream ${ip} itself` : `${ip} by way of ${via}`);
}

/** What can not be relayed at all, whatever plugins say. */
function unfitness(message: Message): Answer | undefined {
  // Plugins see the header section as far as it was read: a From or a part behind it would pass them by.
  if (!message.headerWhole) return rejected("3.4", "Header section too large", 552);
  // Our own trace field stands before it: RFC 5322 2.2.3 would make such a line a part of that.
  if (message.headerBytes[0] === SPACE || message.headerBytes[0] === TAB)
    return rejected("6.0", "Message does not begin with a header field");
  return undefined;
}

const SPACE = 32;
const TAB = 9;

class MessageRun {
  readonly #transaction: Transaction;
  readonly #content: Content;
  readonly #original: OriginalMessage;
  readonly #digests: BodyDigests;
  readonly #deadline: Deadline;

  constructor(
    transaction: Transaction,
    content: Content,
    original: OriginalMessage,
    digests: BodyDigests,
    deadline: Deadline,
  ) {
    this.#transaction = transaction;
    this.#content = content;
    this.#original = original;
    this.#digests = digests;
    this.#deadline = deadline;
  }

  /** Folds what the plugins said, and does it. */
  async conclude(message: Message): Promise<MessageAnswer> {
    // Before the fold: hooks that the deadline cut off left verdicts that say more of the time than of the message.
    if (this.#deadline.signal.aborted) return this.answerAll(tooLate(), message);
    const transaction = this.#transaction;
    const { engine, answersEachRcpt } = transaction.session;
    if (answersEachRcpt) return this.#answerEach(message);
    const { onMixedVerdict, onMixedTempfail } = engine.config;
    const { durableSpool } = engine;
    const folded = fold(transaction.recipients, { onMixedVerdict, onMixedTempfail, durableSpool });
    if (folded.kind === "answer") {
      transaction.note("fold", folded.why);
      return this.answerAll(folded.answer, message);
    }
    const going = transaction.recipients.filter((recipient) => !recipient.expanded);
    const quarantined = going.filter(({ verdict }) => verdict?.verdict === "quarantine");
    const held = [...folded.held, ...quarantined];
    const plans = planDeliveries(
      going.filter((recipient) => !recipient.verdict),
      { reversePath: transaction.envelope.reversePath, message },
      engine,
    );
    const keeps = held.length > 0 || folded.deferred.length > 0;
    const [only] = plans;
    if (!keeps && !only) return this.#accept(message, "Message accepted");
    if (!keeps && only?.mode === "inline" && plans.length === 1) return this.#deliver(only, message);
    if (!durableSpool) return this.#needsSpool(plans, held, message);
    return this.#spool(plans, held, folded.deferred, message);
  }

  /** Nothing is delivered and every recipient gets the same answer. */
  answerAll(answer: Answer, message: Message): MessageAnswer {
    const told = this.#transaction.ref(answer);
    this.#transaction.settleRest(told);
    return this.#end(outcomeOf(told), told, message);
  }

  #needsSpool(
    plans: readonly PlannedDelivery[],
    held: readonly RecipientState[],
    message: Message,
  ): MessageAnswer {
    const { session, id } = this.#transaction;
    const counts = { deliveries: plans.length, held: held.length };
    session.engine.services.log.error("spoolNeeded", { ref: id, ...counts });
    this.#transaction.note(
      "fold",
      "several deliveries, or recipients to hold or queue, need a durable spool",
    );
    const why = plans.length > 1 ? "This message can not be split here" : "This message can not be kept here";
    return this.answerAll(cannotServe(why), message);
  }

  /** All of it in one commit before our 250, single inline deliveries too: none of them may go wrong beside the rest. */
  async #spool(
    plans: readonly PlannedDelivery[],
    held: readonly RecipientState[],
    deferred: readonly RecipientState[],
    message: Message,
  ): Promise<MessageAnswer> {
    const transaction = this.#transaction;
    const content = withReceived(transaction, this.#content);
    const put = spoolMessage(transaction, content, message, plans, held, deferred, this.#deadline.signal);
    try {
      if (await settledBy(put, this.#deadline, transaction.session.engine.services.clock))
        return this.#accept(message, "Message queued");
      transaction.note("duplicatePossible", "the spool did not settle at the deadline");
    } catch (error) {
      if (!this.#deadline.signal.aborted) throw error;
    }
    return this.answerAll(tooLate(), message);
  }

  /** An answer for each RCPT in place of one for all. */
  async #answerEach(judged: Message): Promise<MessageAnswer> {
    const transaction = this.#transaction;
    const end: MessageEnd = {
      transaction,
      deadline: this.#deadline,
      inlineOf: (plan, own) => ({ ...this.#inlineOf(plan), ...own }),
      spool: (plans, { held, deferred }, signal) => {
        const content = withReceived(transaction, this.#content);
        return spoolMessage(transaction, content, judged, plans, held, deferred, signal);
      },
    };
    const { outcome, answer, message, recipients } = await answerEach(end, judged);
    return { ...this.#end(outcome, answer, message), recipients };
  }

  #inlineOf(plan: PlannedDelivery): InlineDelivery {
    const { engine } = this.#transaction.session;
    return {
      transaction: this.#transaction,
      original: this.#original,
      digests: this.#digests,
      withReceived: (content: Content) => withReceived(this.#transaction, content, plan.recipients),
      keepsRefused: engine.durableSpool && engine.config.onMixedVerdict !== "refuse",
      deadline: this.#deadline,
    };
  }

  async #deliver(plan: PlannedDelivery, message: Message): Promise<MessageAnswer> {
    const outcome = await deliverInline(this.#inlineOf(plan), plan);
    if ("answer" in outcome) return this.answerAll(outcome.answer, message);
    return this.#settle(plan, outcome.results, message, outcome.message);
  }

  #settle(
    { recipients }: PlannedDelivery,
    results: readonly RecipientResult[],
    message: Message,
    left: Message,
  ): MessageAnswer | Promise<MessageAnswer> {
    recipients.forEach((recipient, i) => {
      const { status, reply } = results[i]!;
      if (status === "delivered") recipient.settled = { outcome: "delivered", reply };
    });
    const rest = recipients.filter(({ settled }) => !settled);
    if (rest.length === 0) return this.#accept(left, "Message accepted");
    if (rest.length < recipients.length) return this.#keepRest(recipients, results, message, left);
    // Nobody has it. A 4xx outweighs a refusal: the client tries again.
    const decisive =
      results.find(({ status }) => status === "tempfailed") ??
      results.find(({ status }) => status === "rejected");
    if (!decisive) return this.answerAll(systemTrouble(), message);
    const { code, enhanced, text } = decisive.reply;
    const answer: Answer = { kind: code >= 500 ? "reject" : "tempfail", code, enhanced, text };
    recipients.forEach((recipient, i) => {
      const { status, reply } = results[i]!;
      // Those put aside have no reply of their own, and follow the one that decided.
      if (status !== "aside") recipient.settled = { outcome: outcomeOf(answer), reply };
    });
    return this.answerAll(answer, message);
  }

  /** Some have it and some do not: those are kept, durably before our 250; where they can not be, the client must. */
  async #keepRest(
    recipients: readonly RecipientState[],
    results: readonly RecipientResult[],
    message: Message,
    left: Message,
  ): Promise<MessageAnswer> {
    const transaction = this.#transaction;
    const { held, deferred } = undeliveredOf(recipients, results);
    if (transaction.session.engine.durableSpool) {
      try {
        // Without the deadline's signal: what is delivered is delivered, and the rest must not be lost for it.
        const content = withReceived(transaction, this.#content);
        await spoolMessage(transaction, content, message, [], held, deferred);
        return this.#accept(left, "Message accepted");
      } catch (error) {
        const cause = String(error).slice(0, 500);
        transaction.session.engine.services.log.error("spoolFault", { ref: transaction.id, cause });
      }
    }
    transaction.note(
      "duplicatePossible",
      "some recipients have it, and the client sends it again for the rest",
    );
    return this.answerAll(systemTrouble(), message);
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

  /** @param message whose edits the trace lists: the form that left, or the one that was judged */
  #end(outcome: "accepted" | "refused" | "deferred", answer: Answer, message: Message): MessageAnswer {
    const transaction = this.#transaction;
    // As they came: parsed already, while an edited header section would have to be.
    const subject = this.#original.header.text("subject");
    const headerFrom = this.#original.header.text("from");
    transaction.end(outcome, answer, {
      messageBytes: this.#content.size,
      ...(subject === undefined ? {} : { subject: subject.slice(0, 200) }),
      ...(headerFrom === undefined ? {} : { headerFrom: headerFrom.slice(0, 200) }),
      edits: message.edits.map(({ author, summary, reason }) => ({ author, summary, reason })),
    });
    return { answer, recipients: transaction.toEachRcpt(answer) };
  }
}
