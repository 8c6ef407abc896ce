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

/** Runs a stage to its first verdict, and gives it; undefined: all went on. Never rejects. */
export async function runStage<S extends Stage>(run: StageRun<S>): Promise<HookOutcome<S>["verdict"]> {
  for (let at = 0; at < run.slots.length; ) {
    const group = slotsAtOnce(run.slots, at);
    at += group.length;
    const running = outcomesOf(group, run.stage, run.subject());
    const outcomes = running instanceof Promise ? await running : running;
    for (let i = 0; i < outcomes.length; i++) {
      const outcome = outcomes[i]!;
      const over = run.onOutcome?.(outcome, group[i]!) === true;
      if (outcome.verdict || over) return outcome.verdict;
    }
  }
  return undefined;
}

/**
 * Runs slots at once. Siblings that are still at it when an earlier one decides are waited for, so that none of them
 * runs on beside the next stage. Where all are over at once, as most hooks are, there is nothing to wait for.
 */
export function outcomesOf<S extends Stage>(
  group: readonly Slot[],
  stage: S,
  subject: HookSubject,
): readonly HookOutcome<S>[] | Promise<readonly HookOutcome<S>[]> {
  const running = group.map((slot) => runSlot(slot, stage, subject));
  return running.some((outcome) => outcome instanceof Promise)
    ? Promise.all(running)
    : (running as readonly HookOutcome<S>[]);
}

/** The slots that run at once from a place on: one, or a `parallel` group. */
export function slotsAtOnce(slots: readonly Slot[], at: number): readonly Slot[] {
  const first = slots[at]!;
  let end = at + 1;
  if (first.parallel !== undefined) while (slots[end]?.parallel === first.parallel) end++;
  return slots.slice(at, end);
}
