/**
 * `pipeline(...)` and its combinators. The compiler checks that the provider of each fact read stands earlier in the
 * written order; compile-pipeline.ts checks the same at start, for JavaScript and for what types can not see.
 */
import type { Condition } from "./condition.ts";
import type { EngineFactName } from "./engine-facts.ts";
import type { Plugin } from "./plugin.ts";
import type {
  HIDDEN_FACTS,
  LIST_ELEMENT,
  NeedsEarlier,
  NOT_AN_ELEMENT,
  ProvidedTwice,
  SiblingRead,
  SPREAD_LIST,
} from "./words.ts";

/**
 * What the checks know of an element: the facts that it surely provides, those that it may provide, those that must be
 * provided before it, and those that anything in it reads.
 */
interface Meta {
  readonly provides: string;
  readonly gives: string;
  readonly needs: string;
  readonly reads: string;
  readonly routes: boolean;
}

/** A list of plugins that hangs together; its type says whether it routes. */
export interface Pipeline<Routes extends boolean = boolean> {
  readonly kind: "pipeline";
  readonly elements: readonly Element[];
  /** Only a type. */
  readonly "~": { readonly provides: string; readonly needs: string; readonly routes: Routes } | undefined;
}

/** A pipeline with its own facts known: what it provides is known to what follows. */
export interface NestedPipeline<M extends Meta> extends Pipeline<M["routes"]> {
  readonly "~": M | undefined;
}

/** Plugins under a condition, one of two, or run at once. */
export interface Group<M extends Meta = Meta> {
  readonly kind: "when" | "choose" | "parallel";
  /** Absent: `parallel` has none. */
  readonly condition?: Condition;
  readonly elements: readonly Element[];
  /** For `choose`: what runs when the condition does not hold. */
  readonly otherwise?: readonly Element[];
  readonly "~": M | undefined;
}

/** What a pipeline is made of. */
export type Element = Plugin | Group | Pipeline | NestedPipeline<Meta>;

type MetaOf<E> = E extends { readonly "~": infer M } ? NonNullable<M> : never;
type NeedsOf<E> = MetaOf<E> extends { readonly needs: infer N extends string } ? N : never;
type ReadsOf<E> = MetaOf<E> extends { readonly reads: infer N extends string } ? N : never;
/** Distributes: of a union of elements, what any of them may provide. */
type Gives<M> = M extends { readonly gives: infer N extends string } ? N : never;
type GivesOf<E> = Gives<MetaOf<E>>;
type ProvidesAny<M> = M extends Meta ? M["provides"] : never;
/** Of a union of elements, only what each of them provides is known to what follows. */
type LackedBySome<M, N extends string> = M extends Meta ? (N extends M["provides"] ? never : N) : never;
type ProvidesEach<E, All extends string = ProvidesAny<MetaOf<E>>> = All extends unknown
  ? [LackedBySome<MetaOf<E>, All>] extends [never]
    ? All
    : never
  : never;
type RoutesOf<M> = M extends { readonly routes: infer R } ? R : false;

/** `E`, or words for what is no element. */
type ElementOrWords<E> = [E] extends [Element]
  ? string extends NeedsOf<E>
    ? typeof HIDDEN_FACTS
    : E
  : Extract<E, readonly unknown[]> extends never
    ? typeof NOT_AN_ELEMENT
    : typeof LIST_ELEMENT;

/** Checks one element, after those that provide `Known` and may provide `Given`. */
type CheckOne<E, Known extends string, Given extends string> =
  ElementOrWords<E> extends E
    ? [Exclude<NeedsOf<E>, Known>] extends [never]
      ? [Extract<GivesOf<E>, Given>] extends [never]
        ? E
        : ProvidedTwice<Extract<GivesOf<E>, Given>>
      : NeedsEarlier<Exclude<NeedsOf<E>, Known>>
    : ElementOrWords<E>;

type CheckList<
  L extends readonly unknown[],
  Known extends string = never,
  Given extends string = EngineFactName,
  Out extends readonly unknown[] = [],
> = L extends readonly [infer Head, ...infer Tail]
  ? CheckList<Tail, Known | ProvidesEach<Head>, Given | GivesOf<Head>, [...Out, CheckOne<Head, Known, Given>]>
  : Out;

/** True where a list's length is not one known number: a spread array, or a conditional spread. */
type IsLoose<L extends readonly unknown[]> = number extends L["length"]
  ? true
  : IsUnion<L["length"]> extends true
    ? true
    : false;
type IsUnion<T, U = T> = T extends unknown ? ([U] extends [T] ? false : true) : never;

/** What a list of elements must be; each wrong element becomes the words that say what is wrong. */
export type Checked<L extends readonly unknown[]> =
  IsLoose<L> extends true ? { [K in keyof L]: typeof SPREAD_LIST } : CheckList<L>;

/** The same for a list in a group, whose needs are those of the group: any of them may be met before it. */
type CheckedGroup<L extends readonly unknown[]> =
  IsLoose<L> extends true ? { [K in keyof L]: typeof SPREAD_LIST } : CheckList<L, NeedsOfList<L>>;

/** What `parallel` adds: no sibling's facts. */
type CheckedSiblings<L extends readonly unknown[]> =
  IsLoose<L> extends true ? { [K in keyof L]: typeof SPREAD_LIST } : CheckSiblings<L, GivesOf<L[number]>>;
type CheckSiblings<
  L extends readonly unknown[],
  All extends string,
  Given extends string = EngineFactName,
  Out extends readonly unknown[] = [],
> = L extends readonly [infer Head, ...infer Tail]
  ? CheckSiblings<Tail, All, Given | GivesOf<Head>, [...Out, CheckSibling<Head, All, Given>]>
  : Out;
type CheckSibling<E, All extends string, Given extends string> = [Extract<ReadsOf<E>, All>] extends [never]
  ? CheckOne<E, NeedsOf<E>, Given>
  : SiblingRead<Extract<ReadsOf<E>, All>>;

/** One pass over a list: all that is known of it. */
type MetaOfList<
  L extends readonly unknown[],
  Known extends string = never,
  Needs extends string = never,
  Routes extends boolean = false,
> = L extends readonly [infer Head, ...infer Tail]
  ? MetaOfList<
      Tail,
      Known | ProvidesEach<Head>,
      Needs | Exclude<NeedsOf<Head>, Known>,
      Routes extends true ? true : [RoutesOf<MetaOf<Head>>] extends [true] ? true : false
    >
  : { readonly provides: Known; readonly needs: Needs; readonly routes: Routes };
type NeedsOfList<L extends readonly unknown[]> = MetaOfList<L>["needs"];

/** The `Meta` of a list, as part of what stands around it. */
type GroupMeta<L extends readonly unknown[], Condition extends string = never> = {
  readonly provides: MetaOfList<L>["provides"];
  readonly gives: GivesOf<L[number]>;
  readonly needs: MetaOfList<L>["needs"] | Condition;
  readonly reads: ReadsOf<L[number]> | Condition;
  readonly routes: MetaOfList<L>["routes"];
};

/** The facts of a condition; one whose type was widened to `Condition` is checked at start alone. */
type Named<N extends string> = string extends N ? never : N;

/**
 * Puts plugins in order. Every fact that one reads must be provided by one before it.
 *
 * A nested pipeline is complete in itself; to group plugins that read facts of the pipeline around them, use
 * `when(always, ...)`.
 */
export function pipeline<const L extends readonly unknown[]>(
  ...plugins: L & Checked<L>
): NestedPipeline<GroupMeta<L>> {
  return { kind: "pipeline", elements: plugins as unknown as readonly Element[], "~": undefined };
}

/** Runs plugins where a condition holds; their facts fall back where it does not. */
export function when<const N extends string, const L extends readonly unknown[]>(
  condition: Condition<N>,
  ...plugins: L & CheckedGroup<L>
): Group<GroupMeta<L, Named<N>>> {
  return {
    kind: "when",
    condition,
    elements: plugins as unknown as readonly Element[],
    "~": undefined,
  };
}

/** Runs the one plugin where the condition holds, and the other where it does not. */
export function choose<const N extends string, const A, const B>(
  condition: Condition<N>,
  a: ElementOrWords<A>,
  b: ElementOrWords<B>,
): Group<{
  readonly provides: ProvidesEach<A | B>;
  readonly gives: GivesOf<A | B>;
  readonly needs: NeedsOf<A> | NeedsOf<B> | Named<N>;
  readonly reads: ReadsOf<A> | ReadsOf<B> | Named<N>;
  readonly routes: MetaOfList<[A, B]>["routes"];
}> {
  return {
    kind: "choose",
    condition,
    elements: [a as unknown as Element],
    otherwise: [b as unknown as Element],
    "~": undefined,
  };
}

/**
 * Runs plugins at once and folds their verdicts in written order. None may edit, or read a fact that another provides;
 * plugins of a group or a pipeline within it are siblings too.
 */
export function parallel<const L extends readonly unknown[]>(
  ...plugins: L & CheckedSiblings<L>
): Group<GroupMeta<L>> {
  return { kind: "parallel", elements: plugins as unknown as readonly Element[], "~": undefined };
}
