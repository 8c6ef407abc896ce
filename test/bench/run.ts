/**
 * `npm run bench`: the gateway against a bare forwarder and Postfix on this machine, in one run. How to read what it
 * prints is in README.md. It measures and judges by the project's targets; the exit code is 1 where one is missed.
 */
import { writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import { measureAuth } from "./auth/measure-auth.ts";
import { measureIdle } from "./idle-sessions.ts";
import { measureBursts } from "./memory-burst.ts";
import { type BenchOptions, readOptions } from "./options.ts";
import { postfixMissing } from "./postfix-subject.ts";
import { type Rig, startRig } from "./processes.ts";
import { type Figures, measure, type Scenario } from "./scenario.ts";
import { scenarioList } from "./scenario-list.ts";
import { median } from "./statistics.ts";
import { startMs } from "./subjects.ts";
import { tableOf, titleOf } from "./table.ts";
import { measureAttack } from "./under-attack.ts";
import { judge, lineOf, type Verdict } from "./verdicts.ts";

const START_MS_MAX = 700;
const STARTS = 5;

/** All that is found, as the report has it. */
interface Report {
  readonly scenarios: (Scenario & { readonly figures: readonly Figures[] })[];
  readonly verdicts: Verdict[];
  /** Figures of the other parts, by name. */
  readonly parts: { [part: string]: unknown };
}

async function main(): Promise<void> {
  const options = readOptions();
  const at = new Date().toISOString();
  const machine = {
    cpu: cpus()[0]?.model ?? "",
    cores: availableParallelism(),
    node: process.version,
    /** Processes that wanted a processor in the minute before. */
    loadAverage: loadavg()[0],
  };
  const report: Report = { scenarios: [], verdicts: [], parts: {} };
  const rig = await startRig();
  try {
    if (options.isAuth) {
      const { parts, verdicts } = await measureAuth(rig, options, { progress, print });
      Object.assign(report.parts, parts);
      report.verdicts.push(...verdicts);
    } else {
      await measureScenarios(rig, options, report);
      await measureParts(rig, options, report);
    }
  } finally {
    await rig.end();
  }
  if (!options.isAuth && options.wants("start")) await measureStarts(report);
  for (const verdict of report.verdicts) print(lineOf(verdict));
  if (options.json !== undefined) {
    const { rounds, roundMs, warmUpMs } = options;
    const all = { at, machine, rounds, roundMs, warmUpMs, ...report };
    writeFileSync(options.json, `${JSON.stringify(all, null, 2)}\n`);
  }
  if (report.verdicts.some(({ met }) => met === false)) process.exitCode = 1;
}

async function measureScenarios(rig: Rig, options: BenchOptions, report: Report): Promise<void> {
  const noPostfix = postfixMissing();
  const missing = new Map(noPostfix === false ? [] : [["postfix", noPostfix]]);
  const scenarios = scenarioList(noPostfix === false).filter(({ part }) => options.wants(part));
  if (scenarios.length > 0 && noPostfix !== false) print(`without postfix: ${noPostfix}\n`);
  for (const scenario of scenarios) {
    const tell = (text: string): void => progress(`${scenario.part}: ${text}`);
    const figures = await measure(rig, scenario, { ...options, progress: tell });
    print(`${titleOf(scenario)}\n${tableOf(figures)}\n`);
    report.scenarios.push({ ...scenario, figures });
    report.verdicts.push(...judge(scenario.part, figures, missing));
  }
}

async function measureParts(rig: Rig, options: BenchOptions, report: Report): Promise<void> {
  if (options.wants("burst")) {
    const { bursts, verdicts } = await measureBursts(rig, progress);
    report.parts.bursts = bursts;
    report.verdicts.push(...verdicts);
  }
  if (options.wants("idle")) {
    const { idle, verdict } = await measureIdle(rig, options.quick, progress);
    report.parts.idle = idle;
    report.verdicts.push(verdict);
  }
  if (options.wants("attack")) {
    const { attack, verdict } = await measureAttack(rig, options, progress);
    report.parts.attack = attack;
    report.verdicts.push(verdict);
  }
}

async function measureStarts(report: Report): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    progress(`start ${i + 1} of ${STARTS}`);
    times.push(await startMs());
  }
  report.parts.startMs = times;
  report.verdicts.push({
    target: `start: from exec of node to listening under ${START_MS_MAX} ms, median of ${STARTS}`,
    found: `${median(times).toFixed(0)} ms (${times.map((time) => time.toFixed(0)).join(", ")})`,
    met: median(times) < START_MS_MAX,
  });
}

/** On a terminal one line that is written anew, else a line each. */
function progress(text: string): void {
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
}

function print(text: string): void {
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  process.stdout.write(`${text}\n`);
}

// What was started ends with us: processes when their channel closes, Postfix by what it does at our exit.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
