/**
 * Runs the hooks of one stage for one subject: in written order, those of a `parallel(...)` group at once and folded
 * in written order. The first verdict ends the stage. What a single hook may do, and whether it runs, is core/pipeline's.
 */
import { type HookOutcome, type HookSubject, runSlot, type Slot, type Stage } from "../pipeline/mod.ts";

/** What the stages differ in. */
export interface StageRun<S extends Stage> {
  readonly stage: S;
  readonly slots: readonly Slot[];
  /** The subject of the next hooks: asked for anew, since those before may have changed the message or the envelope. */
  readonly subject: () => HookSubject;
  /** Told how each hook ended, in written order. True ends the stage though no verdict was given. */
  readonly onOutcome?: (outcome: HookOutcome<S>, slot: Slot) => boolean;
}

/**
 * Runs a stage to its first verdict, and gives it; undefined: all went on. Never throws or rejects. Hooks that answer
 * at once, as most do, leave nothing to wait for.
 */
export function runStage<S extends Stage>(
  run: StageRun<S>,
): HookOutcome<S>["verdict"] | Promise<HookOutcome<S>["verdict"]> {
  return runFrom(run, 0);
}

function runFrom<S extends Stage>(
  run: StageRun<S>,
  from: number,
): HookOutcome<S>["verdict"] | Promise<HookOutcome<S>["verdict"]> {
  const { slots, stage } = run;
  for (let at = from; at < slots.length; ) {
    const end = endOfGroup(slots, at);
    const running = outcomesOf(slots, at, end, stage, run.subject());
    if (running instanceof Promise) {
      const begin = at;
      return running.then((outcomes) => {
        const decided = told(run, begin, outcomes);
        return decided ? decided.verdict : runFrom(run, end);
      });
    }
    const decided = told(run, at, running);
    if (decided) return decided.verdict;
    at = end;
  }
  return undefined;
}

/** Tells of the outcomes in written order; gives the one that ends the stage. */
function told<S extends Stage>(
  { slots, onOutcome }: StageRun<S>,
  begin: number,
  outcomes: readonly HookOutcome<S>[],
): HookOutcome<S> | undefined {
  for (let i = 0; i < outcomes.length; i++) {
    const outcome = outcomes[i]!;
    const over = onOutcome?.(outcome, slots[begin + i]!) === true;
    if (outcome.verdict || over) return outcome;
  }
  return undefined;
}

/**
 * Runs the slots [begin, end) at once. Siblings that are still at it when an earlier one decides are waited for, so
 * that none of them runs on beside the next stage.
 */
export function outcomesOf<S extends Stage>(
  slots: readonly Slot[],
  begin: number,
  end: number,
  stage: S,
  subject: HookSubject,
): readonly HookOutcome<S>[] | Promise<readonly HookOutcome<S>[]> {
  const running: (HookOutcome<S> | Promise<HookOutcome<S>>)[] = [];
  let wait = false;
  for (let at = begin; at < end; at++) {
    const outcome = runSlot(slots[at]!, stage, subject);
    if (outcome instanceof Promise) wait = true;
    running.push(outcome);
  }
  return wait ? Promise.all(running) : (running as HookOutcome<S>[]);
}

/** Where the slots end that run at once from a place on: after one, or after a `parallel` group. */
export function endOfGroup(slots: readonly Slot[], at: number): number {
  const { parallel } = slots[at]!;
  let end = at + 1;
  if (parallel !== undefined) while (slots[end]?.parallel === parallel) end++;
  return end;
}
