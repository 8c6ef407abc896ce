/** Services that live in memory and need only Web standards: for tests and for hosts without a disk. Keyed state is in memory-store.ts. */
import { type Content, memoryContent } from "../mail/mod.ts";
import type { Clock, Random, TraceRecord } from "../pipeline/mod.ts";
import { joinRecords } from "./join-records.ts";
import type { ContentStore, TraceStore } from "./services.ts";

/** The clock of the platform. */
export const webClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, refuse) => {
      if (signal?.aborted) return refuse(signal.reason);
      const timer = setTimeout(done, ms);
      function done() {
        signal?.removeEventListener("abort", stop);
        resolve();
      }
      function stop() {
        clearTimeout(timer);
        refuse(signal?.reason);
      }
      signal?.addEventListener("abort", stop, { once: true });
    }),
};

/** Randomness of the platform. */
export const webRandom: Random = {
  bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
};

/** Contents held in memory. @param bytesMax of one content; a longer one fails */
export function memoryContents(bytesMax: number): ContentStore {
  return {
    create() {
      let chunks: Uint8Array[] = [];
      let size = 0;
      return {
        write(chunk) {
          size += chunk.length;
          if (size > bytesMax) throw new Error(`content of more than ${bytesMax} octets`);
          chunks.push(chunk.slice());
          return undefined;
        },
        async finish(): Promise<Content> {
          const whole = new Uint8Array(size);
          let at = 0;
          for (const chunk of chunks) {
            whole.set(chunk, at);
            at += chunk.length;
          }
          chunks = [];
          return memoryContent(whole);
        },
        async dispose() {
          chunks = [];
        },
      };
    },
  };
}

/** Traces held in memory, the newest `recordsMax`. */
export function memoryTraces(recordsMax: number): TraceStore {
  const records: TraceRecord[] = [];
  const listeners = new Set<(record: TraceRecord) => void>();
  return {
    put(record) {
      const known = record.attempt === undefined ? -1 : records.findLastIndex(({ id }) => id === record.id);
      if (known >= 0) records[known] = joinRecords([records[known]!, record]);
      else records.push(record);
      if (records.length > recordsMax) records.shift();
      for (const listener of listeners) listener(record);
    },
    get: async (id) => records.find((record) => record.id === id),
    list: async ({ before, limit }) =>
      records
        .filter((record) => before === undefined || record.id < before)
        .toSorted((a, b) => (a.id < b.id ? 1 : -1))
        .slice(0, limit),
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async close() {},
  };
}
