/** How long a quiet session waits for the answer to NOOP while hundreds of others overdo it. */
import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { AttackOrder, AttackResult } from "./attack.ts";
import type { BenchOptions } from "./options.ts";
import { ask, ended, type Rig, startHelper } from "./processes.ts";
import type { QuietResult } from "./quiet-session.ts";
import { percentile } from "./statistics.ts";
import { type NodeSubject, startNodeSubject } from "./subjects.ts";
import type { LoopDelay } from "./usage-report.ts";
import type { Verdict } from "./verdicts.ts";

/** Of each of the four kinds. */
const SESSIONS_PER_KIND = 100;
const NOOP_MS_MAX = 20;
const ATTACK_MS = 10_000;
const QUICK_ATTACK_MS = 1_500;
/** The attack is under way for so long before anybody looks. */
const BEGUN_MS = 500;

/** What quiet clients saw. */
interface Waits {
  readonly noops: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Half of the sessions were open by then. */
  readonly openedP50Ms: number;
  /** How late their own process was for its NOOPs: where it waits, so does the answer. */
  readonly ownLateP99Ms: number;
}

/** Figures of one run. */
export interface AttackFigures {
  readonly before: Waits;
  readonly during: Waits;
  readonly attack: AttackResult;
  /** Processor time of the server during the attack, in processors. */
  readonly processors: number;
  readonly loopDelay: LoopDelay;
}

/** Looks at a quiet session before an attack and during it. @throws Error when the attack did nothing */
export async function measureAttack(
  rig: Rig,
  { warmUpMs, quick, nodeOptions }: BenchOptions,
  progress: (text: string) => void,
): Promise<{ readonly attack: AttackFigures; readonly verdict: Verdict }> {
  const subject = await startNodeSubject("strangers", rig.sinkPort, nodeOptions);
  const helpers = [startHelper("quiet-session.ts"), startHelper("attack.ts")] as const;
  try {
    progress("attack: warm-up");
    const load = { port: subject.port, messageBytes: 1e3, sessions: 10, kept: false, forMs: warmUpMs };
    await rig.load(load);
    const figures = await run(subject, helpers, quick ? QUICK_ATTACK_MS : ATTACK_MS, progress);
    const { before, during, processors, loopDelay } = figures;
    return {
      attack: figures,
      verdict: {
        target: `attack: p99 of NOOP on a quiet session under ${NOOP_MS_MAX} ms`,
        found: `${shown(during)}; without the attack ${shown(before)}; the server took ${processors.toFixed(2)} of a processor, waited ${loopDelay.waitedMs.toFixed(0)} ms in all for one, its loop was late by p99 ${loopDelay.p99Ms.toFixed(1)} ms`,
        met: during.p99Ms < NOOP_MS_MAX,
      },
    };
  } finally {
    await Promise.all([...helpers.map(ended), subject.end()]);
  }
}

async function run(
  subject: NodeSubject,
  [quiet, attacker]: readonly [ChildProcess, ChildProcess],
  attackMs: number,
  progress: (text: string) => void,
): Promise<AttackFigures> {
  const { port } = subject;
  progress("attack: quiet sessions without it");
  const before = waitsOf(await ask<QuietResult>(quiet, { port, forMs: attackMs / 2 }));
  progress(`attack: ${SESSIONS_PER_KIND} sessions of each kind, ${attackMs / 1000} s`);
  const order: AttackOrder = { port, sessions: SESSIONS_PER_KIND, forMs: attackMs + 2 * BEGUN_MS };
  const attacked = ask<AttackResult>(attacker, order);
  await sleep(BEGUN_MS);
  await subject.loopDelay();
  const [began, usedBefore] = [performance.now(), await subject.usage()];
  const during = waitsOf(await ask<QuietResult>(quiet, { port, forMs: attackMs }));
  const [ended, usedAfter] = [performance.now(), await subject.usage()];
  const loopDelay = await subject.loopDelay();
  const attack = await attacked;
  const idle = Object.entries(attack.connected).find(([, count]) => count === 0);
  if (idle !== undefined) throw new Error(`the attack did nothing of the kind ${idle[0]}`);
  return {
    ...{ before, during, attack, loopDelay },
    processors: (usedAfter.cpuUs - usedBefore.cpuUs) / 1000 / (ended - began),
  };
}

/** One that was never answered, and a session that could not be opened, waited for ever. */
function waitsOf({ tookMs, openedMs, ownLateMs, lost, notOpened }: QuietResult): Waits {
  const all = [...tookMs, ...new Array<number>(lost + notOpened).fill(Infinity)];
  if (all.length === 0) throw new Error("no NOOP was sent");
  return {
    noops: all.length,
    p50Ms: percentile(all, 0.5),
    p99Ms: percentile(all, 0.99),
    maxMs: percentile(all, 1),
    openedP50Ms: percentile(openedMs, 0.5),
    ownLateP99Ms: percentile(ownLateMs, 0.99),
  };
}

function shown({ noops, p50Ms, p99Ms, maxMs, openedP50Ms, ownLateP99Ms }: Waits): string {
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  return `${ms(p99Ms)} (median ${ms(p50Ms)}, longest ${ms(maxMs)} of ${noops}, own timer p99 ${ms(ownLateP99Ms)}, sessions open in ${ms(openedP50Ms)})`;
}
