/** Facts of a message that lay in the spool, read back: what no longer fits reads as its fallback. */
import {
  type AnyFact,
  ENGINE_FACTS,
  type FactMap,
  readStoredFact,
  type Scope,
  type Slot,
} from "../pipeline/mod.ts";
import type { StoredFacts } from "./spool.ts";

/** The facts that anybody in a pipeline reads or provides, by name. */
export function factsByName(slots: readonly Slot[]): ReadonlyMap<string, AnyFact> {
  const declared = slots.flatMap(({ readable, provides }) => [...readable, ...provides]);
  return new Map([...ENGINE_FACTS, ...declared].map((fact) => [fact.name, fact]));
}

/** What is read back, and how. */
export interface FactRestoring {
  readonly scope: Scope;
  /** Facts of `data` are left out: that stage runs anew. */
  readonly beforeData: boolean;
  /** Told of each value that does not fit any more. */
  readonly unfit: (name: string) => void;
}

/** Those of one scope. A fact that nobody declares any more is passed over: nobody can read it. */
export function restoreFacts(
  stored: StoredFacts,
  known: ReadonlyMap<string, AnyFact>,
  { scope, beforeData, unfit }: FactRestoring,
): FactMap {
  const facts: FactMap = new Map();
  for (const [name, kept] of Object.entries(stored)) {
    const fact = known.get(name);
    if (fact?.scope !== scope || (beforeData && fact.stage === "data")) continue;
    const read = readStoredFact(fact, kept);
    if (read) facts.set(fact, read.value);
    else unfit(name);
  }
  return facts;
}
