/**
 * Conditions of `when` and `choose`: over facts and the envelope, evaluated once for each scope. What the results are
 * kept for is in evaluate-condition.ts.
 */
import type { AnyFact } from "./context.ts";
import type { EngineFactName } from "./engine-facts.ts";
import type { Client, Envelope, ListenerInfo, Origin, Recipient, TlsInfo } from "./envelope.ts";
import { type Fact, type FactValue, isFact } from "./fact.ts";
import { isKnownIn, type Scope, STAGES, type Stage, type StagesUpTo } from "./stage.ts";
import type { Identity } from "./verdict.ts";
import {
  NOT_A_FACT,
  type PerHasNone,
  type PerTooEarly,
  perTooEarly,
  type ReadByCondition,
  type ReadTooEarly,
  readTooEarly,
  type TooNarrow,
  tooNarrow,
} from "./words.ts";

/** What a condition is evaluated for, once. */
export type Per = "session" | "transaction" | "recipient";

/** For each, the scopes of facts that a condition may read: a value must not change while the result is kept. */
interface ScopesFor {
  session: "session";
  transaction: "session" | "transaction";
  recipient: "session" | "transaction" | "recipient";
}

const SCOPES_FOR: { readonly [P in Per]: readonly Scope[] } = {
  session: ["session"],
  transaction: ["session", "transaction"],
  recipient: ["session", "transaction", "recipient"],
};

/** The stage with which each begins. */
const BEGINS: { readonly [P in Per]: Stage } = { session: "connect", transaction: "mail", recipient: "rcpt" };

type PerOrWords<S extends Stage, P extends Per> = P extends "session"
  ? P
  : [P extends "transaction" ? "mail" : "rcpt"] extends [StagesUpTo[S]]
    ? P
    : PerTooEarly<P, S>;

/** A fact that a condition may read, or words that say why not. */
export type ReadableByCondition<F, S extends Stage, D extends AnyFact, P extends Per> =
  F extends Fact<infer Name, infer Of, infer In, unknown>
    ? [Of] extends [StagesUpTo[S]]
      ? [In] extends [ScopesFor[P]]
        ? [Name] extends [D["name"]]
          ? F
          : ReadByCondition<Name>
        : TooNarrow<Name, In, P>
      : ReadTooEarly<Name, Of, S>
    : typeof NOT_A_FACT;

/** What a condition may look at. */
export interface ConditionContext<
  S extends Stage = Stage,
  D extends AnyFact = AnyFact,
  P extends Per = "recipient",
> {
  readonly origin: Origin;
  readonly listener: ListenerInfo;
  readonly client: Client;
  readonly ehlo: string | undefined;
  readonly tls: TlsInfo | undefined;
  readonly identity: Identity | undefined;
  /** Of conditions per transaction and per recipient. */
  readonly envelope: P extends "session" ? PerHasNone<P, "envelope"> : Envelope;
  /** Of conditions per recipient. */
  readonly recipient: P extends "recipient" ? Recipient : PerHasNone<P, "recipient">;
  fact<const F extends AnyFact>(fact: F & ReadableByCondition<F, S, D, P>): FactValue<F>;
}

/** A condition; make it with `condition()`. */
export interface Condition<Needs extends string = string> {
  readonly kind: "condition";
  /** For the trace: why plugins did not run. */
  readonly name: string;
  /** From which stage on it is known; plugins under it have no hooks before that. */
  readonly from: Stage;
  readonly per: Per;
  readonly reads: readonly AnyFact[];
  readonly holds: (ctx: ConditionContext) => boolean;
  /** Only a type: the names of the facts it reads. */
  readonly "~": { readonly needs: Needs } | undefined;
}

const NAME_CHARACTERS_MAX = 100;

/**
 * Makes a condition.
 *
 * @param name for the trace
 * @param definition `from`: the stage from which it is known; `per`: what it is evaluated for, once, when the first
 *   plugin under it is about to run; `reads`: facts it looks at, which need a provider earlier in the pipeline;
 *   `holds`: whether it holds, by nothing but what it is given. A condition that throws, or gives something else than
 *   true or false, is a fault of the plugins under it: they are tempfailed.
 * @throws TypeError when the definition is wrong, in words that name the condition
 */
export function condition<
  const S extends Stage,
  const P extends Per,
  const R extends readonly AnyFact[] = [],
>(
  name: string,
  definition: {
    readonly from: S;
    readonly per: PerOrWords<S, P>;
    readonly reads?: R;
    readonly holds: (ctx: ConditionContext<S, R[number], P>) => boolean;
  },
): Condition<Exclude<R[number]["name"], EngineFactName>> {
  if (typeof name !== "string" || name === "" || name.length > NAME_CHARACTERS_MAX) {
    throw new TypeError(`condition() takes a name of up to ${NAME_CHARACTERS_MAX} characters first`);
  }
  const fault = conditionFault(definition as Parameters<typeof conditionFault>[0]);
  if (fault !== undefined) throw new TypeError(`condition '${name}': ${fault}`);
  const { from, per, reads = [], holds } = definition;
  return {
    kind: "condition",
    name,
    from,
    per: per as Per,
    reads,
    holds: holds as unknown as Condition["holds"],
    "~": undefined,
  };
}

function conditionFault(definition: {
  readonly from: Stage;
  readonly per: Per;
  readonly reads?: readonly AnyFact[];
  readonly holds: unknown;
}): string | undefined {
  const { from, per, reads = [], holds } = definition ?? {};
  if (!STAGES.includes(from)) return `'from' is one of ${STAGES.join(", ")}`;
  if (!Object.hasOwn(BEGINS, per)) return "'per' is session, transaction or recipient";
  if (!isKnownIn(BEGINS[per], from)) return perTooEarly(per, from);
  if (typeof holds !== "function") return "'holds' is a function that gives true or false";
  if (!Array.isArray(reads)) return "'reads' is a list of facts";
  for (const fact of reads as readonly AnyFact[]) {
    if (!isFact(fact)) return NOT_A_FACT;
    if (!isKnownIn(fact.stage, from)) return readTooEarly(fact.name, fact.stage, from);
    if (!SCOPES_FOR[per].includes(fact.scope)) return tooNarrow(fact.name, fact.scope, per);
  }
  return undefined;
}

/** A condition that always holds: groups plugins without choosing. */
export const always: Condition<never> = condition("always", {
  from: "connect",
  per: "session",
  holds: () => true,
});

/** Holds for sessions that authenticated. */
export const isAuthenticated: Condition<never> = condition("isAuthenticated", {
  from: "mail",
  per: "transaction",
  holds: (ctx) => ctx.identity !== undefined,
});
