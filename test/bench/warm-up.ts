/** When something that is measured is warm. */

/** A step that is less than this part cheaper than the cheapest before is no cheaper. */
const FALL_LEAST = 0.03;

/**
 * Works in steps until the cost falls no more: the compilers of Node are done with a small program within seconds, and
 * with a large one after some twenty thousand messages.
 *
 * @param work the cost of one step, the first of which is 1
 */
export async function untilWarm(stepsMax: number, work: (step: number) => Promise<number>): Promise<void> {
  let least = Infinity;
  for (let step = 1, idle = 0; step <= stepsMax && idle < 2; step++) {
    const cost = await work(step);
    idle = cost < least * (1 - FALL_LEAST) ? 0 : idle + 1;
    least = Math.min(least, cost);
  }
}
