/** Where a mistake made in JavaScript is told: by the call, by the start, or by the fault of a hook run. */
import assert from "node:assert/strict";
import { compilePipeline, definePlugin, pipeline, runSlot, type Stage } from "postern";
import { benchFor, slotsOf } from "./fakes.ts";

/** Made when they are asked for, so that what a call throws is told too. */
type Elements = () => readonly unknown[];
/** What the start says of a pipeline. */
export const atStart = (elements: Elements) => (): readonly string[] =>
  compilePipeline(pipeline(...(elements() as readonly never[]))).faults;
/** What a call throws. */
export const atCall = (call: () => unknown) => (): readonly string[] => {
  try {
    call();
    return [];
  } catch (error) {
    assert.ok(error instanceof TypeError);
    return [error.message];
  }
};
/** What the run of a hook is told. */
export const atRun = (stage: Stage, definition: object, before: Elements = () => []) => {
  return async (): Promise<readonly string[]> => {
    const slots = slotsOf(
      ...before(),
      definePlugin({ name: "p", ...definition } as Parameters<typeof definePlugin>[0]),
    );
    const slot = slots.at(-1);
    assert.ok(slot);
    const { fault } = await runSlot(slot, stage, benchFor(stage).subject);
    return fault === undefined ? [] : [fault];
  };
};

/** A mistake, and the words that it is told in. */
export interface Case {
  readonly name: string;
  readonly want: string;
  readonly told: () => readonly string[] | Promise<readonly string[]>;
}
