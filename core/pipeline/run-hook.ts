/**
 * Runs the hooks of plugins: `runSlot` where their conditions hold, and each atomically, so that its facts and edits
 * count only if it returns a fitting verdict in time. What goes wrong becomes the plugin's `onError`; nothing escapes.
 * The order of hooks, and what their verdicts do, is the engine's.
 */
import type { Message } from "../mail/mod.ts";
import type { Slot } from "./compile-pipeline.ts";
import type { Recipient } from "./envelope.ts";
import { guardedEnvelopeEdits } from "./envelope-guard.ts";
import { failedCondition } from "./evaluate-condition.ts";
import { HookContext, HookDraft } from "./hook-context.ts";
import { DeadlineFault, faultText, HookFault } from "./hook-fault.ts";
import type { HookOutcome, HookSubject } from "./hook-subject.ts";
import { readVerdict } from "./read-verdict.ts";
import { mayEdit, shownMessage } from "./shown-message.ts";
import type { Stage } from "./stage.ts";
import { timeLimits } from "./time-limits.ts";
import { entryOf, faultEntry, type Span, skippedEntry } from "./trace-hook.ts";
import { reject, tempfail, type VerdictOf } from "./verdict.ts";

/**
 * Runs the hook of a slot if its conditions hold, in `data` for those recipients they hold for. A hook that does not
 * run is in the trace with the condition's name; a condition that throws tempfails, whatever `onError` says, since
 * nobody knows whether the plugin was to be skipped. Never rejects.
 */
export function runSlot<S extends Stage>(
  slot: Slot,
  stage: S,
  subject: HookSubject,
): HookOutcome<S> | Promise<HookOutcome<S>> {
  if (slot.conditions.length === 0) return startHook(slot, stage, subject);
  const began = subject.services.clock.monotonic();
  let met: Met;
  try {
    met = stage === "data" ? meetingRecipients(slot, subject) : { skipped: failedCondition(slot, subject) };
  } catch (error) {
    return fail(slot, stage, subject, began, error, "tempfail");
  }
  if (met.skipped !== undefined) {
    subject.trace.add(skippedEntry(subject, stage, slot.plugin.name, met.skipped));
    return { envelope: [], skipped: met.skipped };
  }
  const { recipients } = met;
  if (!recipients) return startHook(slot, stage, subject);
  const narrowed = { ...subject, recipients, own: { ...subject.own, recipients } };
  const outcome = startHook(slot, stage, narrowed);
  return outcome instanceof Promise
    ? outcome.then((later) => ({ ...later, recipients }))
    : { ...outcome, recipients };
}

interface Met {
  /** The name of the condition that keeps the hook from running. */
  readonly skipped: string | undefined;
  /** Whom it runs for, where that is not everybody. */
  readonly recipients?: readonly Recipient[];
}

function meetingRecipients(slot: Slot, subject: HookSubject): Met {
  const common = slot.conditions.filter(({ condition }) => condition.per !== "recipient");
  const failed = failedCondition({ conditions: common }, subject);
  if (failed !== undefined) return { skipped: failed };
  const each = slot.conditions.filter(({ condition }) => condition.per === "recipient");
  if (each.length === 0) return { skipped: undefined };
  let last: string | undefined;
  const recipients = (subject.recipients ?? []).filter((recipient) => {
    const name = failedCondition({ conditions: each }, subject, recipient);
    last = name ?? last;
    return name === undefined;
  });
  return recipients.length === 0 ? { skipped: last ?? "no recipients" } : { skipped: undefined, recipients };
}

/** Runs the hook of a slot, whatever its conditions say. Never rejects. */
export async function runHook<S extends Stage>(
  slot: Slot,
  stage: S,
  subject: HookSubject,
): Promise<HookOutcome<S>> {
  return startHook(slot, stage, subject);
}

/** The same; a hook that answers at once is over at once, as most are, and costs no promise. */
function startHook<S extends Stage>(
  slot: Slot,
  stage: S,
  subject: HookSubject,
): HookOutcome<S> | Promise<HookOutcome<S>> {
  const began = subject.services.clock.monotonic();
  const draft = new HookDraft(slot, stage, subject);
  try {
    if (subject.signal?.aborted) throw new DeadlineFault();
    const prepared = contextOf(draft);
    const result = (slot.definition[stage] as (this: unknown, ctx: unknown) => unknown).call(
      slot.definition,
      prepared.context,
    );
    if (isThenable(result)) return finishLater(result, draft, stage, began, prepared);
    return finish(draft, stage, began, result, prepared);
  } catch (error) {
    draft.close();
    return fail(slot, stage, subject, began, error, slot.onError);
  }
}

async function finishLater<S extends Stage>(
  result: PromiseLike<unknown>,
  draft: HookDraft,
  stage: S,
  began: number,
  prepared: Prepared,
): Promise<HookOutcome<S>> {
  try {
    return finish(draft, stage, began, await inTime(result, draft), prepared);
  } catch (error) {
    draft.close();
    return fail(draft.slot, stage, draft.subject, began, error, draft.slot.onError);
  }
}

function finish<S extends Stage>(
  draft: HookDraft,
  stage: S,
  began: number,
  given: unknown,
  { message, envelope }: Prepared,
): HookOutcome<S> {
  const { slot, subject } = draft;
  const ended = subject.services.clock.monotonic();
  // A hook that blocks everything outruns the timer, not the clock.
  if (ended - began > slot.timeoutMs) throw lateFault(slot);
  return conclude(draft, stage, { began, ended }, given, message, envelope);
}

interface Prepared {
  readonly context: object;
  readonly message: Message | undefined;
  readonly envelope: readonly unknown[];
}

function contextOf(draft: HookDraft): Prepared {
  const { slot, stage, subject } = draft;
  const context = new HookContext(draft);
  let message: Message | undefined;
  if (subject.message) {
    if (mayEdit(slot, stage)) message = subject.message.fork();
    context.message = shownMessage(subject.message, message, slot, stage);
  }
  if (!slot.editsEnvelope || !subject.envelopeEdits) return { context, message, envelope: UNCHANGED };
  const envelope: unknown[] = [];
  const operations = subject.envelopeEdits(envelope);
  Object.assign(
    context,
    guardedEnvelopeEdits(operations, () => draft.isOver),
  );
  return { context, message, envelope };
}

const UNCHANGED: readonly unknown[] = [];
const NOBODY: readonly Recipient[] = [];

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";

const lateFault = (slot: Slot): HookFault => new HookFault(`did not return within ${slot.timeoutMs} ms`);

/** The result of a hook, or a fault when the hook's time or the transaction's is over before. */
function inTime(result: PromiseLike<unknown>, draft: HookDraft): Promise<unknown> {
  const { slot, subject } = draft;
  return new Promise((resolve, refuse) => {
    const limits = timeLimits(subject.services.clock);
    const outer = subject.signal;
    const limit = limits.start(slot.timeoutMs, () => {
      const fault = lateFault(slot);
      end();
      refuse(fault);
      draft.close();
      draft.abort(fault);
    });
    const stop = () => {
      end();
      draft.close();
      refuse(new DeadlineFault());
    };
    const end = () => {
      limits.end(limit);
      outer?.removeEventListener("abort", stop);
    };
    outer?.addEventListener("abort", stop);
    // By way of a promise of our own: a foreign `then` may throw, settle twice, or call back at once.
    Promise.resolve(result).then(
      (value) => {
        end();
        resolve(value);
      },
      (error: unknown) => {
        end();
        refuse(error);
      },
    );
  });
}

/** Checks what came back, and only then lets the run count, as a whole. */
function conclude<S extends Stage>(
  draft: HookDraft,
  stage: S,
  span: Span,
  given: unknown,
  draftMessage: Message | undefined,
  envelope: readonly unknown[],
): HookOutcome<S> {
  const { slot, subject } = draft;
  const recipients = subject.recipients ?? NOBODY;
  const routes = slot.definition.routes === true;
  const verdict = readVerdict(stage, given, { routes, recipients, own: subject.own });
  const going = goingOn(verdict, recipients);
  const missing = going ? draft.missing(going) : undefined;
  if (missing) throw new HookFault(`went on without providing the fact '${missing.name}' that it declares`);
  draft.close();
  // A fork of the fork: a hook that still holds its message can change nothing of what counts.
  const edited =
    draftMessage && subject.message && !draftMessage.sameFormAs(subject.message)
      ? draftMessage.fork()
      : undefined;
  const entry = entryOf(draft, span, verdict as Parameters<typeof entryOf>[2], edited);
  for (const { fact, recipient, value } of draft.pending) subject.facts(fact, recipient)?.set(fact, value);
  subject.trace.add(entry);
  if (!edited) return verdict ? { verdict, envelope } : { envelope };
  return { ...(verdict ? { verdict } : {}), message: edited, envelope };
}

/** The recipients that go on, none in most stages; undefined when nobody and nothing does. */
function goingOn(
  verdict: VerdictOf[Stage] | undefined,
  recipients: readonly Recipient[],
): readonly Recipient[] | undefined {
  if (verdict === undefined) return recipients;
  if (verdict.verdict !== "forRecipients" || verdict.marks.length === recipients.length) return undefined;
  const marked = new Set(verdict.marks.map(({ recipient }) => recipient));
  return recipients.filter((recipient) => !marked.has(recipient));
}

function fail<S extends Stage>(
  slot: Slot,
  stage: S,
  subject: HookSubject,
  began: number,
  error: unknown,
  wanted: Slot["onError"],
): HookOutcome<S> {
  const message = faultText(error);
  // Past the deadline it is 451, and a delivery may only be put off: after acceptance a fault must not fail mail for
  // good.
  const final = error instanceof DeadlineFault || (wanted === "reject" && stage === "delivery");
  const onError = final ? "tempfail" : wanted;
  const plugin = slot.plugin.name;
  subject.services.log.warn("pluginFault", { ref: subject.id, plugin, stage, cause: message });
  subject.trace.add(faultEntry(subject, stage, plugin, began, { message, onError }));
  if (onError === "skip") return { envelope: [], fault: message };
  const verdict =
    onError === "reject"
      ? reject("5.3.0", "The message can not be processed")
      : tempfail("4.3.0", "Temporary failure, please try again later");
  return { verdict, envelope: [], fault: message };
}
