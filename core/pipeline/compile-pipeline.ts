/** Turns a pipeline into the list of hooks of each stage, and checks at start what the types check when compiling. */
import type { Condition } from "./condition.ts";
import type { AnyFact } from "./context.ts";
import { durationMs } from "./duration.ts";
import type { Element, Pipeline } from "./pipeline.ts";
import type { AnyDefinition, OnError, Plugin } from "./plugin.ts";
import { isKnownIn, STAGES, type Stage } from "./stage.ts";

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

interface Walk {
  readonly slots: Slot[];
  readonly faults: string[];
  readonly known: Map<string, AnyFact>;
  parallels: number;
}

/** Compiles a pipeline. */
export function compilePipeline(pipeline: Pipeline): CompiledPipeline {
  const walk: Walk = { slots: [], faults: [], known: new Map(), parallels: 0 };
  walkList(pipeline?.elements, walk, [], undefined);
  const hooks = Object.fromEntries(
    STAGES.map((stage) => [stage, walk.slots.filter((slot) => typeof slot.definition[stage] === "function")]),
  ) as unknown as CompiledPipeline["hooks"];
  const routes = walk.slots.some((slot) => slot.definition.routes === true);
  if (!routes) walk.faults.push("the pipeline has no plugin that routes: add routes(...)");
  return { slots: walk.slots, hooks, routes, faults: walk.faults };
}

type Conditions = Slot["conditions"];

function walkList(
  elements: readonly Element[] | undefined,
  walk: Walk,
  conditions: Conditions,
  parallel: number | undefined,
): void {
  if (!Array.isArray(elements)) {
    walk.faults.push("this is no pipeline: make one with pipeline(...)");
    return;
  }
  for (const element of elements as readonly Element[]) walkElement(element, walk, conditions, parallel);
}

function walkElement(
  element: Element,
  walk: Walk,
  conditions: Conditions,
  parallel: number | undefined,
): void {
  switch (element?.kind) {
    case "plugin":
      walk.slots.push(place(element, walk, conditions, parallel));
      return;
    case "pipeline":
      walkList(element.elements, walk, conditions, parallel);
      return;
    case "when":
    case "choose": {
      const { condition, otherwise } = element;
      if (condition?.kind !== "condition") {
        walk.faults.push(`${element.kind}(...) takes a condition first: make one with condition(...)`);
        return;
      }
      checkReads(condition.name, condition.reads, condition.from, walk);
      const before = new Map(walk.known);
      walkList(element.elements, walk, [...conditions, { condition, negate: false }], parallel);
      if (otherwise) {
        const provided = new Map(walk.known);
        walk.known.clear();
        for (const [name, known] of before) walk.known.set(name, known);
        walkList(otherwise, walk, [...conditions, { condition, negate: true }], parallel);
        // Only what both provide is known to what follows.
        for (const name of [...walk.known.keys()]) if (!provided.has(name)) walk.known.delete(name);
      }
      return;
    }
    case "parallel":
      walkParallel(element.elements, walk, conditions);
      return;
    default:
      walk.faults.push(
        "a pipeline takes plugins, when(...), choose(...), parallel(...) and pipelines; found something else",
      );
  }
}

function walkParallel(elements: readonly Element[], walk: Walk, conditions: Conditions): void {
  const group = walk.parallels++;
  const before = new Map(walk.known);
  const added = new Map<string, AnyFact>();
  for (const element of elements) {
    walk.known.clear();
    for (const [name, known] of before) walk.known.set(name, known);
    const from = walk.slots.length;
    walkElement(element, walk, conditions, group);
    for (const slot of walk.slots.slice(from)) {
      if ((slot.definition.edits ?? []).length > 0) {
        walk.faults.push(`plugin '${slot.plugin.name}' edits: a plugin in parallel(...) may not edit`);
      }
    }
    for (const [name, known] of walk.known) if (!before.has(name)) added.set(name, known);
  }
  for (const [name, known] of added) walk.known.set(name, known);
}

function checkReads(who: string, reads: readonly AnyFact[], from: Stage | undefined, walk: Walk): void {
  for (const read of reads) {
    const known = walk.known.get(read.name);
    if (!known) {
      walk.faults.push(`'${who}' needs the fact '${read.name}': put the plugin that provides it earlier`);
    } else if (known !== read) {
      walk.faults.push(
        `'${who}' reads a fact '${read.name}' that is another object than the one provided: export one fact and import it`,
      );
    }
    if (from && !isKnownIn(read.stage, from)) {
      walk.faults.push(
        `the fact '${read.name}' is known from the stage '${read.stage}' on: '${who}' can not read it in '${from}'`,
      );
    }
  }
}

function place(plugin: Plugin, walk: Walk, conditions: Conditions, parallel: number | undefined): Slot {
  const definition = plugin.definition;
  const reads: readonly AnyFact[] = definition.reads ?? [];
  const mayRead: readonly AnyFact[] = definition.mayRead ?? [];
  const provides: readonly AnyFact[] = definition.provides ?? [];
  const edits: readonly string[] = definition.edits ?? [];
  checkReads(plugin.name, reads, undefined, walk);
  for (const fact of provides) {
    if (walk.known.has(fact.name)) {
      walk.faults.push(
        `plugin '${plugin.name}': the fact '${fact.name}' is provided by an earlier plugin already: a fact has one provider`,
      );
    }
    if (typeof definition[fact.stage] !== "function") {
      walk.faults.push(
        `plugin '${plugin.name}' provides the fact '${fact.name}' of the stage '${fact.stage}' and has no hook for it`,
      );
    }
    walk.known.set(fact.name, fact);
  }
  for (const { condition } of conditions) checkUnder(plugin, condition, walk);
  const dns = (definition.needs ?? []).includes("dns");
  return {
    plugin,
    definition,
    conditions,
    parallel,
    readable: new Set([...reads, ...mayRead, ...provides]),
    provides,
    timeoutMs: durationMs(definition.timeout ?? (dns ? "10s" : "30s")),
    onError: definition.onError ?? "tempfail",
    editsHeader: edits.includes("header"),
    editsBody: edits.includes("body"),
    editsEnvelope: edits.includes("envelope"),
  };
}

function checkUnder(plugin: Plugin, condition: Condition, walk: Walk): void {
  for (const stage of STAGES) {
    if (typeof plugin.definition[stage] !== "function" || isKnownIn(condition.from, stage)) continue;
    walk.faults.push(
      `the condition '${condition.name}' is known from '${condition.from}' on: plugin '${plugin.name}' under it has a hook in '${stage}'`,
    );
  }
  const edits: readonly string[] = plugin.definition.edits ?? [];
  if (condition.per === "recipient" && plugin.definition.data && edits.some((edit) => edit !== "envelope")) {
    walk.faults.push(
      `plugin '${plugin.name}' edits in 'data' under the recipient condition '${condition.name}': an edit for some recipients belongs to 'route'`,
    );
  }
}
