/**
 * What a server of many processes uses, read from /proc (Linux): its master and the children that the master started.
 * Children that ended are in the master's own counters, as it waited for them, so no time is lost between two looks.
 */
import { readdirSync, readFileSync } from "node:fs";
import type { Usage } from "./usage-report.ts";

/** The kernel tells times in hundredths of a second, whatever its own clock does. */
const TICK_US = 10_000;
const LOOKS_MAX = 20;

/** Fields of /proc/PID/stat behind the name, from the state on: proc(5) numbers them 3 higher. */
const [PARENT, USER, SYSTEM, ENDED_USER, ENDED_SYSTEM] = [1, 11, 12, 13, 14];

/** CPU time of a process, its children now, and its children that ended. Memory is the sum of theirs, shared pages with each. */
export function treeUsage(master: number): Usage {
  for (let looks = 0; ; looks += 1) {
    const children = childrenOf(master);
    const processes = [master, ...children];
    const usage: Usage = {
      cpuUs: sum(processes, cpuUsOf) + endedUsOf(master),
      rssBytes: sum(processes, (pid) => memoryOf(pid, "VmRSS")),
      rssPeakBytes: sum(processes, (pid) => memoryOf(pid, "VmHWM")),
    };
    // One that ended between would count twice, or not at all.
    if (looks === LOOKS_MAX || children.join() === childrenOf(master).join()) return usage;
  }
}

function childrenOf(master: number): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => statOf(pid)?.[PARENT] === String(master));
}

/** Nanoseconds where the kernel tells them: ten processes that are each off by a hundredth of a second are off by much. */
function cpuUsOf(pid: number): number {
  const exact = textOf(`/proc/${pid}/schedstat`)?.split(" ")[0];
  if (exact !== undefined) return Number(exact) / 1000;
  const stat = statOf(pid);
  return stat === undefined ? 0 : (Number(stat[USER]) + Number(stat[SYSTEM])) * TICK_US;
}

function endedUsOf(pid: number): number {
  const stat = statOf(pid);
  return stat === undefined ? 0 : (Number(stat[ENDED_USER]) + Number(stat[ENDED_SYSTEM])) * TICK_US;
}

function memoryOf(pid: number, name: "VmRSS" | "VmHWM"): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(textOf(`/proc/${pid}/status`) ?? "");
  return match === null ? 0 : Number(match[1]) * 1024;
}

function statOf(pid: number): readonly string[] | undefined {
  // The name before it may hold spaces and brackets.
  return textOf(`/proc/${pid}/stat`)?.split(") ").at(-1)?.split(" ");
}

/** Undefined where the process ended meanwhile. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function sum(pids: readonly number[], of: (pid: number) => number): number {
  return pids.reduce((total, pid) => total + of(pid), 0);
}
