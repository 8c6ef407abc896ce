/**
 * What `route` hooks change of the envelope: rewriting, aliases (RFC 5321 3.9.1), copies of our own, the reverse-path.
 * Bounded and checked for loops; each change is noted with its author. Rewriting in `rcpt` is transaction.ts's.
 */
import { type Address, addressKey, pathText, type ReversePath } from "../mail/mod.ts";
import { type RcptParameters, reject, tempfail } from "../pipeline/mod.ts";
import { RecipientState } from "./recipient.ts";
import type { Transaction } from "./transaction.ts";

/** Recipients of one transaction, with those that aliases and copies add. */
export const EXPANSION_MAX = 10_000;
/** Addresses that may lead to one another, by aliases and rewriting. */
export const LINEAGE_MAX = 16;

/** One change, as a hook asked for it. */
export type EnvelopeChange =
  | { readonly change: "rewrite"; readonly forwardPath: Address; readonly reason: string }
  | { readonly change: "expand"; readonly forwardPaths: readonly Address[]; readonly reason: string }
  | { readonly change: "add"; readonly forwardPath: Address; readonly reason: string }
  | { readonly change: "reversePath"; readonly reversePath: ReversePath; readonly reason: string };

/** The methods that a `route` hook gets; they only write down what it wants. */
export function envelopeEdits(draft: unknown[]): object {
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
}

/** Applies the changes of one transaction's `route` stage. */
export class EnvelopeChanges {
  readonly #transaction: Transaction;
  /** How many recipients have an address: none is added that is there. Kept, as counting anew each time is quadratic. */
  readonly #present = new Map<string, number>();

  constructor(transaction: Transaction) {
    this.#transaction = transaction;
    for (const { forwardPath } of transaction.recipients) this.#count(forwardPath, 1);
  }

  /** Applies one change to a recipient; where it may not be, the recipient gets a verdict. */
  apply(recipient: RecipientState, change: EnvelopeChange, author: string): void {
    switch (change.change) {
      case "rewrite":
        this.#rewrite(recipient, change.forwardPath, `${author}: ${change.reason}`);
        return;
      case "reversePath":
        this.#note(
          "setReversePath",
          `<${change.reversePath ? pathText(change.reversePath) : ""}>`,
          `${author}: ${change.reason}`,
        );
        recipient.reversePath = change.reversePath;
        return;
      case "add":
        this.#addCopy(recipient, change.forwardPath, `${author}: ${change.reason}`);
        return;
      case "expand":
        this.#expand(recipient, change.forwardPaths, `${author}: ${change.reason}`);
    }
  }

  #rewrite(recipient: RecipientState, forwardPath: Address, why: string): void {
    this.#note("rewriteRecipient", `${pathText(recipient.forwardPath)} -> ${pathText(forwardPath)}`, why);
    const { lineage } = recipient;
    recipient.unrouted ??= { forwardPath: recipient.forwardPath, lineage };
    recipient.lineage = [...lineage, addressKey(recipient.forwardPath)];
    this.#count(recipient.forwardPath, -1);
    this.#count(forwardPath, 1);
    recipient.forwardPath = forwardPath;
  }

  #expand(recipient: RecipientState, targets: readonly Address[], why: string): void {
    const lineage = [...recipient.lineage, addressKey(recipient.forwardPath)];
    const distinct = [...new Map(targets.map((target) => [addressKey(target), target])).values()];
    this.#note("expandRecipient", `${pathText(recipient.forwardPath)} -> ${listed(distinct)}`, why);
    if (distinct.some((target) => lineage.includes(addressKey(target)))) {
      recipient.verdict = reject("5.4.6", "Alias loop");
      return;
    }
    this.#count(recipient.forwardPath, -1);
    const fresh = distinct.filter((target) => !this.#isPresent(target));
    if (lineage.length > LINEAGE_MAX || !this.#fits(fresh.length)) {
      this.#count(recipient.forwardPath, 1);
      recipient.verdict = tempfail("4.5.3", "Too many recipients after expansion");
      return;
    }
    recipient.expanded = true;
    if (this.#transaction.session.answersEachRcpt && fresh.length < distinct.length) {
      const added = new Set(fresh);
      recipient.shares = distinct.filter((target) => !added.has(target)).map(addressKey);
    }
    const parameters = aliasParameters(recipient.parameters, distinct.length);
    for (const target of fresh) this.#push(recipient, target, recipient.original, parameters, lineage);
  }

  /** A copy of our own: RFC 3461 4.1 NEVER, since nobody asked for it and its failure is nobody's business but ours. */
  #addCopy(recipient: RecipientState, forwardPath: Address, why: string): void {
    const key = addressKey(forwardPath);
    // It has a row of its own in the spool, or had one.
    if (recipient.copies?.includes(key)) return;
    const isPresent = this.#isPresent(forwardPath);
    const lineage = [...recipient.lineage, addressKey(recipient.forwardPath)];
    if (!isPresent && (lineage.length > LINEAGE_MAX || !this.#fits(1))) {
      recipient.verdict = tempfail("4.5.3", "Too many recipients after expansion");
      return;
    }
    recipient.copies = [...(recipient.copies ?? []), key];
    if (isPresent) return;
    this.#note("addRecipient", pathText(forwardPath), why);
    this.#push(recipient, forwardPath, forwardPath, { notify: ["NEVER"] }, lineage);
  }

  #push(
    { rcpt, facts }: RecipientState,
    forwardPath: Address,
    original: Address,
    parameters: RcptParameters,
    lineage: readonly string[],
  ): void {
    this.#count(forwardPath, 1);
    this.#transaction.recipients.push(
      new RecipientState({ forwardPath, original, parameters, rcpt, facts, lineage }),
    );
  }

  #fits(more: number): boolean {
    return this.#transaction.recipients.length + more <= EXPANSION_MAX;
  }

  #isPresent(address: Address): boolean {
    return (this.#present.get(addressKey(address)) ?? 0) > 0;
  }

  #count(address: Address, by: 1 | -1): void {
    const key = addressKey(address);
    this.#present.set(key, (this.#present.get(key) ?? 0) + by);
  }

  #note(event: string, what: string, why: string): void {
    this.#transaction.note(event, `${what} (${why})`);
  }
}

const LISTED_MAX = 10;
const listed = (addresses: readonly Address[]): string =>
  addresses.slice(0, LISTED_MAX).map(pathText).join(", ") +
  (addresses.length > LISTED_MAX ? ` and ${addresses.length - LISTED_MAX} more` : "");

/**
 * RFC 3461 5.2.7: an alias of one target passes all parameters on (5.2.7.2). One of several passes ORCPT on and NOTIFY
 * without SUCCESS (5.2.7.3 c), so that a sender hears no success for each target of one address; where nothing is left
 * of it that is NEVER, as an absent NOTIFY would ask for failures. ENVID and RET are the transaction's and stay.
 */
function aliasParameters(parameters: RcptParameters, targets: number): RcptParameters {
  if (targets === 1 || !parameters.notify?.includes("SUCCESS")) return parameters;
  const rest = parameters.notify.filter((word) => word !== "SUCCESS");
  return { ...parameters, notify: rest.length > 0 ? rest : ["NEVER"] };
}
