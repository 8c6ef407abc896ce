/** Conditions of `when` and `choose`: over facts and the envelope, evaluated once for each scope. */
import type { AnyFact, Readable } from "./context.ts";
import type { Client, Envelope, ListenerInfo, Origin, Recipient, TlsInfo } from "./envelope.ts";
import type { FactValue } from "./fact.ts";
import type { Stage } from "./stage.ts";
import type { Identity } from "./verdict.ts";

/** What a condition may look at. */
export interface ConditionContext<S extends Stage = Stage, D extends AnyFact = AnyFact> {
  readonly origin: Origin;
  readonly listener: ListenerInfo;
  readonly client: Client;
  readonly ehlo: string | undefined;
  readonly tls: TlsInfo | undefined;
  readonly identity: Identity | undefined;
  /** From `mail` on. */
  readonly envelope: Envelope;
  /** Of recipient conditions, from `rcpt` on. */
  readonly recipient: Recipient;
  fact<const F extends AnyFact>(fact: F & Readable<F, S, D>): FactValue<F>;
}

/** A condition; make it with `condition()`. */
export interface Condition {
  readonly kind: "condition";
  /** For the trace: why plugins did not run. */
  readonly name: string;
  /** From which stage on it is known; plugins under it have no hooks before that. */
  readonly from: Stage;
  /** What it is evaluated for, once. */
  readonly per: "session" | "transaction" | "recipient";
  readonly reads: readonly AnyFact[];
  readonly holds: (ctx: ConditionContext) => boolean;
}

/**
 * Makes a condition.
 *
 * @param name for the trace
 * @param definition `from`: the stage from which it is known; `reads`: facts it looks at; `holds`: whether it holds.
 *   A condition that throws is a fault of the plugins under it: they are tempfailed.
 */
export function condition<const S extends Stage, const R extends readonly AnyFact[] = []>(
  name: string,
  definition: {
    readonly from: S;
    readonly per: Condition["per"];
    readonly reads?: R;
    readonly holds: (ctx: ConditionContext<S, R[number]>) => boolean;
  },
): Condition {
  const { from, per, reads = [], holds } = definition;
  return { kind: "condition", name, from, per, reads, holds: holds as unknown as Condition["holds"] };
}

/** A condition that always holds: groups plugins without choosing. */
export const always: Condition = condition("always", { from: "connect", per: "session", holds: () => true });

/** Holds for sessions that authenticated. */
export const isAuthenticated: Condition = condition("isAuthenticated", {
  from: "mail",
  per: "transaction",
  holds: (ctx) => ctx.identity !== undefined,
});
