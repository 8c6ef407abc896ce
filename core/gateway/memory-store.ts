/** Keyed state of one worker, in memory. Nothing is kept over a restart. */
import type { Clock, Store } from "../pipeline/mod.ts";

/** Bounds of the memory store. */
export interface MemoryStoreOptions {
  /** Keys kept at most, default 100000; beyond it expired keys go, then those written longest ago. */
  readonly keysMax?: number;
}

interface Entry {
  /** JSON, so that a caller who changes its value does not change ours. */
  json: string;
  readonly expiresAt: number;
}

/** Makes an empty store. Each operation is one synchronous step, so it is atomic among all callers. */
export function createMemoryStore(clock: Clock, { keysMax = 100_000 }: MemoryStoreOptions = {}): Store {
  const entries = new Map<string, Entry>();

  function live(key: string): Entry | undefined {
    const entry = entries.get(key);
    if (entry === undefined || entry.expiresAt > clock.now()) return entry;
    entries.delete(key);
    return undefined;
  }

  function put(key: string, value: unknown, ttlMs: number): void {
    const json = JSON.stringify(value);
    // Deleted first, so that the map's order is the order of writing.
    entries.delete(key);
    if (json === undefined) return;
    if (entries.size >= keysMax) makeRoom();
    entries.set(key, { json, expiresAt: clock.now() + ttlMs });
  }

  /** Frees a tenth at once, so that a full store does not pay a scan for each write. */
  function makeRoom(): void {
    const now = clock.now();
    for (const [key, entry] of entries) if (entry.expiresAt <= now) entries.delete(key);
    const target = keysMax - Math.ceil(keysMax / 10);
    for (const key of entries.keys()) {
      if (entries.size <= target) return;
      entries.delete(key);
    }
  }

  return {
    async get(key) {
      const entry = live(key);
      return entry === undefined ? undefined : JSON.parse(entry.json);
    },
    async set(key, value, ttlMs) {
      put(key, value, ttlMs);
    },
    async delete(key) {
      entries.delete(key);
    },
    async increment(key, by, ttlMs) {
      const entry = live(key);
      const before: unknown = entry === undefined ? 0 : JSON.parse(entry.json);
      if (typeof before !== "number") throw new TypeError(`store key ${key} holds no number`);
      const sum = before + by;
      if (entry === undefined) {
        put(key, sum, ttlMs);
        return sum;
      }
      // To the end of the order of writing: a flood of new keys must not push out a counter that is in use.
      entries.delete(key);
      entry.json = String(sum);
      entries.set(key, entry);
      return sum;
    },
    async compareAndSet(key, expected, value, ttlMs) {
      if (live(key)?.json !== JSON.stringify(expected)) return false;
      put(key, value, ttlMs);
      return true;
    },
  };
}
