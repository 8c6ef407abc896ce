/** Turns a pipeline into the list of hooks of each stage, and checks at start what the types check when compiling. */
import { definitionFault, nameOf } from "./check-definition.ts";
import type { Condition } from "./condition.ts";
import type { AnyFact } from "./context.ts";
import { durationMs } from "./duration.ts";
import { ENGINE_FACTS } from "./engine-facts.ts";
import type { OnError } from "./on-error.ts";
import type { Element, Pipeline } from "./pipeline.ts";
import type { AnyDefinition, Plugin } from "./plugin.ts";
import { isKnownIn, STAGES, type Stage } from "./stage.ts";
import {
  LIST_ELEMENT,
  NO_ROUTES,
  NOT_AN_ELEMENT,
  needsEarlier,
  providedTwice,
  siblingRead,
} from "./words.ts";

/** A plugin at its place. */
export interface Slot {
  readonly plugin: Plugin;
  readonly definition: AnyDefinition;
  /** All must hold (or, with `negate`, not hold) for its hooks to run. */
  readonly conditions: readonly { readonly condition: Condition; readonly negate: boolean }[];
  /** Slots of one number run at once. */
  readonly parallel: number | undefined;
  readonly readable: ReadonlySet<AnyFact>;
  readonly provides: readonly AnyFact[];
  /** For each hook run, in milliseconds. */
  readonly timeoutMs: number;
  readonly onError: OnError;
  readonly editsHeader: boolean;
  readonly editsBody: boolean;
  readonly editsEnvelope: boolean;
}

/** A pipeline made ready for the runner. */
export interface CompiledPipeline {
  readonly slots: readonly Slot[];
  /** For each stage, the slots with a hook, in written order. */
  readonly hooks: { readonly [S in Stage]: readonly Slot[] };
  readonly routes: boolean;
  /** What is wrong, one line each; empty when it may start. */
  readonly faults: readonly string[];
}

/** Compiles a pipeline. Never throws: what is wrong is in `faults`. */
export function compilePipeline(pipeline: Pipeline): CompiledPipeline {
  const walk: Walk = {
    slots: [],
    faults: [],
    known: new Set(ENGINE_FACTS.map(({ name }) => name)),
    given: new Set(ENGINE_FACTS.map(({ name }) => name)),
    named: new Map(ENGINE_FACTS.map((fact) => [fact.name, fact])),
    parallels: 0,
    depth: 0,
  };
  walkList(pipeline?.kind === "pipeline" ? pipeline.elements : undefined, walk, { conditions: [] });
  const hooks = Object.fromEntries(
    STAGES.map((stage) => [stage, walk.slots.filter((slot) => typeof slot.definition[stage] === "function")]),
  ) as unknown as CompiledPipeline["hooks"];
  const routes = walk.slots.some((slot) => slot.definition.routes === true);
  if (!routes) walk.faults.push(NO_ROUTES);
  return { slots: walk.slots, hooks, routes, faults: walk.faults };
}

const NO_PIPELINE = "this is no pipeline: make one with pipeline(...)";
const DEPTH_MAX = 50;

interface Walk {
  readonly slots: Slot[];
  readonly faults: string[];
  /** Names of facts that are surely provided before this place. */
  known: Set<string>;
  /** Those that may be. */
  readonly given: Set<string>;
  /** The object of each name, to find two of one name. */
  readonly named: Map<string, AnyFact>;
  parallels: number;
  depth: number;
}

/** What holds for all elements of a list. */
interface Place {
  readonly conditions: Slot["conditions"];
  readonly siblings?: {
    readonly number: number;
    /** Facts that other elements of the group provide. */
    readonly provided: Set<string>;
  };
}

function walkList(elements: readonly Element[] | undefined, walk: Walk, place: Place): void {
  if (!Array.isArray(elements)) {
    walk.faults.push(NO_PIPELINE);
    return;
  }
  if (walk.depth >= DEPTH_MAX) {
    walk.faults.push(`the pipeline is nested deeper than ${DEPTH_MAX}`);
    return;
  }
  walk.depth++;
  for (const element of elements as readonly Element[]) walkElement(element, walk, place);
  walk.depth--;
}

function walkElement(element: Element, walk: Walk, place: Place): void {
  if (Array.isArray(element)) {
    walk.faults.push(LIST_ELEMENT);
    return;
  }
  switch (element?.kind) {
    case "plugin":
      placePlugin(element, walk, place);
      return;
    case "pipeline":
      walkList(element.elements, walk, place);
      return;
    case "when":
      walkWhen(element, walk, place);
      return;
    case "choose":
      walkChoose(element, walk, place);
      return;
    case "parallel":
      walkParallel(element.elements, walk, place);
      return;
    default:
      walk.faults.push(NOT_AN_ELEMENT);
  }
}

type GroupElement = Extract<Element, { readonly kind: "when" | "choose" | "parallel" }>;

function walkWhen({ kind, condition, elements }: GroupElement, walk: Walk, place: Place): void {
  if (!isCondition(kind, condition, walk)) return;
  checkReads(`condition '${condition.name}'`, condition.reads, walk, place);
  walkList(elements, walk, under(place, condition, false));
}

function walkChoose({ kind, condition, elements, otherwise }: GroupElement, walk: Walk, place: Place): void {
  if (!isCondition(kind, condition, walk)) return;
  checkReads(`condition '${condition.name}'`, condition.reads, walk, place);
  const before = { known: new Set(walk.known), given: new Set(walk.given) };
  walkList(elements, walk, under(place, condition, false));
  const first = { known: walk.known, given: new Set(walk.given) };
  // The other branch stands where the first one stands.
  walk.known = before.known;
  walk.given.clear();
  for (const name of before.given) walk.given.add(name);
  walkList(otherwise, walk, under(place, condition, true));
  for (const name of first.given) walk.given.add(name);
  walk.known = walk.known.intersection(first.known);
}

function isCondition(kind: string, condition: Condition | undefined, walk: Walk): condition is Condition {
  if (condition?.kind === "condition") return true;
  walk.faults.push(`${kind}(...) takes a condition first: make one with condition(...)`);
  return false;
}

const under = (place: Place, condition: Condition, negate: boolean): Place => ({
  ...place,
  conditions: [...place.conditions, { condition, negate }],
});

function walkParallel(elements: readonly Element[], walk: Walk, place: Place): void {
  const siblings = place.siblings ?? { number: walk.parallels++, provided: new Set<string>() };
  // A reader may stand before the provider: both run at once.
  if (!place.siblings) for (const name of providedIn(elements, 0)) siblings.provided.add(name);
  walkList(elements, walk, { ...place, siblings });
}

function providedIn(elements: readonly Element[], depth: number): readonly string[] {
  if (depth >= DEPTH_MAX || !Array.isArray(elements)) return [];
  return (elements as readonly Element[]).flatMap((element) => {
    if (element?.kind === "plugin") {
      const provides: unknown = element.definition?.provides;
      return Array.isArray(provides) ? provides.map((fact: AnyFact) => String(fact?.name)) : [];
    }
    if (!element || Array.isArray(element)) return [];
    const { otherwise = [] } = element as Partial<GroupElement>;
    return [...providedIn(element.elements, depth + 1), ...providedIn(otherwise, depth + 1)];
  });
}

function checkReads(who: string, reads: readonly AnyFact[], walk: Walk, { siblings }: Place): void {
  for (const fact of reads) {
    checkNamed(who, fact, walk);
    if (siblings?.provided.has(fact.name)) walk.faults.push(`${who} ${siblingRead(fact.name)}`);
    else if (!walk.known.has(fact.name)) walk.faults.push(`${who} ${needsEarlier(fact.name)}`);
  }
}

function checkNamed(who: string, fact: AnyFact, walk: Walk): void {
  const known = walk.named.get(fact.name);
  if (known === undefined) walk.named.set(fact.name, fact);
  else if (known !== fact) {
    walk.faults.push(`${who}: there are two facts named '${fact.name}': export one and import it everywhere`);
  }
}

function placePlugin(plugin: Plugin, walk: Walk, place: Place): void {
  const definition = plugin.definition;
  const who = nameOf(definition);
  // Made by hand, past definePlugin.
  const fault = definitionFault(definition);
  if (fault !== undefined) {
    walk.faults.push(`${who}: ${fault}`);
    return;
  }
  const reads: readonly AnyFact[] = definition.reads ?? [];
  const mayRead: readonly AnyFact[] = definition.mayRead ?? [];
  const provides: readonly AnyFact[] = definition.provides ?? [];
  const edits: readonly string[] = definition.edits ?? [];
  checkReads(who, reads, walk, place);
  for (const fact of mayRead) {
    checkNamed(who, fact, walk);
    if (place.siblings?.provided.has(fact.name)) walk.faults.push(`${who} ${siblingRead(fact.name)}`);
  }
  for (const fact of provides) {
    checkNamed(who, fact, walk);
    if (walk.given.has(fact.name)) walk.faults.push(`${who}: ${providedTwice(fact.name)}`);
    walk.known.add(fact.name);
    walk.given.add(fact.name);
  }
  if (place.siblings && edits.length > 0) {
    walk.faults.push(`${who} edits: a plugin in parallel(...) may not edit`);
  }
  for (const { condition } of place.conditions) checkUnder(plugin, condition, walk);
  const dns = (definition.needs ?? []).includes("dns");
  walk.slots.push({
    plugin,
    definition,
    conditions: place.conditions,
    parallel: place.siblings?.number,
    readable: new Set([...reads, ...mayRead, ...provides]),
    provides,
    timeoutMs: durationMs(definition.timeout ?? (dns ? "10s" : "30s")),
    onError: definition.onError ?? "tempfail",
    editsHeader: edits.includes("header"),
    editsBody: edits.includes("body"),
    editsEnvelope: edits.includes("envelope"),
  });
}

function checkUnder(plugin: Plugin, condition: Condition, walk: Walk): void {
  const who = nameOf(plugin.definition);
  for (const stage of STAGES) {
    if (typeof plugin.definition[stage] !== "function" || isKnownIn(condition.from, stage)) continue;
    walk.faults.push(
      `${who} has a hook in '${stage}': the condition '${condition.name}' over it is known from '${condition.from}' on`,
    );
  }
  if (condition.per !== "recipient") return;
  const edits: readonly string[] = plugin.definition.edits ?? [];
  if (plugin.definition.data && edits.some((edit) => edit !== "envelope")) {
    walk.faults.push(
      `${who} edits in 'data' under the recipient condition '${condition.name}': an edit for some recipients belongs to 'route'`,
    );
  }
  if (plugin.definition.delivery) {
    walk.faults.push(
      `${who} has a hook in 'delivery' under the recipient condition '${condition.name}': a delivery is about several recipients`,
    );
  }
}
