/**
 * Facts: what plugins find out and tell each other. A fact is typed, JSON-serialisable, and has a fallback, the safe
 * value that means "not known". Its identity is the object that `fact()` returns.
 */
import { factValue } from "./fact-value.ts";
import { faultText } from "./hook-fault.ts";
import type { z } from "./schema.ts";
import { SCOPES_OF, type Scope, type ScopesOf, type Stage } from "./stage.ts";
import { type WrongScope, wrongScope } from "./words.ts";

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
  : WrongScope<S, ScopesOf[S]>;

const NAME = /^[a-z][A-Za-z0-9]{0,63}$/;

/**
 * Declares a fact. Call it once at module level and export the result: two objects of one name stop the start.
 *
 * @param name short and in lower camel case, shown in traces
 * @param definition stage, scope, zod schema, fallback, and a version (default 1). A value is given to the schema when
 *   it is provided and again when it is read back, so the schema must take what it gives. Values are kept as JSON,
 *   copied and frozen.
 * @throws TypeError when the definition is wrong, in words that name the fact
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
  if (typeof name !== "string" || !NAME.test(name)) {
    throw new TypeError(`'${String(name)}' is no name of a fact: letters and digits in lower camel case`);
  }
  const wrong = (words: string): never => {
    throw new TypeError(`fact '${name}': ${words}`);
  };
  const { stage, scope, schema, fallback, version = 1 } = definition;
  const scopes = Object.hasOwn(SCOPES_OF, stage) ? SCOPES_OF[stage] : wrong(`there is no stage '${stage}'`);
  if (!scopes.includes(scope as Scope)) wrong(wrongScope(stage, scopes.join("' or '")));
  if (typeof schema?.safeParse !== "function") wrong("its schema is no zod schema");
  if (!Number.isSafeInteger(version) || version < 1) wrong("its version is a whole number from 1 on");
  let value: Value;
  try {
    value = factValue(schema.parse(fallback)) as Value;
  } catch (error) {
    return wrong(`its fallback does not fit: ${faultText(error)}`);
  }
  return Object.freeze({
    kind: "fact" as const,
    name,
    stage,
    scope: scope as Sc,
    schema,
    fallback: value,
    version,
  });
}

/**
 * A value as it was stored, read back: checked, copied and frozen. Undefined where it is of another version or does not
 * fit any more: then the fallback is read.
 */
export function readStoredFact(
  { schema, version }: Pick<Fact, "schema" | "version">,
  stored: { readonly version: number; readonly value: unknown },
): { readonly value: unknown } | undefined {
  if (stored.version !== version) return undefined;
  try {
    const parsed = schema.safeParse(stored.value);
    return parsed.success ? { value: factValue(parsed.data) } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a value is a fact that `fact()` made. */
export const isFact = (value: unknown): value is Fact =>
  typeof value === "object" && value !== null && (value as { readonly kind?: unknown }).kind === "fact";
