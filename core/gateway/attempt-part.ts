/**
 * A part of a queued attempt: recipients of a lease that enter at the same stage by the same origin. Their transaction
 * goes on: `data` where that put them off, `route`, then `delivery` and the next hops. Nothing is written to the spool.
 */
import { type Content, Message, withPrefix } from "../mail/mod.ts";
import type { Attempt } from "../pipeline/mod.ts";
import { replyOf, tooLate } from "./answers.ts";
import {
  deliveredResult,
  refusalResult,
  timedResult,
  troubleResult,
  verdictResult,
} from "./attempt-result.ts";
import { startDeadline } from "./deadline.ts";
import { type PlannedDelivery, planDeliveries } from "./delivery-plan.ts";
import type { Engine } from "./engine.ts";
import { deliverInline, type InlineDelivery, type InlineOutcome } from "./inline-delivery.ts";
import { judgeData } from "./judge-data.ts";
import { judgeRoutes } from "./judge-routes.ts";
import { SUBMISSION_AUTHOR, withMissingFields } from "./missing-fields.ts";
import { BodyDigests, originalMessage } from "./original-message.ts";
import type { AttemptResult } from "./queued-attempt.ts";
import type { RecipientState } from "./recipient.ts";
import type { LeasedRecipient, StoredMessage } from "./spool.ts";
import { replacementOf } from "./spool-message.ts";
import type { AttemptEntry } from "./stored-transaction.ts";
import type { Transaction } from "./transaction.ts";

/** Deliveries of one attempt that run at once. */
const DELIVERIES_AT_ONCE_MAX = 8;
/** From the first `delivery` hook to the next hop's last word: a server that is slow but alive is waited for so long. */
export const DELIVERY_MS = 1_800_000;

/** What the deliveries of a part have in common. */
type Common = Pick<InlineDelivery, "transaction" | "original" | "digests" | "withReceived">;

/** See the head of the file. */
export class AttemptPart {
  readonly transaction: Transaction;
  readonly leased: readonly LeasedRecipient[];
  /** By number; a recipient without one was not tried. */
  readonly results = new Map<number, AttemptResult>();
  /** The form that left with the first delivery; before that the one that was judged. */
  left: Message | undefined;
  readonly #message: StoredMessage;
  readonly #stage: "data" | "route";
  readonly #signal: AbortSignal;

  /**
   * @param transaction as `storedTransaction` makes it
   * @param signal aborts when the gateway stops
   */
  constructor(
    transaction: Transaction,
    message: StoredMessage,
    { recipients, stage }: AttemptEntry,
    signal: AbortSignal,
  ) {
    this.transaction = transaction;
    this.leased = recipients;
    this.#message = message;
    this.#stage = stage;
    this.#signal = signal;
  }

  get #engine(): Engine {
    return this.transaction.session.engine;
  }

  /** Never rejects; afterwards there is a result for each recipient. */
  async run(): Promise<void> {
    try {
      this.#failRefused();
      if (!this.#signal.aborted && this.results.size < this.leased.length) await this.#attempt();
    } catch (error) {
      const cause = String(error).slice(0, 500);
      this.#engine.services.log.error("attemptFault", { ref: this.transaction.id, cause });
      this.transaction.note("fault", cause);
      for (const { recipient, destination } of this.#unsettled())
        this.#settle(troubleResult(recipient, destination));
    }
    for (const { recipient, destination } of this.#unsettled())
      this.#settle({ recipient, outcome: "returned", destination });
  }

  #unsettled(): readonly LeasedRecipient[] {
    return this.leased.filter(({ recipient }) => !this.results.has(recipient));
  }

  #settle(result: AttemptResult): void {
    this.results.set(result.recipient, result);
  }

  /** Those that acceptance refused, and whose senders are to hear of it by DSN. */
  #failRefused(): void {
    const { recipients } = this.transaction;
    this.leased.forEach(({ recipient, refusal }, i) => {
      if (!refusal) return;
      this.#settle(refusalResult(recipient, refusal));
      recipients[i]!.verdict = { verdict: "reject", enhanced: refusal.enhanced, text: refusal.text };
    });
  }

  async #attempt(): Promise<void> {
    const untouched = await Message.load(this.#message.content);
    const digests = new BodyDigests(untouched, this.#engine.services.crypto);
    const original = originalMessage(untouched, digests.original);
    const common: Common = {
      transaction: this.transaction,
      original,
      digests,
      withReceived: (content: Content) => withPrefix(this.#message.traceField, content),
    };
    const judged = await this.#judge(common, this.#entering(untouched));
    if (!judged) return;
    this.left = judged;
    const single = this.#single(judged);
    const plans = planDeliveries(
      single.map(([state]) => state),
      { reversePath: this.transaction.envelope.reversePath, message: judged },
      this.#engine,
    );
    const leasedOf = new Map(single);
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < plans.length && !this.#signal.aborted)
        await this.#deliver(common, plans[next++]!, leasedOf);
    };
    await Promise.all(Array.from({ length: Math.min(plans.length, DELIVERIES_AT_ONCE_MAX) }, work));
  }

  /** The form that the stage starts from. */
  #entering(untouched: Message): Message {
    const { edits } = this.#message;
    const message = untouched.fork();
    if (this.#stage === "route") {
      for (const edit of edits) message.apply(edit);
      return message;
    }
    const { submits } = this.transaction.session;
    if (!submits) return message;
    // `data` edits anew, but a Message-ID that was made stays the same for all recipients.
    const made = edits.findIndex(({ author }) => author !== SUBMISSION_AUTHOR);
    for (const edit of made < 0 ? edits : edits.slice(0, made)) message.apply(edit);
    return withMissingFields(this.transaction, message);
  }

  /** Runs `data` and `route`; undefined when the time was over, which says nothing of the message. */
  async #judge({ transaction, original }: Common, entering: Message): Promise<Message | undefined> {
    const { clock } = this.#engine.services;
    const deadline = startDeadline(clock, this.#engine.config.deadlineMs);
    try {
      const subject = { transaction, original, signal: deadline.signal };
      const judged = this.#stage === "data" ? await judgeData(subject, entering) : entering;
      const attempts = new Map(this.leased.map((each) => [each.recipient, attemptOf(each)]));
      await judgeRoutes(subject, judged, ({ rcpt }) => attempts.get(rcpt)!);
      if (!deadline.signal.aborted) return judged;
    } finally {
      deadline.end();
    }
    transaction.note("tooLate", "data and route were not over at the deadline");
    for (const { recipient, destination } of this.#unsettled())
      this.#settle(troubleResult(recipient, destination, replyOf(tooLate())));
    return undefined;
  }

  /** Settles those that need no delivery; gives the others, each with its routed state. */
  #single(judged: Message): readonly (readonly [RecipientState, LeasedRecipient])[] {
    const single: (readonly [RecipientState, LeasedRecipient])[] = [];
    const several: { readonly leased: LeasedRecipient; readonly became: readonly RecipientState[] }[] = [];
    const became = new Map<number, RecipientState[]>(this.leased.map(({ recipient }) => [recipient, []]));
    for (const state of this.transaction.recipients) if (!state.expanded) became.get(state.rcpt)?.push(state);
    for (const leased of this.#unsettled()) {
      const { recipient } = leased;
      const [state, ...more] = became.get(recipient) ?? [];
      if (!state) {
        const reason = "all that its alias names are recipients of the message already";
        this.#settle({ recipient, outcome: "discarded", reason, destination: "" });
      } else if (more.length > 0) several.push({ leased, became: [state, ...more] });
      else if (!this.#settleUndelivered(leased, state)) single.push([state, leased]);
    }
    if (several.length > 0) this.#replace(several, judged);
    return single;
  }

  /** Whether it is settled without a delivery. */
  #settleUndelivered(leased: LeasedRecipient, state: RecipientState): boolean {
    const result = verdictResult(leased, state) ?? this.#timed(leased, state);
    if (result) this.#settle(result);
    // The attempt is made now, whatever the modes are: they part no delivery.
    else if (state.route) {
      const { verdict, nextHop, requireTls } = state.route;
      state.route = { verdict, nextHop, ...(requireTls === undefined ? {} : { requireTls }) };
    }
    return result !== undefined;
  }

  /** A time counts in the first route that a recipient has: "tomorrow" said anew each time would never come. */
  #timed({ recipient, destination }: LeasedRecipient, state: RecipientState): AttemptResult | undefined {
    const { deliverAt } = state.route ?? {};
    if (destination !== "" || deliverAt === undefined || deliverAt <= this.#engine.services.clock.now())
      return undefined;
    return timedResult(recipient, this.#destinationOf(state), deliverAt);
  }

  /** Each of those that one became has to end by itself: they go on as recipients of their own. */
  #replace(
    several: readonly { readonly leased: LeasedRecipient; readonly became: readonly RecipientState[] }[],
    judged: Message,
  ): void {
    const { transaction } = this;
    const becomes = replacementOf(transaction, this.#message, judged, several);
    for (const { leased, became } of several) {
      const { recipient } = leased;
      const reason = `it became ${became.length} recipients, which go on as ${becomes.id}`;
      transaction.note("replaced", `${leased.forwardPath.text}: ${reason}`);
      this.#settle({ recipient, outcome: "replaced", reason, destination: leased.destination, becomes });
    }
  }

  async #deliver(
    common: Common,
    plan: PlannedDelivery,
    leasedOf: ReadonlyMap<RecipientState, LeasedRecipient>,
  ): Promise<void> {
    const { clock } = this.#engine.services;
    const leased = plan.recipients.map((state) => leasedOf.get(state)!);
    const numbers = leased.map(({ recipient }) => recipient);
    const deadline = startDeadline(clock, DELIVERY_MS);
    let outcome: InlineOutcome;
    try {
      outcome = await deliverInline(
        {
          ...common,
          keepsRefused: true,
          proceeds: "some",
          // A name of its own among the deliveries of the message, and the same for the same recipients.
          number: (this.#message.deliveries ?? 0) + Math.min(...numbers) + 1,
          attempt: leased.map(attemptOf).reduce((most, each) => (each.number > most.number ? each : most)),
          deadline,
        },
        plan,
      );
    } finally {
      deadline.end();
    }
    const dsn = this.#engine.services.nextHops.get(plan.nextHop)?.extensions()?.dsn === true;
    plan.recipients.forEach((state, i) => {
      const number = numbers[i]!;
      const destination = this.#destinationOf(state);
      this.#settle(
        "answer" in outcome
          ? troubleResult(number, destination, replyOf(outcome.answer))
          : deliveredResult(number, destination, outcome.results[i]!, outcome.told, dsn),
      );
    });
    if (!("answer" in outcome)) this.left = outcome.message;
  }

  #destinationOf({ route, forwardPath }: RecipientState): string {
    return route ? this.#engine.groupOf(route.nextHop, forwardPath) : "";
  }
}

const attemptOf = ({ attempt, lastReply }: LeasedRecipient): Attempt => ({
  number: attempt,
  ...(lastReply ? { lastReply } : {}),
});
