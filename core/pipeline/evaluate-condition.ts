/**
 * Evaluates conditions, once for each scope. A result is kept with all that the condition looked at, and holds as long
 * as every piece of that is still the same: within a transaction nothing of it changes, and in a session a new EHLO,
 * STARTTLS (RFC 3207 4.2) or AUTH takes the result of just those conditions away that looked at what changed. So a
 * `false` of the time before a login does not outlive it, whatever the engine clears or forgets to clear.
 */
import type { Slot } from "./compile-pipeline.ts";
import type { Condition, ConditionContext } from "./condition.ts";
import type { AnyFact } from "./context.ts";
import type { Recipient } from "./envelope.ts";
import { faultText, HookFault } from "./hook-fault.ts";
import type { HookSubject } from "./hook-subject.ts";
import { perHasNone, readByCondition } from "./words.ts";

/** Results of conditions of one scope; the engine keeps one for each session, transaction and recipient. */
export type ConditionResults = Map<Condition, ConditionResult>;

/** One result, and what it was found by. */
export interface ConditionResult {
  /** Whether it holds, or what went wrong. */
  readonly outcome: boolean | HookFault;
  /** What it looked at, with the value it saw. */
  readonly saw: ReadonlyMap<Seen, unknown>;
}

type Seen = AnyFact | "client" | "ehlo" | "tls" | "identity";

/**
 * The name of the first of a slot's conditions that does not hold, "not NAME" for the second branch of `choose`;
 * undefined when all hold.
 *
 * @param recipient whom conditions per recipient look at, in stages about several
 * @throws HookFault when a condition throws: runSlot makes a tempfail of it
 */
export function failedCondition(
  slot: Pick<Slot, "conditions">,
  subject: HookSubject,
  recipient?: Recipient,
): string | undefined {
  const about = recipient ?? (subject.own as { readonly recipient?: Recipient }).recipient;
  for (const { condition, negate } of slot.conditions) {
    if (holds(condition, subject, about) === negate) return `${negate ? "not " : ""}${condition.name}`;
  }
  return undefined;
}

function holds(condition: Condition, subject: HookSubject, recipient: Recipient | undefined): boolean {
  const results = subject.conditions?.(condition.per, recipient);
  const known = results?.get(condition);
  if (known && [...known.saw].every(([what, value]) => look(what, subject, recipient) === value)) {
    return outcomeOf(known);
  }
  const result = evaluate(condition, subject, recipient);
  results?.set(condition, result);
  return outcomeOf(result);
}

function outcomeOf({ outcome }: ConditionResult): boolean {
  if (typeof outcome === "boolean") return outcome;
  throw outcome;
}

function look(what: Seen, subject: HookSubject, recipient: Recipient | undefined): unknown {
  if (typeof what === "string") return subject[what];
  const map = subject.facts(what, what.scope === "recipient" ? recipient : undefined);
  return map?.has(what) ? map.get(what) : what.fallback;
}

function evaluate(
  condition: Condition,
  subject: HookSubject,
  recipient: Recipient | undefined,
): ConditionResult {
  const saw = new Map<Seen, unknown>();
  try {
    const context = new View(condition, subject, recipient, saw) as unknown as ConditionContext;
    const outcome: unknown = condition.holds(context);
    if (typeof outcome === "boolean") return { outcome, saw };
    throw new HookFault("gave something that is not true or false");
  } catch (error) {
    return { outcome: new HookFault(`the condition '${condition.name}': ${faultText(error)}`), saw };
  }
}

/** The context of a condition; it writes down what is looked at. */
class View {
  readonly #condition: Condition;
  readonly #subject: HookSubject;
  readonly #recipient: Recipient | undefined;
  readonly #saw: Map<Seen, unknown>;

  constructor(
    condition: Condition,
    subject: HookSubject,
    recipient: Recipient | undefined,
    saw: Map<Seen, unknown>,
  ) {
    this.#condition = condition;
    this.#subject = subject;
    this.#recipient = recipient;
    this.#saw = saw;
  }

  #look(what: Seen): unknown {
    const value = look(what, this.#subject, this.#recipient);
    this.#saw.set(what, value);
    return value;
  }

  get origin(): unknown {
    return this.#subject.origin;
  }
  get listener(): unknown {
    return this.#subject.listener;
  }
  get client(): unknown {
    return this.#look("client");
  }
  get ehlo(): unknown {
    return this.#look("ehlo");
  }
  get tls(): unknown {
    return this.#look("tls");
  }
  get identity(): unknown {
    return this.#look("identity");
  }

  get envelope(): unknown {
    const { per } = this.#condition;
    if (per === "session") throw new HookFault(perHasNone(per, "envelope"));
    return (this.#subject.own as { readonly envelope?: unknown }).envelope;
  }

  get recipient(): unknown {
    const { per } = this.#condition;
    if (per !== "recipient") throw new HookFault(perHasNone(per, "recipient"));
    return this.#recipient;
  }

  fact = (fact: AnyFact): unknown => {
    if (!this.#condition.reads.includes(fact)) throw new HookFault(readByCondition(String(fact?.name)));
    return this.#look(fact);
  };
}
