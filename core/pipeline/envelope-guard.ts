/**
 * Stands between a hook and the engine's envelope operations: what a hook gives must be addresses, and what it calls
 * after its run is over does nothing.
 */
import { type Address, isPathFault, parseAddress } from "../mail/mod.ts";
import { HookFault } from "./hook-fault.ts";

/** Addresses of one call; the engine bounds a transaction's recipients by itself. */
const PATHS_MAX = 10_000;
const REASON_CHARACTERS_MAX = 500;

type Operation = (what: unknown, reason: string) => unknown;

/** The operations with their guard. @param isOver whether the hook run is over */
export function guardedEnvelopeEdits(
  operations: object,
  isOver: () => boolean,
): { readonly [name: string]: (what: unknown, reason: unknown) => void } {
  return Object.fromEntries(
    (Object.entries(operations) as [string, Operation][]).map(([name, operation]) => [
      name,
      (what: unknown, reason: unknown) => {
        if (isOver()) return;
        const copied = Array.isArray(what) ? what.slice(0, PATHS_MAX + 1) : what;
        check(name, copied);
        if (typeof reason !== "string") throw new HookFault(`${name}() takes a reason last`);
        operation(copied, reason.slice(0, REASON_CHARACTERS_MAX));
      },
    ]),
  );
}

function check(name: string, what: unknown): void {
  if (name === "setReversePath" && what === null) return;
  if (name !== "expandRecipient") {
    if (!isAddress(what))
      throw new HookFault(`${name}() takes an address, as parseAddress() or makeAddress() give`);
    return;
  }
  if (!Array.isArray(what) || what.length === 0 || what.length > PATHS_MAX || !what.every(isAddress)) {
    throw new HookFault(`${name}() takes a list of 1 to ${PATHS_MAX} addresses`);
  }
}

/** Parsed anew: an address made by hand could say one thing in its text and another in its parts. */
function isAddress(value: unknown): value is Address {
  if (typeof value !== "object" || value === null) return false;
  const { text, localPart, domain, domainAscii } = value as Partial<Address>;
  if (typeof text !== "string") return false;
  const parsed = parseAddress(text);
  return (
    !isPathFault(parsed) &&
    parsed.localPart === localPart &&
    parsed.domain === domain &&
    parsed.domainAscii === domainAscii
  );
}
