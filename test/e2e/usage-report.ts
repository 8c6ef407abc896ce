/**
 * Loaded into a gateway under test by `--import`: on SIGUSR2 it collects garbage and writes what the process uses then to
 * the file that POSTERN_USAGE names. Needs `--expose-gc`.
 */
import { renameSync, writeFileSync } from "node:fs";

const COLLECTIONS = 4;

/** What a process uses once its garbage is gone. */
export interface Usage {
  readonly heapBytes: number;
  /** Octets of buffers, which lie outside of the heap. */
  readonly bufferBytes: number;
  /** Sockets, timers and the like that keep running. */
  readonly resources: number;
}

async function report(file: string): Promise<void> {
  // What a collection frees may hold something that the next one frees. None of what a busy process makes meanwhile counts.
  for (let times = 0; times < COLLECTIONS; times += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    globalThis.gc?.();
  }
  const { heapUsed, external } = process.memoryUsage();
  const usage: Usage = {
    heapBytes: heapUsed,
    bufferBytes: external,
    resources: process.getActiveResourcesInfo().length,
  };
  writeFileSync(`${file}.new`, JSON.stringify(usage));
  renameSync(`${file}.new`, file);
}

const { POSTERN_USAGE } = process.env;
if (POSTERN_USAGE !== undefined) process.on("SIGUSR2", () => void report(POSTERN_USAGE));
