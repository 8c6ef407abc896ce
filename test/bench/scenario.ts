/** One scenario: the same load on each contender in turn, round by round. */
import type { BodyKind } from "./bench-message.ts";
import type { LoadOrder } from "./load.ts";
import type { Rig } from "./processes.ts";
import { median, spread } from "./statistics.ts";
import { type Subject, type SubjectName, startSubject } from "./subjects.ts";
import { untilWarm } from "./warm-up.ts";

/** What is sent, how, and to whom. */
export interface Scenario {
  /** By which `--only` names it. */
  readonly part: string;
  readonly messageBytes: number;
  readonly kept: boolean;
  readonly sessions: number;
  /** Whether the next hop offers CHUNKING (RFC 3030), as Postfix, Exim and Exchange do unasked. */
  readonly chunking: boolean;
  readonly contenders: readonly Contender[];
  /** What all contenders are sent in place of messages of that size. */
  readonly sent?: Pick<LoadOrder, "message" | "xclient">;
  /** Variables of the servers. */
  readonly env?: { readonly [name: string]: string };
}

/** One line of the table: a server, and what it alone is sent. */
export interface Contender {
  readonly name: string;
  readonly subject: SubjectName;
  /** Absent: text. */
  readonly body?: BodyKind;
}

/** Figures of one contender in one scenario, over all rounds. */
export interface Figures {
  readonly name: string;
  /** Median. */
  readonly perSecond: number;
  readonly perSecondSpread: number;
  /** Median, microseconds of user and system time of the server. */
  readonly cpuUsPerMessage: number;
  readonly cpuSpread: number;
  /** Of the server since its start, warm-up included. */
  readonly rssPeakBytes: number;
  readonly failed: number;
  readonly rounds: readonly Round[];
}

/** Figures of one contender in one round. */
interface Round {
  readonly perSecond: number;
  readonly cpuUsPerMessage: number;
  /** Median of the time from a message's last octet to its answer. */
  readonly answeredMs: number;
}

export interface MeasureOptions {
  readonly rounds: number;
  readonly roundMs: number;
  /** A step of the warm-up. */
  readonly warmUpMs: number;
  readonly warmUpStepsMax: number;
  readonly nodeOptions: readonly string[];
  readonly progress: (text: string) => void;
}

interface Entry extends Omit<Contender, "subject"> {
  readonly subject: Subject;
  readonly rounds: Round[];
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
    for (const contender of scenario.contenders) {
      const nextHop = scenario.chunking ? rig.sinkPort : rig.dataSinkPort;
      const subject = await startSubject(contender.subject, nextHop, options.nodeOptions, scenario.env);
      entries.push({ ...contender, subject, rounds: [], failed: 0 });
    }
    for (const [at, entry] of entries.entries()) {
      await warmUp(rig, scenario, entry, options, `warm-up ${at + 1} of ${entries.length}`);
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

/** Loads a server until its CPU for a message falls no more. */
function warmUp(
  rig: Rig,
  scenario: Scenario,
  entry: Entry,
  { warmUpMs, warmUpStepsMax, progress }: MeasureOptions,
  title: string,
): Promise<void> {
  const { name, subject } = entry;
  return untilWarm(warmUpStepsMax, async (step) => {
    progress(`${title}: ${name}, ${((warmUpMs * step) / 1000).toFixed(1)} s`);
    const before = await subject.usage();
    const { accepted } = await rig.load(orderOf(scenario, entry, warmUpMs));
    return ((await subject.usage()).cpuUs - before.cpuUs) / accepted;
  });
}

async function runRound(rig: Rig, scenario: Scenario, entry: Entry, roundMs: number): Promise<void> {
  const before = await entry.subject.usage();
  const takenBefore = await rig.taken();
  const result = await rig.load(orderOf(scenario, entry, roundMs));
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
    answeredMs: median(result.answeredMs),
  });
}

function orderOf(
  { messageBytes, kept, sessions, sent }: Scenario,
  { subject, body }: Pick<Entry, "subject" | "body">,
  forMs: number,
): LoadOrder {
  const { port } = subject;
  return { port, messageBytes, kept, sessions, forMs, ...(body === undefined ? {} : { body }), ...sent };
}

async function figuresOf({ name, subject, rounds, failed }: Entry): Promise<Figures> {
  const rates = rounds.map(({ perSecond }) => perSecond);
  const cpu = rounds.map(({ cpuUsPerMessage }) => cpuUsPerMessage);
  return {
    name,
    perSecond: median(rates),
    perSecondSpread: spread(rates),
    cpuUsPerMessage: median(cpu),
    cpuSpread: spread(cpu),
    rssPeakBytes: (await subject.usage()).rssPeakBytes,
    failed,
    rounds,
  };
}
