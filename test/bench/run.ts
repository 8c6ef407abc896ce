/**
 * `npm run bench`: the gateway against a bare forwarder on this machine, in one run. How to read what it prints is in
 * README.md. It measures and judges by the project's targets; the exit code is 1 where one is missed.
 */
import { writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Rig, type SubjectName, startMs, startRig, startSubject } from "./processes.ts";
import { type Figures, type MeasureOptions, measure, type Scenario } from "./scenario.ts";
import { median } from "./statistics.ts";
import { tableOf, titleOf } from "./table.ts";

const SIZES = [1e3, 100e3, 10e6];
const SESSIONS = 10;
const SUBJECTS: readonly SubjectName[] = ["baseline", "empty", "plugins"];
const BURST = { messages: 50, messageBytes: 20e6, rssBytesMax: 250e6 };
const START_MS_MAX = 700;
/** Of the baseline's messages/s that "plugins" keeps on kept sessions. */
const KEPT_MIN: ReadonlyMap<number, number> = new Map([
  [1e3, 0.7],
  [10e6, 0.8],
]);

interface Verdict {
  readonly target: string;
  readonly found: string;
  readonly met: boolean;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string" },
      seconds: { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "string" },
      only: { type: "string" },
      profile: { type: "string" },
    },
  });
  const { quick } = values;
  const rounds = positive("--rounds", values.rounds) ?? (quick ? 2 : 5);
  const seconds = positive("--seconds", values.seconds) ?? (quick ? 0.5 : 2);
  const options: MeasureOptions = {
    rounds: Math.max(1, Math.round(rounds)),
    roundMs: seconds * 1000,
    warmUpMs: Math.min(1000, seconds * 1000),
    subjects: SUBJECTS,
    nodeOptions:
      values.profile === undefined ? [] : ["--cpu-prof", "--cpu-prof-dir", resolve(values.profile)],
    progress,
  };
  const rig = await startRig();
  const verdicts: Verdict[] = [];
  const scenarios: (Scenario & { readonly figures: readonly Figures[] })[] = [];
  const extra: { startMs?: readonly number[]; burstRssBytes?: number } = {};
  try {
    for (const scenario of scenariosOf(values.only)) {
      const title = titleOf(scenario);
      const figures = await measure(rig, scenario, {
        ...options,
        progress: (text) => progress(`${title}: ${text}`),
      });
      print(`${title}\n${tableOf(figures)}\n`);
      scenarios.push({ ...scenario, figures });
      judge(scenario, figures, verdicts);
    }
    if (wanted(values.only, "burst")) {
      extra.burstRssBytes = await burst(rig);
      verdicts.push({
        target: `peak RSS with ${BURST.messages} messages of 20 MB at once under ${BURST.rssBytesMax / 1e6} MB`,
        found: `${(extra.burstRssBytes / 1e6).toFixed(0)} MB`,
        met: extra.burstRssBytes < BURST.rssBytesMax,
      });
    }
  } finally {
    await rig.end();
  }
  if (wanted(values.only, "start")) {
    const times: number[] = [];
    for (let i = 0; i < 5; i++) {
      progress(`start ${i + 1} of 5`);
      times.push(await startMs());
    }
    extra.startMs = times;
    verdicts.push({
      target: `from exec of node to listening under ${START_MS_MAX} ms, median of 5`,
      found: `${median(times).toFixed(0)} ms (${times.map((time) => time.toFixed(0)).join(", ")})`,
      met: median(times) < START_MS_MAX,
    });
  }
  for (const { target, found, met } of verdicts) print(`${met ? "met   " : "MISSED"}  ${target}: ${found}`);
  if (values.json !== undefined) {
    const machine = { cpu: cpus()[0]?.model ?? "", cores: availableParallelism(), node: process.version };
    const report = { at: new Date().toISOString(), machine, rounds: options.rounds, seconds, scenarios };
    writeFileSync(values.json, `${JSON.stringify({ ...report, ...extra, verdicts }, null, 2)}\n`);
  }
  if (verdicts.some(({ met }) => !met)) process.exitCode = 1;
}

function scenariosOf(only: string | undefined): readonly Scenario[] {
  return SIZES.flatMap((messageBytes) =>
    [true, false].map((kept) => ({ messageBytes, kept, sessions: SESSIONS })),
  ).filter(({ messageBytes, kept }) =>
    wanted(only, `${messageBytes >= 1e6 ? "10mb" : `${messageBytes / 1e3}kb`}-${kept ? "kept" : "new"}`),
  );
}

/** `--only 1kb-kept,start` names parts of the run. */
function wanted(only: string | undefined, part: string): boolean {
  return only === undefined || only.split(",").includes(part);
}

function judge({ messageBytes, kept }: Scenario, figures: readonly Figures[], verdicts: Verdict[]): void {
  const least = KEPT_MIN.get(messageBytes);
  const base = figures.find(({ subject }) => subject === "baseline");
  const plugins = figures.find(({ subject }) => subject === "plugins");
  if (!kept || least === undefined || !base || !plugins) return;
  const ratio = plugins.perSecond / base.perSecond;
  verdicts.push({
    target: `ten plugins keep ${least} of the baseline's messages/s at ${messageBytes} octets`,
    found: ratio.toFixed(2),
    met: ratio >= least,
  });
}

/** Peak memory of a gateway with plugins while it takes many large messages at once. */
async function burst(rig: Rig): Promise<number> {
  progress(`${BURST.messages} messages of 20 MB at once`);
  const subject = await startSubject("plugins", rig.sinkPort);
  try {
    const result = await rig.load({
      port: subject.port,
      messageBytes: BURST.messageBytes,
      sessions: BURST.messages,
      kept: true,
      forMs: 600_000,
      messagesMax: BURST.messages,
    });
    if (result.accepted < BURST.messages)
      throw new Error(`${result.failed} of ${BURST.messages} messages failed: ${result.firstFault}`);
    return (await subject.usage()).rssPeakBytes;
  } finally {
    await subject.end();
  }
}

function positive(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new Error(`${option}: found ${JSON.stringify(text)}, expected a number above 0`);
}

/** On a terminal one line that is written anew, else a line each. */
function progress(text: string): void {
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
}

function print(text: string): void {
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  process.stdout.write(`${text}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
