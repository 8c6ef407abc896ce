/** Memory of a gateway for each of many sessions that are greeted and idle. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ask, ended, type Rig, startHelper } from "./processes.ts";
import type { CrowdResult } from "./session-crowd.ts";
import { startNodeSubject } from "./subjects.ts";
import type { Verdict } from "./verdicts.ts";

const SESSIONS = 5000;
/** Opened and closed before: what the first sessions cost once for all is not theirs. */
const WARM_UP_SESSIONS = 500;
const BYTES_PER_SESSION_MAX = 30e3;
/** Descriptors of a process beside the sockets of the sessions. */
const DESCRIPTORS_BESIDE = 200;
const SETTLE_MS = 5_000;
const QUICK_SETTLE_MS = 1_000;

/** Figures of one run. */
export interface IdleFigures {
  readonly sessions: number;
  readonly rssBytesPerSession: number;
  /** Of the resident memory, what is in use once the garbage is gone. */
  readonly heapBytesPerSession: number;
  readonly bufferBytesPerSession: number;
}

/** Opens the sessions and looks at the memory before and after. */
export async function measureIdle(
  rig: Rig,
  quick: boolean,
  progress: (text: string) => void,
): Promise<{ readonly idle?: IdleFigures; readonly verdict: Verdict }> {
  const target = `idle: RSS of each of ${SESSIONS} sessions after EHLO under ${BYTES_PER_SESSION_MAX / 1e3} KB`;
  const most = descriptorsMax();
  if (most < SESSIONS + DESCRIPTORS_BESIDE) {
    const found = `a process may have ${most} open files here: ulimit -Hn ${SESSIONS + DESCRIPTORS_BESIDE}`;
    return { verdict: { target, found } };
  }
  const idle = await runIdle(rig, quick ? QUICK_SETTLE_MS : SETTLE_MS, progress);
  const kilobytes = (bytes: number): string => `${(bytes / 1e3).toFixed(1)} KB`;
  return {
    idle,
    verdict: {
      target,
      found: `${kilobytes(idle.rssBytesPerSession)} (in use after a collection: heap ${kilobytes(idle.heapBytesPerSession)}, buffers ${kilobytes(idle.bufferBytesPerSession)})`,
      met: idle.rssBytesPerSession < BYTES_PER_SESSION_MAX,
    },
  };
}

async function runIdle(rig: Rig, settleMs: number, progress: (text: string) => void): Promise<IdleFigures> {
  // It is there to be asked; nothing else calls it, so that the memory is what a server has.
  const subject = await startNodeSubject("sessions", rig.sinkPort, ["--expose-gc"]);
  const crowd = startHelper("session-crowd.ts");
  const fill = async (sessions: number): Promise<number> => {
    const result = await ask<CrowdResult>(crowd, { port: subject.port, sessions });
    if (result.open < sessions)
      throw new Error(
        `${result.open} of ${sessions} sessions are open: ${result.firstFault ?? "some ended"}`,
      );
    await sleep(settleMs);
    return (await subject.usage()).rssBytes;
  };
  try {
    progress(`${WARM_UP_SESSIONS} sessions, opened and closed`);
    await fill(WARM_UP_SESSIONS);
    const before = await fill(0);
    progress(`${SESSIONS} sessions`);
    const after = await fill(SESSIONS);
    const full = await subject.live();
    progress(`${SESSIONS} sessions closed`);
    await fill(0);
    const empty = await subject.live();
    return {
      sessions: SESSIONS,
      rssBytesPerSession: (after - before) / SESSIONS,
      heapBytesPerSession: (full.heapBytes - empty.heapBytes) / SESSIONS,
      bufferBytesPerSession: (full.bufferBytes - empty.bufferBytes) / SESSIONS,
    };
  } finally {
    await Promise.all([ended(crowd), subject.end()]);
  }
}

/** The hard limit: Node raises the soft one to it when it starts. */
function descriptorsMax(): number {
  try {
    const match = /^Max open files +\S+ +(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"));
    if (match !== null) return match[1] === "unlimited" ? Infinity : Number(match[1]);
  } catch {
    // Not Linux: an EMFILE tells.
  }
  return Infinity;
}
