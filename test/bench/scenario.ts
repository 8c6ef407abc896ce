/** One scenario: the same load on each server in turn, round by round. */
import { type Rig, type Subject, type SubjectName, startSubject } from "./processes.ts";
import { median, spread } from "./statistics.ts";

/** What is sent, and how. */
export interface Scenario {
  readonly messageBytes: number;
  readonly kept: boolean;
  readonly sessions: number;
}

/** Figures of one server in one scenario, over all rounds. */
export interface Figures {
  readonly subject: SubjectName;
  /** Median. */
  readonly perSecond: number;
  readonly perSecondSpread: number;
  /** Median, microseconds of user and system time of the server. */
  readonly cpuUsPerMessage: number;
  readonly cpuSpread: number;
  /** Of the server since its start, warm-up included. */
  readonly rssPeakBytes: number;
  readonly failed: number;
  readonly rounds: readonly { readonly perSecond: number; readonly cpuUsPerMessage: number }[];
}

export interface MeasureOptions {
  readonly rounds: number;
  readonly roundMs: number;
  readonly warmUpMs: number;
  readonly subjects: readonly SubjectName[];
  readonly nodeOptions: readonly string[];
  readonly progress: (text: string) => void;
}

interface Entry {
  readonly name: SubjectName;
  readonly subject: Subject;
  readonly rounds: { perSecond: number; cpuUsPerMessage: number }[];
  failed: number;
}

/** Measures one scenario with servers started for it. @throws Error when the sink got fewer than were accepted */
export async function measure(
  rig: Rig,
  scenario: Scenario,
  options: MeasureOptions,
): Promise<readonly Figures[]> {
  const entries: Entry[] = [];
  try {
    for (const name of options.subjects) {
      const subject = await startSubject(name, rig.sinkPort, options.nodeOptions);
      entries.push({ name, subject, rounds: [], failed: 0 });
    }
    for (const { name, subject } of entries) {
      options.progress(`warm-up ${name}`);
      await rig.load({ ...scenario, port: subject.port, forMs: options.warmUpMs });
    }
    for (let round = 0; round < options.rounds; round++) {
      // Each begins in its turn, so that what a run leaves behind does not always meet the same server.
      for (let at = 0; at < entries.length; at++) {
        const entry = entries[(at + round) % entries.length]!;
        options.progress(`round ${round + 1} of ${options.rounds}: ${entry.name}`);
        await runRound(rig, scenario, entry, options.roundMs);
      }
    }
    const figures: Figures[] = [];
    for (const entry of entries) figures.push(await figuresOf(entry));
    return figures;
  } finally {
    await Promise.all(entries.map(({ subject }) => subject.end()));
  }
}

async function runRound(rig: Rig, scenario: Scenario, entry: Entry, roundMs: number): Promise<void> {
  const before = await entry.subject.usage();
  const takenBefore = await rig.taken();
  const result = await rig.load({ ...scenario, port: entry.subject.port, forMs: roundMs });
  const after = await entry.subject.usage();
  const taken = (await rig.taken()) - takenBefore;
  if (taken < result.accepted)
    throw new Error(`${entry.name} accepted ${result.accepted} messages, and ${taken} arrived`);
  if (result.accepted === 0)
    throw new Error(`${entry.name} took no message: ${result.firstFault ?? "no time"}`);
  entry.failed += result.failed;
  entry.rounds.push({
    perSecond: (result.accepted / result.elapsedMs) * 1000,
    cpuUsPerMessage: (after.cpuUs - before.cpuUs) / result.accepted,
  });
}

async function figuresOf({ name, subject, rounds, failed }: Entry): Promise<Figures> {
  const rates = rounds.map(({ perSecond }) => perSecond);
  const cpu = rounds.map(({ cpuUsPerMessage }) => cpuUsPerMessage);
  return {
    subject: name,
    perSecond: median(rates),
    perSecondSpread: spread(rates),
    cpuUsPerMessage: median(cpu),
    cpuSpread: spread(cpu),
    rssPeakBytes: (await subject.usage()).rssPeakBytes,
    failed,
    rounds,
  };
}
