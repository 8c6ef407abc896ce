/**
 * Processor time of finding out who sent a message, and of signing one, beside mailauth and the bare cryptography: each in
 * a process of its own, in turn, round by round.
 */
import type { ChildProcess } from "node:child_process";
import type { BenchOptions } from "../options.ts";
import { ask, ended, startHelper } from "../processes.ts";
import { median, spread } from "../statistics.ts";
import type { Verdict } from "../verdicts.ts";
import { untilWarm } from "../warm-up.ts";
import type { AuthMaterial } from "./material.ts";
import type { WorkName, WorkOrder, WorkResult } from "./works.ts";

/** What one piece of work costs. */
export interface Cost {
  readonly work: WorkName;
  /** Median, microseconds of processor time. */
  readonly cpuUs: number;
  readonly spread: number;
  readonly rounds: readonly number[];
}

const VERIFY_MOST = 0.4;
const SIGN_MOST = 1.15;

/** Each stands for what is told of it. */
const WORDS: { readonly [work in WorkName]: string } = {
  stranger: "the engine alone, without plugins",
  verify: "the engine with spf, dkim, dmarc, authenticationResults",
  mailauthVerify: "mailauth authenticate, without ARC and BIMI",
  rsaVerify: "one RSA-2048 verify with a kept key",
  sha256: "SHA-256 of 10 KB",
  own: "the engine alone, without plugins, for an own client",
  sign: "the engine with sign, one RSA-2048 key",
  mailauthSign: "mailauth dkimSign",
  rsaSign: "bare crypto.sign with a kept RSA-2048 key",
};

/** What verifying costs. */
export async function measureVerify(
  material: AuthMaterial,
  options: BenchOptions,
  progress: (text: string) => void,
): Promise<{ readonly costs: readonly Cost[]; readonly verdict: Verdict }> {
  const works = ["stranger", "verify", "mailauthVerify", "rsaVerify", "sha256"] as const;
  const costs = await measure(works, material, options, progress);
  const ratio = ratioOf(costs, "verify", "stranger", "mailauthVerify");
  const whole = of(costs, "verify").cpuUs / of(costs, "mailauthVerify").cpuUs;
  const rsa = of(costs, "rsaVerify").cpuUs / (of(costs, "verify").cpuUs - of(costs, "stranger").cpuUs);
  return {
    costs,
    verdict: {
      target: `verify: CPU of the plugins at most ${VERIFY_MOST} of that of mailauth`,
      found: `${ratio.toFixed(2)} (with the engine they run in ${whole.toFixed(2)}; RSA is ${percent(rsa)} of theirs)`,
      met: ratio <= VERIFY_MOST,
    },
  };
}

/** What signing costs. */
export async function measureSign(
  material: AuthMaterial,
  options: BenchOptions,
  progress: (text: string) => void,
): Promise<{ readonly costs: readonly Cost[]; readonly verdict: Verdict }> {
  const works = ["own", "sign", "mailauthSign", "rsaSign"] as const;
  const costs = await measure(works, material, options, progress);
  const ratio = ratioOf(costs, "sign", "own", "rsaSign");
  const whole = of(costs, "sign").cpuUs / of(costs, "rsaSign").cpuUs;
  return {
    costs,
    verdict: {
      target: `sign: CPU of the plugin at most ${SIGN_MOST} of that of bare crypto.sign`,
      found: `${ratio.toFixed(2)} (with the engine it runs in ${whole.toFixed(2)}; mailauth ${(of(costs, "mailauthSign").cpuUs / of(costs, "rsaSign").cpuUs).toFixed(2)})`,
      met: ratio <= SIGN_MOST,
    },
  };
}

/** The costs as a table. */
export function costTable(costs: readonly Cost[]): string {
  const words = costs.map(({ work }) => WORDS[work]);
  const width = Math.max(...words.map((text) => text.length));
  return costs
    .map(({ cpuUs, spread: half }, i) => {
      const figure = `${cpuUs.toFixed(cpuUs < 100 ? 1 : 0)} us`;
      return `  ${words[i]!.padEnd(width)}  ${figure.padStart(9)}  ± ${percent(half)}`;
    })
    .join("\n");
}

async function measure(
  works: readonly WorkName[],
  material: AuthMaterial,
  { rounds, roundMs, warmUpMs, warmUpStepsMax }: BenchOptions,
  progress: (text: string) => void,
): Promise<readonly Cost[]> {
  const workers = works.map((work) => ({
    work,
    child: startHelper("auth/works.ts"),
    rounds: [] as number[],
  }));
  try {
    for (const { work, child } of workers) {
      await untilWarm(warmUpStepsMax, async (step) => {
        progress(`warm-up: ${WORDS[work]}, ${((warmUpMs * step) / 1000).toFixed(1)} s`);
        return costOf(child, { work, material, forMs: warmUpMs });
      });
    }
    for (let round = 0; round < rounds; round++) {
      for (let at = 0; at < workers.length; at++) {
        // Each begins in its turn, so that what a run leaves behind does not always meet the same work.
        const worker = workers[(at + round) % workers.length]!;
        progress(`round ${round + 1} of ${rounds}: ${WORDS[worker.work]}`);
        const { work, child } = worker;
        worker.rounds.push(await costOf(child, { work, material, forMs: roundMs }));
      }
    }
  } finally {
    await Promise.all(workers.map(({ child }) => ended(child)));
  }
  return workers.map(({ work, rounds: all }) => ({
    work,
    cpuUs: median(all),
    spread: spread(all),
    rounds: all,
  }));
}

async function costOf(child: ChildProcess, order: WorkOrder): Promise<number> {
  const { times, cpuUs } = await ask<WorkResult>(child, order);
  return cpuUs / times;
}

/** How many times `below` costs what `of` costs more than `without`: the median of the rounds' own ratios. */
function ratioOf(costs: readonly Cost[], name: WorkName, without: WorkName, below: WorkName): number {
  const [a, b, c] = [name, without, below].map((work) => of(costs, work).rounds);
  return median(a!.map((cpuUs, round) => (cpuUs - b![round]!) / c![round]!));
}

const of = (costs: readonly Cost[], work: WorkName): Cost => costs.find((cost) => cost.work === work)!;

const percent = (part: number): string => `${(part * 100).toFixed(0)} %`;
