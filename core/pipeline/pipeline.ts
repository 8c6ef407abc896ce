/**
 * `pipeline(...)` and its combinators. The compiler checks that the provider of each fact read stands earlier in the
 * written order; compile-pipeline.ts checks the same at start, for JavaScript and for what types can not see.
 */
import type { Condition } from "./condition.ts";
import type { Plugin } from "./plugin.ts";

/** A list of plugins that hangs together; its type says whether it routes. */
export interface Pipeline<Routes extends boolean = boolean> {
  readonly kind: "pipeline";
  readonly elements: readonly Element[];
  /** Only a type. */
  readonly "~": { readonly provides: string; readonly needs: string; readonly routes: Routes } | undefined;
}

/** Plugins under a condition, one of two, or run at once. */
export interface Group<
  Provides extends string = string,
  Needs extends string = string,
  Routes extends boolean = boolean,
> {
  readonly kind: "when" | "choose" | "parallel";
  readonly condition?: Condition;
  readonly elements: readonly Element[];
  /** For `choose`: what runs when the condition does not hold. */
  readonly otherwise?: readonly Element[];
  readonly "~": { readonly provides: Provides; readonly needs: Needs; readonly routes: Routes } | undefined;
}

/** What a pipeline is made of. */
export type Element = Plugin | Group | Pipeline | NestedPipeline<string, boolean>;

/** A pipeline within a pipeline: what it provides is known to what follows. */
export interface NestedPipeline<Provides extends string, Routes extends boolean> extends Pipeline<Routes> {
  readonly "~": { readonly provides: Provides; readonly needs: never; readonly routes: Routes } | undefined;
}

type Meta<E> = E extends { readonly "~": infer M } ? NonNullable<M> : never;
type AnyMeta = { readonly provides: string; readonly needs: string; readonly routes: boolean };
type NeedsOf<E> = Meta<E> extends { readonly needs: infer N extends string } ? N : never;
type ProvidesAny<M> = M extends AnyMeta ? M["provides"] : never;
/** Of a union of elements, only what each of them provides is known to what follows. */
type LackedBySome<M, N extends string> = M extends AnyMeta ? (N extends M["provides"] ? never : N) : never;
type ProvidesEach<E, All extends string = ProvidesAny<Meta<E>>> = All extends unknown
  ? [LackedBySome<Meta<E>, All>] extends [never]
    ? All
    : never
  : never;

type Unmet<E, Known extends string> = Exclude<NeedsOf<E>, Known>;
type Twice<E, Known extends string> = Extract<ProvidesAny<Meta<E>>, Known>;

type CheckOne<E, Known extends string> = [Unmet<E, Known>] extends [never]
  ? [Twice<E, Known>] extends [never]
    ? E
    : `the fact '${Twice<E, Known>}' is provided by an earlier plugin already: a fact has one provider`
  : `needs the fact '${Unmet<E, Known>}': put the plugin that provides it earlier`;

type CheckList<
  L extends readonly unknown[],
  Known extends string = never,
  Out extends readonly unknown[] = [],
> = L extends readonly [infer Head, ...infer Tail]
  ? CheckList<Tail, Known | ProvidesEach<Head>, [...Out, CheckOne<Head, Known>]>
  : Out;

/** True where a list's length is not one known number: a spread array, or a conditional spread. */
type IsLoose<L extends readonly unknown[]> = number extends L["length"]
  ? true
  : IsUnion<L["length"]> extends true
    ? true
    : false;
type IsUnion<T, U = T> = T extends unknown ? ([U] extends [T] ? false : true) : never;
type LooseWords = "a spread list hides which plugins there are: use when(...) or choose(...)";

/** What a list of elements must be; each wrong element becomes the words that say what is wrong. */
export type Checked<L extends readonly unknown[]> =
  IsLoose<L> extends true ? { [K in keyof L]: LooseWords } : CheckList<L>;

type ProvidesOfList<L extends readonly unknown[]> = L extends readonly [infer H, ...infer T]
  ? ProvidesEach<H> | ProvidesOfList<T>
  : never;
type NeedsOfList<
  L extends readonly unknown[],
  Known extends string = never,
  Out extends string = never,
> = L extends readonly [infer H, ...infer T]
  ? NeedsOfList<T, Known | ProvidesEach<H>, Out | Exclude<NeedsOf<H>, Known>>
  : Out;
type RoutesOfList<L extends readonly unknown[]> = true extends RoutesOf<L[number]> ? true : false;
type RoutesOf<E> = Meta<E> extends { readonly routes: infer R } ? R : false;

/** What `parallel` adds: no sibling's facts, no edits. */
type NeedsOfSiblings<L extends readonly unknown[]> = NeedsOf<L[number]>;
type SiblingCheck<L extends readonly unknown[]> = {
  [K in keyof L]: [Extract<NeedsOf<L[K]>, ProvidesAny<Meta<L[number]>>>] extends [never]
    ? L[K]
    : `reads the fact '${Extract<NeedsOf<L[K]>, ProvidesAny<Meta<L[number]>>>}' of a sibling: plugins in parallel(...) do not see each other's facts`;
};

/**
 * Puts plugins in order. Every fact that one reads must be provided by one before it.
 *
 * A nested pipeline is complete in itself; to group plugins that read facts of the pipeline around them, use
 * `when(always, ...)`.
 */
export function pipeline<const L extends readonly Element[]>(
  ...plugins: L & Checked<L>
): NestedPipeline<ProvidesOfList<L>, RoutesOfList<L>> {
  return { kind: "pipeline", elements: plugins as readonly Element[], "~": undefined };
}

/** Runs plugins where a condition holds; their facts fall back where it does not. */
export function when<const L extends readonly Element[]>(
  condition: Condition,
  ...plugins: L
): Group<ProvidesOfList<L>, NeedsOfList<L>, RoutesOfList<L>> {
  return { kind: "when", condition, elements: plugins, "~": undefined };
}

/** Runs the one plugin where the condition holds, and the other where it does not. */
export function choose<const A extends Element, const B extends Element>(
  condition: Condition,
  a: A,
  b: B,
): Group<ProvidesEach<A | B>, NeedsOf<A> | NeedsOf<B>, RoutesOfList<[A, B]>> {
  return { kind: "choose", condition, elements: [a], otherwise: [b], "~": undefined };
}

/** Runs plugins at once and folds their verdicts in written order. None may edit or read another's facts. */
export function parallel<const L extends readonly Element[]>(
  ...plugins: L & SiblingCheck<L>
): Group<ProvidesOfList<L>, NeedsOfSiblings<L>, RoutesOfList<L>> {
  return { kind: "parallel", elements: plugins as readonly Element[], "~": undefined };
}
