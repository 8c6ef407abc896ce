/** Lets only so many costly works run at once, and only so many wait. */

/** Runs `work` when there is room; undefined at once when the waiting list is full. */
export interface WorkLimit {
  run<T>(work: () => Promise<T>): Promise<T> | undefined;
}

/** @param runningMax works at a time @param waitingMax works that may wait */
export function workLimit(runningMax: number, waitingMax: number): WorkLimit {
  let running = 0;
  const waiting: (() => void)[] = [];
  const start = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
  return {
    run(work) {
      if (running < runningMax) {
        running++;
        return start(work);
      }
      if (waiting.length >= waitingMax) return undefined;
      return new Promise<void>((resolve) => waiting.push(resolve)).then(() => start(work));
    },
  };
}
