/** Lets only so many costly works run at once, and only so many wait. */

/** See `workLimit`. */
export interface WorkLimit {
  /**
   * Runs `work` when there is room; undefined at once when the waiting list is full. One that waits leaves the list
   * when the signal aborts, and rejects with its reason; one that runs keeps its place until it settles.
   */
  run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> | undefined;
}

/** @param runningMax works at a time @param waitingMax works that may wait */
export function workLimit(runningMax: number, waitingMax: number): WorkLimit {
  let running = 0;
  const waiting = new Set<() => void>();
  const start = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } finally {
      // The place goes to the one that waited longest, so that nobody overtakes it.
      const [next] = waiting;
      if (next) next();
      else running--;
    }
  };
  return {
    run(work, signal) {
      if (running < runningMax) {
        running++;
        return start(work);
      }
      if (waiting.size >= waitingMax) return undefined;
      return new Promise((resolve, refuse) => {
        const leave = () => {
          waiting.delete(begin);
          refuse(signal?.reason);
        };
        const begin = () => {
          waiting.delete(begin);
          signal?.removeEventListener("abort", leave);
          resolve(start(work));
        };
        if (signal?.aborted) return refuse(signal.reason);
        waiting.add(begin);
        signal?.addEventListener("abort", leave, { once: true });
      });
    },
  };
}

/** What `work` comes to, or a rejection with the signal's reason as soon as it aborts. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, refuse) => {
    const stop = () => refuse(signal.reason);
    const end = () => signal.removeEventListener("abort", stop);
    work.then(resolve, refuse).then(end);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
