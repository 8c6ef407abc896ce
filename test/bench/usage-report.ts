/** Loaded into each measured server by --import: tells its CPU time and peak memory when asked over IPC. */
import { readFileSync } from "node:fs";

/** What a measured process tells of itself. */
export interface Usage {
  /** User and system time since its start, in microseconds. */
  readonly cpuUs: number;
  /** Highest resident memory since its start, in bytes. */
  readonly rssPeakBytes: number;
}

function usage(): Usage {
  const { user, system } = process.cpuUsage();
  return { cpuUs: user + system, rssPeakBytes: rssPeakBytes() };
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
});
process.channel?.unref();
