/**
 * The end of a message whose RCPTs are answered one by one (LMTP, RFC 2033 4.2): what is refused or put off for one of
 * them goes back to the client for that one, and stops nobody else's copy. So nothing is split that needs a spool, but
 * for aliases: all who came of one RCPT have one answer, and are folded as a message with one answer is.
 */
import type { Message } from "../mail/mod.ts";
import { accepted, cannotServe, outcomeOf, replyOf, systemTrouble, tooLate } from "./answers.ts";
import { type Deadline, settledBy } from "./deadline.ts";
import { type PlannedDelivery, planDeliveries } from "./delivery-plan.ts";
import { fold } from "./fold.ts";
import { deliverInline, type InlineDelivery, type InlineOutcome } from "./inline-delivery.ts";
import type { RecipientResult } from "./next-hop-driver.ts";
import { type RcptUnit, rcptUnitsOf } from "./rcpt-units.ts";
import type { RecipientState } from "./recipient.ts";
import type { Answer } from "./session.ts";
import type { Transaction } from "./transaction.ts";
import { undeliveredOf } from "./undelivered.ts";

/** Deliveries of one message that run at once. */
export const DELIVERIES_AT_ONCE_MAX = 8;

/** What it needs of the run of the message. */
export interface MessageEnd {
  readonly transaction: Transaction;
  readonly deadline: Deadline;
  inlineOf(plan: PlannedDelivery, own: Pick<InlineDelivery, "number" | "proceeds">): InlineDelivery;
  /** Stores them in one commit; rejects where it can not. @param signal the deadline, where it holds for that */
  spool(plans: readonly PlannedDelivery[], aside: Aside, signal?: AbortSignal): Promise<void>;
}

/** Recipients to keep, whom no delivery of now is for. */
export interface Aside {
  readonly held: readonly RecipientState[];
  readonly deferred: readonly RecipientState[];
}

/** What the record says of all, and the answer to each RCPT. */
export interface EachAnswer {
  readonly outcome: "accepted" | "refused" | "deferred";
  readonly answer: Answer;
  readonly recipients: readonly Answer[];
  /** The form that left where there was one delivery, else the one that was judged. */
  readonly message: Message;
}

/** Delivers, keeps or gives back each RCPT's copies. Rejects only before anything was sent. */
export async function answerEach(end: MessageEnd, message: Message): Promise<EachAnswer> {
  const run = new EachRun(end, message);
  await run.conclude();
  return run.answers();
}

/** A unit on its way to its answer; without one at the end it is accepted. */
interface Unit extends RcptUnit {
  readonly plans: readonly PlannedDelivery[];
  held: readonly RecipientState[];
  deferred: readonly RecipientState[];
  answer: Answer | undefined;
}

/** One delivery with those whom it is for. */
interface Attempt {
  readonly plan: PlannedDelivery;
  readonly units: readonly Unit[];
}

class EachRun {
  readonly #end: MessageEnd;
  readonly #units: readonly Unit[];
  #message: Message;
  #words = "Message accepted";

  constructor(end: MessageEnd, message: Message) {
    this.#end = end;
    this.#message = message;
    this.#units = rcptUnitsOf(end.transaction.recipients).map((unit) => this.#fold(unit));
  }

  #fold(unit: RcptUnit): Unit {
    const { engine } = this.#end.transaction.session;
    const { onMixedVerdict, onMixedTempfail } = engine.config;
    const { durableSpool } = engine;
    const folded = fold(unit.recipients, { onMixedVerdict, onMixedTempfail, durableSpool });
    if (folded.kind === "answer") {
      if (unit.recipients.length > 1) this.#end.transaction.note("fold", folded.why);
      return { ...unit, held: [], deferred: [], plans: [], answer: folded.answer };
    }
    const quarantined = unit.recipients.filter(({ verdict }) => verdict?.verdict === "quarantine");
    const plans = this.#plan(unit.recipients.filter(({ verdict }) => !verdict));
    const held = [...folded.held, ...quarantined];
    return { ...unit, held, deferred: folded.deferred, plans, answer: undefined };
  }

  #plan(recipients: readonly RecipientState[]): readonly PlannedDelivery[] {
    const { session, envelope } = this.#end.transaction;
    return planDeliveries(
      recipients,
      { reversePath: envelope.reversePath, message: this.#message },
      session.engine,
    );
  }

  async conclude(): Promise<void> {
    const { engine } = this.#end.transaction.session;
    const going = this.#going();
    const needing = going.filter(needsSpool);
    if (needing.length > 0 && engine.durableSpool) return this.#spool(going);
    for (const unit of needing) {
      unit.answer = cannotServe(
        unit.plans.length > 1 ? "This message can not be split here" : "This message can not be kept here",
      );
    }
    if (needing.length > 0) {
      engine.services.log.error("spoolNeeded", { ref: this.#end.transaction.id, recipients: needing.length });
      this.#end.transaction.note("fold", "what some recipients need takes a durable spool");
    }
    await this.#deliverAll(this.#attempts(this.#going()));
  }

  #going(): readonly Unit[] {
    return this.#units.filter(({ answer }) => !answer);
  }

  /** Recipients that are alone go together; those of an alias apart, as what one of them gets decides for them all. */
  #attempts(units: readonly Unit[]): readonly Attempt[] {
    const alone = new Map<RecipientState, Unit>();
    const attempts: Attempt[] = [];
    for (const unit of units) {
      const [plan] = unit.plans;
      if (!plan) continue;
      const [only] = plan.recipients;
      if (only && unit.recipients.length === 1) alone.set(only, unit);
      else attempts.push({ plan, units: [unit] });
    }
    const together = this.#plan([...alone.keys()]).map((plan) => ({
      plan,
      units: plan.recipients.map((recipient) => alone.get(recipient)!),
    }));
    return [...together, ...attempts];
  }

  async #deliverAll(attempts: readonly Attempt[]): Promise<void> {
    let next = 0;
    const work = async (): Promise<void> => {
      for (let number = ++next; number <= attempts.length; number = ++next) {
        await this.#deliver(attempts[number - 1]!, number, attempts.length === 1);
      }
    };
    await Promise.all(Array.from({ length: Math.min(attempts.length, DELIVERIES_AT_ONCE_MAX) }, work));
    await this.#keepRest();
  }

  async #deliver({ plan, units }: Attempt, number: number, only: boolean): Promise<void> {
    const [unit] = units;
    const proceeds = units.length > 1 || unit?.recipients.length === 1 ? ("some" as const) : ("all" as const);
    let outcome: InlineOutcome;
    try {
      outcome = await deliverInline(this.#end.inlineOf(plan, { number, proceeds }), plan);
    } catch (error) {
      // The other deliveries may be done, and their answers must come of what they did.
      const { session, id } = this.#end.transaction;
      session.engine.services.log.error("deliveryFault", { ref: id, cause: String(error).slice(0, 500) });
      outcome = { answer: systemTrouble() };
    }
    if ("answer" in outcome) {
      for (const each of units) each.answer = outcome.answer;
      return;
    }
    if (only) this.#message = outcome.message;
    const { results } = outcome;
    plan.recipients.forEach((recipient, i) => {
      const { status, reply } = results[i]!;
      if (status === "delivered") recipient.settled = { outcome: "delivered", reply };
    });
    if (units.length > 1) {
      units.forEach((each, i) => {
        each.answer = answerOfResults([results[i]!]);
      });
    } else if (unit) this.#settle(unit, plan, results);
  }

  #settle(unit: Unit, { recipients }: PlannedDelivery, results: readonly RecipientResult[]): void {
    const rest = recipients.filter(({ settled }) => !settled);
    if (rest.length === 0 || rest.length === recipients.length) unit.answer = answerOfResults(results);
    // Some have it and some do not: those are kept before our 250 is said.
    else ({ held: unit.held, deferred: unit.deferred } = undeliveredOf(recipients, results));
  }

  /** Of aliases: whom the next hop did not take while it took others. Kept durably, else the client must keep them. */
  async #keepRest(): Promise<void> {
    const units = this.#going().filter(({ held, deferred }) => held.length + deferred.length > 0);
    if (units.length === 0) return;
    const { transaction } = this.#end;
    if (transaction.session.engine.durableSpool) {
      try {
        // Without the deadline: what is delivered is delivered, and the rest must not be lost for it.
        await this.#end.spool([], asideOf(units));
        return;
      } catch (error) {
        const cause = String(error).slice(0, 500);
        transaction.session.engine.services.log.error("spoolFault", { ref: transaction.id, cause });
      }
    }
    transaction.note(
      "duplicatePossible",
      "some of an alias have it, and the client sends it again for the rest",
    );
    for (const unit of units) unit.answer = systemTrouble();
  }

  /** As for a message with one answer: all that goes on in one commit, so that none of it goes wrong beside the rest. */
  async #spool(units: readonly Unit[]): Promise<void> {
    const { transaction, deadline } = this.#end;
    const { signal } = deadline;
    const plans = this.#plan(units.flatMap((unit) => unit.plans.flatMap(({ recipients }) => recipients)));
    try {
      const put = this.#end.spool(plans, asideOf(units), signal);
      if (await settledBy(put, deadline, transaction.session.engine.services.clock)) {
        this.#words = "Message queued";
        return;
      }
      transaction.note("duplicatePossible", "the spool did not settle at the deadline");
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    for (const unit of units) unit.answer = tooLate();
  }

  answers(): EachAnswer {
    const { transaction } = this.#end;
    const yes = accepted(transaction.id, this.#words);
    const recipients: Answer[] = [];
    const refused: Answer[] = [];
    for (const unit of this.#units) {
      const answer = unit.answer ? transaction.ref(unit.answer) : yes;
      if (unit.answer) refused.push(answer);
      for (const rcpt of unit.rcpts) recipients[rcpt] = answer;
      for (const recipient of unit.recipients) settle(recipient, unit.answer && answer);
    }
    const decisive =
      refused.length < this.#units.length
        ? undefined
        : (refused.find(({ kind }) => kind === "tempfail") ?? refused[0]);
    if (refused.length > 0 && this.#units.length > 1) {
      transaction.note("answers", `${refused.length} of ${this.#units.length} recipients are not accepted`);
    }
    const message = this.#message;
    if (!decisive) return { outcome: "accepted", answer: yes, recipients, message };
    return { outcome: outcomeOf(decisive), answer: decisive, recipients, message };
  }
}

const needsSpool = ({ held, deferred, plans }: Unit): boolean =>
  held.length + deferred.length > 0 || plans.length > 1 || plans[0]?.mode === "queue";

const asideOf = (units: readonly Unit[]): Aside => ({
  held: units.flatMap(({ held }) => held),
  deferred: units.flatMap(({ deferred }) => deferred),
});

/** Undefined where all of them have it. A 4xx outweighs a refusal: the client tries again. */
function answerOfResults(results: readonly RecipientResult[]): Answer | undefined {
  if (results.every(({ status }) => status === "delivered")) return undefined;
  const decisive =
    results.find(({ status }) => status === "tempfailed") ??
    results.find(({ status }) => status === "rejected");
  if (!decisive) return systemTrouble();
  const { code, enhanced, text } = decisive.reply;
  return { kind: code >= 500 ? "reject" : "tempfail", code, enhanced, text };
}

function settle(recipient: RecipientState, answer: Answer | undefined): void {
  if (recipient.settled) return;
  if (answer) recipient.settled = { outcome: outcomeOf(answer), reply: replyOf(answer) };
  else if (recipient.verdict?.verdict === "discard")
    recipient.settled = { outcome: "discarded", reason: recipient.verdict.reason };
}
