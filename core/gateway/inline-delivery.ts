/**
 * One delivery, inline or of the queue: the `delivery` hooks on the form that leaves, then the next hop, under a deadline.
 * What the results mean is for message-run.ts, where a client waits, and for attempt-part.ts.
 */
import type { Content, Message } from "../mail/mod.ts";
import type { Attempt, DeliveryView, FactMap, OriginalMessage, Slot } from "../pipeline/mod.ts";
import { answerOf, replyOf, systemTrouble, tooLate } from "./answers.ts";
import { type Deadline, settledBy } from "./deadline.ts";
import type { PlannedDelivery } from "./delivery-plan.ts";
import type { DeliverOptions, Delivery, DeliveryResult, RecipientResult } from "./next-hop-driver.ts";
import type { BodyDigests } from "./original-message.ts";
import type { RecipientState } from "./recipient.ts";
import { runStage } from "./run-stage.ts";
import type { Answer } from "./session.ts";
import type { Transaction } from "./transaction.ts";

/** What an inline delivery needs beside its plan. */
export interface InlineDelivery {
  readonly transaction: Transaction;
  readonly original: OriginalMessage;
  readonly digests: BodyDigests;
  /** Puts our trace field on top of what leaves. */
  readonly withReceived: (content: Content) => Content;
  /** Whether copies that the next hop refuses can be kept, so that the others may go on without them. */
  readonly keepsRefused: boolean;
  /** `some`: whom the next hop does not take stops nobody else, as each has an answer of its own. Default `all`. */
  readonly proceeds?: "some" | "all";
  /** Which of the message's deliveries it is. Default 1, the only one. */
  readonly number?: number;
  /** Of the queue; absent: the client waits. */
  readonly attempt?: Attempt;
  readonly deadline: Deadline;
}

/** How it went: an answer where nothing was sent, else a result for each recipient and the form that left. */
export type InlineOutcome =
  | { readonly answer: Answer }
  | {
      readonly results: readonly RecipientResult[];
      readonly message: Message;
      /** The driver's account, whose recipients may be incomplete. */
      readonly told: DeliveryResult;
    };

/** Delivers. Rejects only on a fault of our own before anything was sent. */
export async function deliverInline(inline: InlineDelivery, plan: PlannedDelivery): Promise<InlineOutcome> {
  const { transaction, deadline } = inline;
  const { signal } = deadline;
  const { services } = transaction.session.engine;
  const { delivery: slots } = transaction.session.engine.pipeline.hooks;
  const message = slots.length === 0 ? plan.message : await runDeliveryHooks(slots, inline, plan);
  if (signal.aborted) return { answer: tooLate() };
  if ("kind" in message) return { answer: message };
  const driver = services.nextHops.get(plan.nextHop);
  if (!driver) return { answer: systemTrouble() };
  const delivery = deliveryOf(inline, plan, inline.withReceived(message.content));
  transaction.deliveries = Math.max(transaction.deliveries, delivery.number);
  const options: DeliverOptions = {
    signal,
    proceed: (results) =>
      inline.proceeds === "some" || results.every((each) => isSettled(each, inline.keepsRefused)),
    onLine: transaction.session.dialogue?.withNextHop(delivery.content.size),
  };
  const told = await settledDelivery(() => driver.deliver(delivery, options), plan, inline);
  tell(inline, plan, driver.description, told);
  // A driver that does not tell of each recipient has told of none.
  const complete = told.recipients.length === plan.recipients.length;
  return { results: complete ? told.recipients : unknownResults(plan), message, told };
}

const FIRST: Attempt = { number: 1 };

/** Whether a recipient's RCPT reply lets the content be sent. */
const isSettled = (result: RecipientResult | "accepted", keepsRefused: boolean): boolean =>
  result === "accepted" || (keepsRefused && result.status === "rejected");

function deliveryOf(
  { transaction, number = 1 }: InlineDelivery,
  plan: PlannedDelivery,
  content: Content,
): Delivery {
  const { session, envelope, id } = transaction;
  const { requireTls, ...parameters } = envelope.parameters;
  return {
    id,
    number,
    origin: session.start.origin,
    nextHop: plan.nextHop,
    reversePath: plan.reversePath,
    parameters: { ...parameters, ...(requireTls || plan.requireTls ? { requireTls: true } : {}) },
    recipients: plan.recipients.map(({ forwardPath, parameters }) => ({ forwardPath, parameters })),
    content,
    client: session.client,
    ...(transaction.forwarded ? { forwarded: transaction.forwarded } : {}),
    ehlo: session.ehloName ?? "",
  };
}

/** A driver promises to settle by the deadline and never to reject; one that breaks its word may have sent a copy. */
async function settledDelivery(
  deliver: () => Promise<DeliveryResult>,
  plan: PlannedDelivery,
  { transaction, deadline }: InlineDelivery,
): Promise<DeliveryResult> {
  const { clock, log } = transaction.session.engine.services;
  let cause = "the driver did not settle at the deadline";
  try {
    const settled = await settledBy(deliver(), deadline, clock);
    if (settled) return settled.value;
  } catch (error) {
    cause = `the driver failed: ${String(error)}`;
  }
  log.error("driverFault", { ref: transaction.id, nextHop: plan.nextHop, cause });
  return { recipients: unknownResults(plan), ended: "lost", cause };
}

function unknownResults(plan: PlannedDelivery): readonly RecipientResult[] {
  return plan.recipients.map(() => ({ status: "tempfailed", reply: replyOf(tooLate()) }));
}

function tell(
  { transaction, attempt }: InlineDelivery,
  plan: PlannedDelivery,
  description: string,
  { ended, server, cause }: DeliveryResult,
): void {
  const { log } = transaction.session.engine.services;
  const where = server ? `${description} at ${server}` : description;
  transaction.note("delivery", `${where}: ${ended}${cause ? `, ${cause}` : ""}`);
  if (ended === "lost") {
    transaction.note(
      "duplicatePossible",
      `${plan.nextHop} may have taken a copy, and ${attempt ? "it goes" : "the client sends it"} again`,
    );
  }
  if (ended === "us" || ended === "connection") {
    const event = ended === "us" ? "nextHopRefusesUs" : "nextHopDown";
    log.warn(event, { ref: transaction.id, nextHop: plan.nextHop, cause });
  }
}

/** Runs the `delivery` hooks on the form that leaves, or gives the answer that puts it off. */
async function runDeliveryHooks(
  slots: readonly Slot[],
  { transaction, original, digests, attempt = FIRST, deadline }: InlineDelivery,
  plan: PlannedDelivery,
): Promise<Message | Answer> {
  let { message } = plan;
  const facts: FactMap = new Map();
  const delivery: DeliveryView = {
    nextHop: plan.nextHop,
    reversePath: plan.reversePath,
    recipients: plan.recipients,
  };
  // Hooks of this stage edit header fields only, so that the body is the plan's.
  const bodyDigest = digests.of(plan.message);
  const verdict = await runStage({
    stage: "delivery",
    slots,
    subject: () =>
      transaction.subject(
        { envelope: transaction.envelope, delivery, original, attempt, bodyDigest },
        {
          message,
          signal: deadline.signal,
          facts: (fact, recipient) =>
            fact.scope === "delivery"
              ? facts
              : transaction.factsOf(fact, recipient as RecipientState | undefined),
          about: { nextHop: plan.nextHop },
        },
      ),
    onOutcome: (outcome) => {
      if (outcome.message) message = outcome.message;
      return false;
    },
  });
  return verdict ? answerOf(verdict as Parameters<typeof answerOf>[0]) : message;
}
