/** `npm run bench -- auth`: what it costs to find out who sent a message, and to sign one. */
import type { BenchOptions } from "../options.ts";
import type { Rig } from "../processes.ts";
import { tableOf, titleOf } from "../table.ts";
import type { Verdict } from "../verdicts.ts";
import { costTable, measureSign, measureVerify } from "./cpu-cost.ts";
import { measureVariants } from "./edited-variants.ts";
import { measureInline, measureLatency, type PartFigures } from "./inline-rate.ts";
import { makeMaterial } from "./material.ts";
import { measureSilent } from "./silent-dns.ts";

/** Where words go. */
interface Output {
  progress(text: string): void;
  print(text: string): void;
}

/** Measures the parts that are asked for. @throws Error when a message of theirs is not accepted */
export async function measureAuth(
  rig: Rig,
  options: BenchOptions,
  { progress, print }: Output,
): Promise<{ readonly parts: { readonly [part: string]: unknown }; readonly verdicts: readonly Verdict[] }> {
  const material = await makeMaterial();
  const parts: { [part: string]: unknown } = {};
  const verdicts: Verdict[] = [];
  const take = (part: string, found: unknown, verdict: Verdict): void => {
    parts[part] = found;
    verdicts.push(verdict);
  };
  const tell = (part: string) => (text: string) => progress(`${part}: ${text}`);
  const shown = (part: string, { scenario, figures, verdict }: PartFigures): void => {
    print(`${titleOf(scenario)}\n${tableOf(figures)}\n`);
    take(part, { ...scenario, figures }, verdict);
  };
  let rsaUs: number | undefined;
  if (options.wants("verify")) {
    const { costs, verdict } = await measureVerify(material, options, tell("verify"));
    rsaUs = costs.find(({ work }) => work === "rsaVerify")?.cpuUs;
    print(`CPU of a message of 10 KB with an RSA-2048 signature, DNS fixed\n${costTable(costs)}\n`);
    take("verify", costs, verdict);
  }
  if (options.wants("sign")) {
    const { costs, verdict } = await measureSign(material, options, tell("sign"));
    print(`CPU of signing a message of 10 KB\n${costTable(costs)}\n`);
    take("sign", costs, verdict);
  }
  if (options.wants("inline"))
    shown("inline", await measureInline(rig, material, { ...options, progress: tell("inline") }, rsaUs));
  if (options.wants("latency"))
    shown("latency", await measureLatency(rig, material, { ...options, progress: tell("latency") }));
  if (options.wants("silent")) {
    const { silent, verdict } = await measureSilent(rig, material, progress);
    print(`DNS silent\n  ${silent.field}\n`);
    take("silent", silent, verdict);
  }
  if (options.wants("variants")) {
    const { variants, verdicts: both } = await measureVariants(rig, material, progress);
    parts.variants = variants;
    verdicts.push(...both);
  }
  return { parts, verdicts };
}
