/** The stages `data` and `route`: what the plugins say of the whole message, and of each recipient's copy. */
import type { Address, Message, ReversePath } from "../mail/mod.ts";
import {
  type AnyFact,
  type Attempt,
  type DataVerdict,
  failedCondition,
  type HookOutcome,
  type HookSubject,
  type OriginalMessage,
  type Recipient,
  type RouteVerdict,
  reject,
  runHook,
  type Slot,
  tempfail,
} from "../pipeline/mod.ts";
import { RecipientState } from "./recipient.ts";
import type { Transaction } from "./transaction.ts";

/** Recipients that aliases and copies may add to one transaction, and how deep they may lead. */
const EXPANSION_MAX = 10_000;
const LINEAGE_MAX = 16;

/** Runs the `data` hooks; marks recipients with verdicts and gives the message with all edits. */
export async function judgeData(
  transaction: Transaction,
  message: Message,
  original: OriginalMessage,
  signal: AbortSignal,
): Promise<Message> {
  const slots = transaction.session.engine.pipeline.hooks.data;
  let current = message;
  for (let at = 0; at < slots.length; ) {
    const alive = transaction.recipients.filter((recipient) => !recipient.verdict);
    if (alive.length === 0) break;
    const group = parallelGroup(slots, at);
    at += group.length;
    const runs = group.map((slot) => runData(transaction, slot, alive, current, original, signal));
    for (const run of await Promise.all(runs)) {
      if (!run) continue;
      if (run.outcome.message) current = run.outcome.message;
      mark(run.outcome.verdict, run.recipients);
    }
  }
  return current;
}

/** The slots that run at once from a place on: one, or a `parallel` group. */
function parallelGroup(slots: readonly Slot[], at: number): readonly Slot[] {
  const first = slots[at]!;
  if (first.parallel === undefined) return [first];
  let end = at + 1;
  while (slots[end]?.parallel === first.parallel) end++;
  return slots.slice(at, end);
}

async function runData(
  transaction: Transaction,
  slot: Slot,
  alive: readonly RecipientState[],
  message: Message,
  original: OriginalMessage,
  signal: AbortSignal,
): Promise<
  { readonly recipients: readonly RecipientState[]; readonly outcome: HookOutcome<"data"> } | undefined
> {
  let recipients = alive;
  if (slot.conditions.length > 0) {
    const subject = transaction.subject({ envelope: transaction.envelope });
    try {
      recipients = alive.filter((recipient) => failedCondition(slot, subject, recipient) === undefined);
    } catch (error) {
      transaction.note("conditionFault", `${slot.plugin.name}: ${String(error)}`.slice(0, 500));
      return { recipients, outcome: { verdict: tempfail("4.3.0", "Temporary failure"), envelope: [] } };
    }
    if (recipients.length === 0) {
      transaction.note("skipped", `data ${slot.plugin.name}: no recipient meets its condition`);
      return undefined;
    }
  }
  const subject = transaction.subject(
    { envelope: transaction.envelope, recipients, original },
    { message, recipients, signal },
  );
  return { recipients, outcome: await runHook(slot, "data", subject) };
}

function mark(verdict: DataVerdict | undefined, recipients: readonly RecipientState[]): void {
  if (!verdict) return;
  if (verdict.verdict === "forRecipients") {
    for (const { recipient, verdict: own } of verdict.marks) {
      const state = recipients.find((candidate) => candidate === recipient);
      if (state) state.verdict ??= own;
    }
    return;
  }
  for (const recipient of recipients) recipient.verdict ??= verdict;
}

/** Runs the `route` hooks of each recipient that goes on, and of those that aliases add. */
export async function judgeRoutes(
  transaction: Transaction,
  message: Message,
  original: OriginalMessage,
  signal: AbortSignal,
  attempt: Attempt = { number: 1 },
): Promise<void> {
  const { recipients } = transaction;
  for (let i = 0; i < recipients.length; i++) {
    const recipient = recipients[i]!;
    if (!recipient.verdict) await routeOne(transaction, recipient, message, original, signal, attempt);
  }
}

type EnvelopeChange =
  | { readonly change: "rewrite"; readonly forwardPath: Address; readonly reason: string }
  | { readonly change: "expand"; readonly forwardPaths: readonly Address[]; readonly reason: string }
  | { readonly change: "add"; readonly forwardPath: Address; readonly reason: string }
  | { readonly change: "reversePath"; readonly reversePath: ReversePath; readonly reason: string };

const envelopeEdits = (draft: unknown[]): object => {
  const push = (change: EnvelopeChange) => void draft.push(change);
  return {
    rewriteRecipient: (forwardPath: Address, reason: string) =>
      push({ change: "rewrite", forwardPath, reason }),
    expandRecipient: (forwardPaths: readonly Address[], reason: string) =>
      push({ change: "expand", forwardPaths: [...forwardPaths], reason }),
    addRecipient: (forwardPath: Address, reason: string) => push({ change: "add", forwardPath, reason }),
    setReversePath: (reversePath: ReversePath, reason: string) =>
      push({ change: "reversePath", reversePath, reason }),
  };
};

async function routeOne(
  transaction: Transaction,
  recipient: RecipientState,
  message: Message,
  original: OriginalMessage,
  signal: AbortSignal,
  attempt: Attempt,
): Promise<void> {
  recipient.message = message;
  for (const slot of transaction.session.engine.pipeline.hooks.route) {
    const subject: HookSubject = transaction.subject(
      { envelope: transaction.envelope, recipient, original, attempt },
      {
        message: recipient.message,
        signal,
        facts: (fact: AnyFact, named: Recipient | undefined) =>
          transaction.factsOf(fact, (named as RecipientState | undefined) ?? recipient),
        about: { recipient: recipient.forwardPath.text },
        envelopeEdits,
      },
    );
    if (slot.conditions.length > 0 && failedCondition(slot, subject, recipient) !== undefined) continue;
    const outcome = await runHook(slot, "route", subject);
    if (outcome.message) recipient.message = outcome.message;
    for (const change of outcome.envelope as EnvelopeChange[])
      apply(transaction, recipient, change, slot.plugin.name);
    if (recipient.expanded) return;
    if (outcome.verdict) {
      decide(transaction, recipient, outcome.verdict);
      return;
    }
  }
  recipient.verdict = reject("5.1.2", "No route to this recipient");
}

function decide(transaction: Transaction, recipient: RecipientState, verdict: RouteVerdict): void {
  if (verdict.verdict !== "routeTo") {
    recipient.verdict = verdict;
    return;
  }
  const { config, services } = transaction.session.engine;
  if (!Object.hasOwn(config.nextHops, verdict.nextHop) || !services.nextHops.has(verdict.nextHop)) {
    services.log.error("nextHopUnknown", { ref: transaction.id, nextHop: verdict.nextHop });
    recipient.verdict = tempfail("4.3.5", "System incorrectly configured");
    return;
  }
  recipient.route = verdict;
}

function apply(
  transaction: Transaction,
  recipient: RecipientState,
  change: EnvelopeChange,
  author: string,
): void {
  switch (change.change) {
    case "rewrite":
      transaction.note(
        "rewriteRecipient",
        `${author}: ${recipient.forwardPath.text} -> ${change.forwardPath.text}: ${change.reason}`,
      );
      recipient.forwardPath = change.forwardPath;
      return;
    case "reversePath":
      transaction.note("setReversePath", `${author}: <${change.reversePath?.text ?? ""}>: ${change.reason}`);
      recipient.reversePath = change.reversePath;
      return;
    case "add":
      add(transaction, recipient, [change.forwardPath], author, change.reason, true);
      return;
    case "expand":
      recipient.expanded = true;
      add(transaction, recipient, change.forwardPaths, author, change.reason, false);
  }
}

const keyOf = (address: Address): string => `${address.localPart}@${address.domainAscii}`;

function add(
  transaction: Transaction,
  from: RecipientState,
  forwardPaths: readonly Address[],
  author: string,
  reason: string,
  copy: boolean,
): void {
  const lineage = [...from.lineage, keyOf(from.forwardPath)];
  const here = new Set(transaction.recipients.filter((r) => !r.expanded).map((r) => keyOf(r.forwardPath)));
  const fresh = forwardPaths.filter((path) => !here.has(keyOf(path)));
  const looping = fresh.some((path) => lineage.includes(keyOf(path)));
  if (
    looping ||
    lineage.length > LINEAGE_MAX ||
    transaction.recipients.length + fresh.length > EXPANSION_MAX
  ) {
    from.expanded = false;
    from.verdict = looping
      ? reject("5.4.6", "Alias loop")
      : tempfail("4.5.3", "Too many recipients after expansion");
    return;
  }
  transaction.note(
    copy ? "addRecipient" : "expandRecipient",
    `${author}: ${fresh
      .map((p) => p.text)
      .join(", ")
      .slice(0, 300)}: ${reason}`,
  );
  // RFC 3461 5.2.7: a list's members answer to the list, an alias' targets to the sender; a copy of ours to nobody.
  const parameters = copy ? { notify: ["NEVER" as const] } : from.parameters;
  for (const forwardPath of fresh) {
    const added = new RecipientState({
      forwardPath,
      original: copy ? forwardPath : from.original,
      parameters,
      rcpt: from.rcpt,
      facts: from.facts,
      lineage,
    });
    transaction.recipients.push(added);
  }
}
