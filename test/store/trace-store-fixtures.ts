/** A trace store in a folder of its own, on a clock that the test moves, with a log that it can read. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TraceStore } from "../../core/gateway/mod.ts";
import type { LogFields, TraceRecord } from "../../core/pipeline/mod.ts";
import { openTraceStore, systemClock, type TraceStoreOptions } from "../../core/store/mod.ts";

export const dayMs = 86_400_000;

export interface Bench {
  readonly folder: string;
  /** Epoch milliseconds of the clock. */
  now: number;
  readonly said: { readonly event: string; readonly fields: LogFields }[];
  /** Opens a store; all of them are closed by `end`. */
  open(change?: Partial<TraceStoreOptions>): TraceStore;
  /** Names of the segments, oldest first. */
  files(): readonly string[];
  /** Octets of all segments. */
  bytes(): number;
  end(): Promise<void>;
}

export function bench(): Bench {
  const parent = mkdtempSync(join(tmpdir(), "postern-traces-"));
  const folder = join(parent, "traces");
  const opened: TraceStore[] = [];
  const files = () => readdirSync(folder).sort();
  const made: Bench = {
    folder,
    now: Date.now(),
    said: [],
    files,
    bytes: () => files().reduce((sum, file) => sum + readFileSync(join(folder, file)).length, 0),
    open(change = {}) {
      const say = (event: string, fields: LogFields = {}) => void made.said.push({ event, fields });
      const store = openTraceStore({
        folder,
        ageMaxMs: 7 * dayMs,
        bytesMax: 2 ** 28,
        clock: { ...systemClock, now: () => made.now },
        log: { debug: say, info: say, warn: say, error: say },
        ...change,
      });
      opened.push(store);
      return store;
    },
    async end() {
      for (const store of opened) await store.close();
      rmSync(parent, { recursive: true, force: true });
    },
  };
  return made;
}

/** A record of about `bytes` octets, begun at `startedAt`. */
export function trace(id: string, startedAt: number, bytes = 0): TraceRecord {
  return {
    id,
    session: "s1",
    origin: "smtp",
    startedAt,
    ms: 1,
    listener: "relay",
    client: { ip: "127.0.0.1", port: 1, trusted: true },
    reversePath: "x".repeat(bytes),
    recipients: [],
    outcome: "accepted",
    edits: [],
    entries: [],
    config: "0",
  };
}

/** Runs a test on a bench and clears it up. */
export async function withBench(run: (bench: Bench) => Promise<void>): Promise<void> {
  const made = bench();
  try {
    await run(made);
  } finally {
    await made.end();
  }
}

export const ids = async (
  store: TraceStore,
  options: { readonly before?: string; readonly limit: number },
): Promise<readonly string[]> => (await store.list(options)).map(({ id }) => id);
