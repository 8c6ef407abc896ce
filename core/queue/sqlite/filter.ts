/** The conditions of a filter as text of fixed parts and the values that are bound to it, over rcpt and msg. */
import type { SpoolFilter, SpoolState } from "../../gateway/mod.ts";
import type { Value } from "./statements.ts";

/** State of a recipient as its column has it. */
export const STATES = ["due", "leased", "held", "failed"] as const;

/**
 * The condition that a recipient is in a state. As text, as only so a partial index is found; most are due, and their index
 * is in an order that nobody asks for, so that one is kept from being taken.
 */
export const isState = (state: SpoolState): string =>
  `${state === "due" ? "+" : ""}rcpt.state = ${STATES.indexOf(state)}`;

/** Conditions to join by AND, and their values in order. */
export interface Conditions {
  readonly sql: readonly string[];
  readonly values: readonly Value[];
}

/** Makes the conditions; none for a filter that has none. */
export function conditionsOf(filter: SpoolFilter): Conditions {
  const sql: string[] = [];
  const values: Value[] = [];
  const add = (text: string, ...bound: readonly Value[]): void => {
    sql.push(text);
    values.push(...bound);
  };
  if (filter.id !== undefined) add("msg.id = ?", filter.id);
  if (filter.recipient !== undefined) add("rcpt.r = ?", filter.recipient);
  if (filter.state !== undefined) add(isState(filter.state));
  if (filter.destination !== undefined) add("rcpt.destination = ?", filter.destination);
  if (filter.reversePath !== undefined) addPath("msg.reverse", filter.reversePath, add);
  if (filter.forwardPath !== undefined) addPath("rcpt.forward", filter.forwardPath, add);
  if (filter.receivedBefore !== undefined) add("msg.received < ?", filter.receivedBefore);
  return { sql, values };
}

/** A whole address, or "@domain": the part of an address from its last @ on. */
function addPath(
  column: string,
  meant: string,
  add: (text: string, ...bound: readonly Value[]) => void,
): void {
  if (!meant.startsWith("@")) add(`${column} = ?`, meant);
  else if (meant.lastIndexOf("@") > 0) add("0");
  else add(`substr(${column}, -length(?)) = ?`, meant, meant);
}
