/** Time and randomness of the system. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock, Random } from "../pipeline/mod.ts";

/** The system's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  async sleep(ms, signal) {
    try {
      await sleep(ms, undefined, signal ? { signal } : {});
    } catch (error) {
      // Node rejects with an AbortError of its own; the contract is the signal's reason.
      throw signal?.aborted ? signal.reason : error;
    }
  },
};

/** The system's source of randomness. */
export const systemRandom: Random = {
  bytes: (length) => globalThis.crypto.getRandomValues(new Uint8Array(length)),
};
