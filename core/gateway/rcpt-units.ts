/**
 * What of a transaction gets one answer where each RCPT is answered by itself (LMTP, RFC 2033 4.2): nearly always one
 * RCPT. Aliases can make several recipients of one, and where an alias names a recipient that is there already the two
 * share a copy: such RCPTs are answered alike, as what becomes of the copy becomes of both.
 */
import { addressKey } from "../mail/mod.ts";
import type { RecipientState } from "./recipient.ts";

/** RCPTs that are answered alike, and all who came of them. */
export interface RcptUnit {
  /** Numbers of the client's accepted RCPTs. */
  readonly rcpts: number[];
  /** Without those that others replaced. */
  readonly recipients: RecipientState[];
}

/** Parts the recipients of a transaction, in the order of the client's RCPTs. */
export function rcptUnitsOf(recipients: readonly RecipientState[]): readonly RcptUnit[] {
  const leads = leadsOf(recipients);
  const units = new Map<number, RcptUnit>();
  const unitOf = (rcpt: number): RcptUnit => {
    const lead = leadOf(leads, rcpt);
    let unit = units.get(lead);
    if (!unit) {
      unit = { rcpts: [], recipients: [] };
      units.set(lead, unit);
    }
    return unit;
  };
  for (let rcpt = 0; rcpt < leads.length; rcpt++) unitOf(rcpt).rcpts.push(rcpt);
  for (const recipient of recipients)
    if (!recipient.expanded) unitOf(recipient.rcpt).recipients.push(recipient);
  return [...units.values()];
}

/** For each RCPT one that is answered as it is, or itself. */
function leadsOf(recipients: readonly RecipientState[]): number[] {
  const rcpts = recipients.reduce((most, { rcpt }) => Math.max(most, rcpt + 1), 0);
  const leads = Array.from({ length: rcpts }, (_, rcpt) => rcpt);
  if (!recipients.some(({ shares }) => shares !== undefined)) return leads;
  const rcptsOf = rcptsByAddress(recipients);
  for (const { rcpt, shares = [] } of recipients) {
    for (const key of shares) {
      const other = rcptsOf.get(key);
      if (other !== undefined) leads[leadOf(leads, rcpt)] = leadOf(leads, other);
    }
  }
  return leads;
}

/** By all addresses that recipients have and had: one that was there for an alias may have been replaced since. */
function rcptsByAddress(recipients: readonly RecipientState[]): ReadonlyMap<string, number> {
  const rcpts = new Map<string, number>();
  for (const { rcpt, forwardPath } of recipients) {
    const key = addressKey(forwardPath);
    if (!rcpts.has(key)) rcpts.set(key, rcpt);
  }
  for (const { rcpt, lineage } of recipients) {
    for (const key of lineage) if (!rcpts.has(key)) rcpts.set(key, rcpt);
  }
  return rcpts;
}

function leadOf(leads: number[], rcpt: number): number {
  let lead = rcpt;
  for (let next = leads[lead]!; next !== lead; next = leads[lead]!) {
    // Halves the way for the next one that asks, so that many in a row stay linear.
    leads[lead] = leads[next]!;
    lead = next;
  }
  return lead;
}
