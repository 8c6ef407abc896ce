/**
 * Facts: what plugins find out and tell each other. A fact is typed, JSON-serialisable, and has a fallback, the safe
 * value that means "not known". Its identity is the object that `fact()` returns.
 */
import type { z } from "./schema.ts";
import { SCOPES_OF, type Scope, type ScopesOf, type Stage } from "./stage.ts";

/** A declared fact. `Value` is what readers get. */
export interface Fact<
  Name extends string = string,
  FactStage extends Stage = Stage,
  FactScope extends Scope = Scope,
  Value = unknown,
> {
  readonly kind: "fact";
  readonly name: Name;
  /** The stage whose hook provides it; it can be read in this stage and later ones. */
  readonly stage: FactStage;
  readonly scope: FactScope;
  /** Checks a value when it is provided, and one read back from the spool. */
  readonly schema: z.ZodType<Value>;
  /** What is read when no plugin provided it: a provider was skipped, conditional, or is not in this host. */
  readonly fallback: Value;
  /** Raised when the shape changes; a stored value of another version reads as the fallback. */
  readonly version: number;
}

/** The value type of a fact. */
export type FactValue<F> = F extends Fact<string, Stage, Scope, infer Value> ? Value : never;

type ScopeOrWords<S extends Stage, Sc extends Scope> = Sc extends ScopesOf[S]
  ? Sc
  : `a fact of the stage '${S}' has the scope '${ScopesOf[S]}'`;

/**
 * Declares a fact. Call it once at module level and export the result: two objects of one name stop the start.
 *
 * @param name lower-case name, shown in traces
 * @param definition stage, scope, zod schema, fallback, and a version (default 1)
 */
export function fact<const Name extends string, const S extends Stage, const Sc extends Scope, Value>(
  name: Name,
  definition: {
    readonly stage: S;
    readonly scope: ScopeOrWords<S, Sc>;
    readonly schema: z.ZodType<Value>;
    readonly fallback: NoInfer<Value>;
    readonly version?: number;
  },
): Fact<Name, S, Sc, Value> {
  const { stage, scope, schema, fallback, version = 1 } = definition;
  const scopes = SCOPES_OF[stage];
  if (!scopes) throw new TypeError(`fact '${name}': there is no stage '${String(stage)}'`);
  if (!scopes.includes(scope as Scope)) {
    throw new TypeError(
      `fact '${name}': a fact of the stage '${stage}' has the scope '${scopes.join("' or '")}'`,
    );
  }
  return Object.freeze({ kind: "fact" as const, name, stage, scope: scope as Sc, schema, fallback, version });
}
