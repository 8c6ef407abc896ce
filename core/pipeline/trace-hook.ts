/** Writes hook runs into the trace, within bounds. */
import type { Message } from "../mail/mod.ts";
import type { HookDraft } from "./hook-context.ts";
import type { HookSubject } from "./hook-subject.ts";
import type { Stage } from "./stage.ts";
import type { TraceHookRun } from "./trace-record.ts";

/** Of one run, how many provided facts and edits are listed, and how long a text may be. */
const FACTS_LISTED_MAX = 100;
const EDITS_LISTED_MAX = 100;
const TEXT_CHARACTERS_MAX = 500;

/** A verdict of any stage, as far as the trace shows it. */
interface ShownVerdict {
  readonly verdict: string;
  readonly enhanced?: string;
  readonly text?: string;
  readonly reason?: string;
  readonly nextHop?: string;
  readonly marks?: readonly unknown[];
}

/** When a hook began and ended, in monotonic milliseconds. */
export interface Span {
  readonly began: number;
  readonly ended: number;
}

/** An entry while it is made. */
type Entry = { -readonly [K in keyof TraceHookRun]: TraceHookRun[K] };

/** The entry of a run that counts. */
export function entryOf(
  draft: HookDraft,
  span: Span,
  verdict: ShownVerdict | undefined,
  edited: Message | undefined,
): TraceHookRun {
  const entry = baseOf(draft.subject, draft.stage, draft.slot.plugin.name, span);
  const facts = shownFacts(draft);
  const { fallbacks } = draft;
  if (facts) entry.facts = facts;
  if (fallbacks.length > 0) entry.fallbacks = fallbacks;
  if (edited) entry.edits = shownEdits(edited, draft.subject.message?.edits.length ?? 0);
  if (verdict) entry.verdict = shownVerdict(verdict);
  return entry;
}

/** The entry of a run that went wrong. */
export function faultEntry(
  subject: HookSubject,
  stage: Stage,
  plugin: string,
  began: number,
  fault: { readonly message: string; readonly onError: string },
): TraceHookRun {
  const span = { began, ended: subject.services.clock.monotonic() };
  return { ...baseOf(subject, stage, plugin, span), fault };
}

/** The entry of a hook that a condition kept from running. */
export function skippedEntry(
  subject: HookSubject,
  stage: Stage,
  plugin: string,
  skipped: string,
): TraceHookRun {
  const now = subject.services.clock.monotonic();
  return { ...baseOf(subject, stage, plugin, { began: now, ended: now }), skipped };
}

function baseOf(subject: HookSubject, stage: Stage, plugin: string, { began, ended }: Span): Entry {
  const entry: Entry = {
    stage,
    plugin,
    at: rounded(began - subject.startedAt),
    ms: rounded(ended - began),
  };
  return subject.about ? Object.assign(entry, subject.about) : entry;
}

/** By name; those of a `data` hook about several recipients as "NAME of FORWARD-PATH". */
function shownFacts(draft: HookDraft): { readonly [name: string]: unknown } | undefined {
  if (draft.pending.length === 0) return undefined;
  // Names of facts are in lower camel case, so that none of them is a property that every object has.
  const shown: { [name: string]: unknown } = {};
  let count = 0;
  for (const { fact, recipient, value } of draft.pending) {
    if (++count > FACTS_LISTED_MAX) return shown;
    const of = recipient && draft.stage === "data" ? ` of ${recipient.forwardPath.text}` : "";
    shown[`${fact.name}${of}`] = value;
  }
  return shown;
}

const shownEdits = (edited: Message, before: number): NonNullable<TraceHookRun["edits"]> =>
  edited.edits
    .slice(before, before + EDITS_LISTED_MAX)
    .map(({ summary, reason }) => ({ summary: bounded(summary), reason: bounded(reason) }));

function shownVerdict(given: ShownVerdict): NonNullable<TraceHookRun["verdict"]> {
  const { verdict, enhanced, text, reason, nextHop, marks } = given;
  const shown = text ?? reason ?? nextHop ?? (marks && `${marks.length} marked`);
  return { verdict, ...(enhanced ? { enhanced } : {}), ...(shown ? { text: bounded(shown) } : {}) };
}

const bounded = (text: string): string => String(text).slice(0, TEXT_CHARACTERS_MAX);
const rounded = (ms: number): number => Math.round(ms * 1000) / 1000;
