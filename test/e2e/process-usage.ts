/** What a gateway process uses: open file descriptors as the system counts them, heap and buffers as it tells itself. */
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { GatewayProcess } from "./processes.ts";
import type { Usage } from "./usage-report.ts";

const REPORT = new URL("usage-report.ts", import.meta.url).href;
const REPORT_MS_MAX = 30_000;
const SETTLED_MS_MAX = 30_000;

/** {@link Usage}, and what the system knows. */
export interface ProcessUsage extends Usage {
  readonly descriptors: number;
}

/** The environment of a gateway that {@link usageOf} can ask. @param file where it writes */
export function usageEnvironment(file: string): { readonly [name: string]: string } {
  return { POSTERN_USAGE: file, NODE_OPTIONS: `--expose-gc --import ${REPORT}` };
}

/** Asks a gateway; `file` is that of its environment. */
export async function usageOf({ pid, kill }: GatewayProcess, file: string): Promise<ProcessUsage> {
  rmSync(file, { force: true });
  kill("SIGUSR2");
  const until = Date.now() + REPORT_MS_MAX;
  while (!existsSync(file)) {
    if (Date.now() > until) throw new Error("the gateway does not tell what it uses");
    await sleep(10);
  }
  return { ...(JSON.parse(readFileSync(file, "utf8")) as Usage), descriptors: descriptorsOf(pid) };
}

/** Open file descriptors of a process. */
function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Waits until a process has no more open descriptors than so many; gives how many it has then, or in the end. */
export async function descriptorsFallTo(pid: number, most: number): Promise<number> {
  const until = Date.now() + SETTLED_MS_MAX;
  for (;;) {
    const open = descriptorsOf(pid);
    if (open <= most || Date.now() > until) return open;
    await sleep(20);
  }
}

/** Descriptors once they have not changed for a while: the queue opens some with its first look at the spool. */
export async function steadyDescriptors(pid: number): Promise<number> {
  let count = descriptorsOf(pid);
  for (let same = 0, tries = 0; same < 20 && tries < 200; tries++) {
    await sleep(100);
    const now = descriptorsOf(pid);
    same = now === count ? same + 1 : 0;
    count = now;
  }
  return count;
}
