/**
 * Loaded into each measured server by --import: tells its CPU time and memory when asked over IPC, and ends it with the
 * measurement.
 */
import { readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setImmediate as nextTurn } from "node:timers/promises";

const COLLECTIONS = 4;

/** What a measured process tells of itself. */
export interface Usage {
  /** User and system time since its start, in microseconds. */
  readonly cpuUs: number;
  /** Resident memory now, in bytes. */
  readonly rssBytes: number;
  /** Highest resident memory since its start, in bytes. */
  readonly rssPeakBytes: number;
}

/** What is in use once the garbage is gone. */
export interface Live {
  readonly heapBytes: number;
  /** Octets of buffers, which lie outside of the heap. */
  readonly bufferBytes: number;
}

/** How late the event loop came to a timer since it was asked before, or since the first time on. */
export interface LoopDelay {
  readonly p99Ms: number;
  readonly maxMs: number;
  /** For which its thread was ready and got no processor, in all; 0 where the system does not tell. */
  readonly waitedMs: number;
}

const LOOK_MS = 5;
let waitedBeforeMs = 0;
let loopDelays: ReturnType<typeof monitorEventLoopDelay> | undefined;

function loopDelay(): LoopDelay {
  if (loopDelays === undefined) {
    loopDelays = monitorEventLoopDelay({ resolution: LOOK_MS });
    loopDelays.enable();
  }
  // Each holds the wait itself.
  const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - LOOK_MS);
  const now = waitedMs();
  const delay = {
    p99Ms: late(loopDelays.percentile(99)),
    maxMs: late(loopDelays.max),
    waitedMs: now - waitedBeforeMs,
  };
  waitedBeforeMs = now;
  loopDelays.reset();
  return delay;
}

/** Of the main thread since its start. */
function waitedMs(): number {
  try {
    return Number(readFileSync("/proc/self/schedstat", "utf8").split(" ")[1]) / 1e6;
  } catch {
    // Not Linux.
    return 0;
  }
}

function usage(): Usage {
  const { user, system } = process.cpuUsage();
  return { cpuUs: user + system, rssBytes: process.memoryUsage.rss(), rssPeakBytes: rssPeakBytes() };
}

/** Needs --expose-gc; without it what is told holds garbage. */
async function live(): Promise<Live> {
  // What a collection frees may hold something that the next one frees.
  for (let times = 0; times < COLLECTIONS; times += 1) {
    await nextTurn();
    globalThis.gc?.();
  }
  const { heapUsed, external } = process.memoryUsage();
  return { heapBytes: heapUsed, bufferBytes: external };
}

/** The peak that getrusage gives on Linux counts what the parent had before exec; the status file does not. */
function rssPeakBytes(): number {
  try {
    const match = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"));
    if (match) return Number(match[1]) * 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}

process.on("message", (asked) => {
  if (asked === "usage") process.send?.(usage());
  if (asked === "loop") process.send?.(loopDelay());
  if (asked === "live") void live().then((answer) => process.send?.(answer));
});
process.on("disconnect", () => process.exit());
process.channel?.unref();
