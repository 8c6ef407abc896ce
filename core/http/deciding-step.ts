/**
 * Which step of a trace decided what became of a message: the hook run that refused it, the engine's own word, or the
 * next hop's answer. Read from the record alone, which may have lost entries for its bound: then there may be none.
 */
import type { TraceEntry, TraceHookRun, TraceRecord } from "../pipeline/mod.ts";

/** Who decided. One of the three is there. */
export interface DecidedBy {
  /** A plugin, in this stage. */
  readonly plugin?: string;
  readonly stage?: string;
  /** A next hop, by its answer or its silence. */
  readonly nextHop?: string;
  /** The engine itself: the event of its note, such as "relayRefused". */
  readonly engine?: string;
}

/** The deciding step, and its place in the entries. */
export interface DecidingStep {
  readonly decidedBy: DecidedBy;
  readonly index: number;
}

/** What the engine decides without a plugin, most telling first. */
const engineEvents = "fault contentRefused relayRefused recipientUnknown conditionFault noRoute fold".split(
  " ",
);
/** Stages whose clock is the session's, and whose entries all messages of a session share. */
export const sessionStages: ReadonlySet<string> = new Set(["connect", "ehlo", "auth"]);
const takingVerdicts: ReadonlySet<string> = new Set(["discard", "quarantine"]);

/** The step that decided, or undefined when the entries do not tell. */
export function decidingStep(record: TraceRecord): DecidingStep | undefined {
  const { entries } = record;
  const delivery = entries.findLastIndex((entry) => "event" in entry && entry.event === "delivery");
  const nextHop = record.recipients.find((recipient) => recipient.nextHop !== undefined)?.nextHop;
  const byNextHop = delivery < 0 ? undefined : { decidedBy: { nextHop: nextHop ?? "" }, index: delivery };
  if (record.outcome === "accepted") return byNextHop ?? runBy(entries, isTaking);
  // After an attempt, only what the next hop said is left to decide; refused RCPT before it did not.
  if (byNextHop && record.outcome !== "aborted") return byNextHop;
  const wanted = record.outcome === "deferred" ? "tempfail" : "reject";
  const refusing = (run: TraceHookRun) => refuses(run, wanted);
  return (
    runBy(entries, (run) => refusing(run) && isTheReply(run, record)) ??
    runBy(entries, refusing) ??
    byEngine(entries) ??
    runBy(entries, (run) => run.verdict?.verdict === "forRecipients") ??
    (record.outcome === "aborted" ? runBy(entries, (run) => refuses(run, "tempfail")) : undefined)
  );
}

function runBy(
  entries: readonly TraceEntry[],
  fits: (run: TraceHookRun) => boolean,
): DecidingStep | undefined {
  const index = entries.findIndex((entry) => "plugin" in entry && fits(entry));
  const run = entries[index];
  if (!run || !("plugin" in run)) return undefined;
  return { decidedBy: { plugin: run.plugin, stage: run.stage }, index };
}

function byEngine(entries: readonly TraceEntry[]): DecidingStep | undefined {
  for (const event of engineEvents) {
    const index = entries.findIndex((entry) => "event" in entry && entry.event === event);
    if (index >= 0) return { decidedBy: { engine: event }, index };
  }
  return undefined;
}

function isTaking(run: TraceHookRun): boolean {
  return run.verdict !== undefined && takingVerdicts.has(run.verdict.verdict);
}

/** Whether a run ended in that refusal, by its verdict or by what `onError` made of a fault. */
function refuses({ stage, verdict, fault }: TraceHookRun, wanted: string): boolean {
  // A failed AUTH was followed by another try, or there would be no transaction.
  if (sessionStages.has(stage)) return false;
  // A delivery can only be put off.
  if (fault && stage === "delivery") return wanted === "tempfail" && fault.onError !== "skip";
  if (fault) return fault.onError === wanted;
  return verdict?.verdict === wanted || (verdict?.verdict === "disconnect" && wanted === "tempfail");
}

/** Whether the reply to the message is in the words of this run. */
function isTheReply({ verdict }: TraceHookRun, { reply }: TraceRecord): boolean {
  if (!verdict || !reply || verdict.enhanced !== reply.enhanced) return false;
  return reply.text.startsWith((verdict.text ?? "").trim());
}
