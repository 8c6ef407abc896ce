/**
 * Reads what a hook gave back: a fitting verdict of its stage, copied, so that what the hook does to its object
 * afterwards changes nothing; or a fault.
 */

import { isScramKeys, type ScramKeys } from "../mail/mod.ts";
import { SCRAM_SHA_256 } from "./context.ts";
import { isEnhancedCode } from "./enhanced-code.ts";
import type { Recipient } from "./envelope.ts";
import { HookFault } from "./hook-fault.ts";
import type { Stage } from "./stage.ts";
import { type Identity, type MessageVerdict, VERDICTS_OF, type VerdictOf } from "./verdict.ts";
import { KEYS_NEEDED, PROOF_ABSENT, PROOF_NEEDED, ROUTES_UNDECLARED, VERDICT_WORDS } from "./words.ts";

/** Addresses that one identity may list in `maySendAs`. */
const SEND_AS_MAX = 10_000;

/** What the reading depends on. */
export interface VerdictOptions {
  /** Whether the plugin declared `routes: true`. */
  readonly routes: boolean;
  /** Whom a `data` hook may mark. */
  readonly recipients: readonly Recipient[];
  /** What the context of the stage has of its own: in `auth` the attempt. */
  readonly own?: object;
}

type Given = { readonly [key: string]: unknown };

/** The verdict, or undefined to go on. @throws HookFault for anything else, in words */
export function readVerdict<S extends Stage>(
  stage: S,
  given: unknown,
  options: VerdictOptions,
): VerdictOf[S] | undefined {
  if (given === undefined || given === null) return undefined;
  const kind: unknown = (given as Given).verdict;
  const allowed: readonly string[] = VERDICTS_OF[stage];
  if (typeof kind !== "string" || !allowed.includes(kind)) {
    const what =
      typeof kind === "string" ? `the verdict '${kind.slice(0, 50)}'` : "something that is no verdict";
    throw new HookFault(`returned ${what}: ${VERDICT_WORDS[stage]}`);
  }
  return read(kind as Kind, given as Given, options) as VerdictOf[S];
}

type Kind = VerdictOf[Stage]["verdict"];

function read(kind: Kind, given: Given, options: VerdictOptions): VerdictOf[Stage] {
  switch (kind) {
    case "reject":
      return { verdict: kind, enhanced: code(kind, given, "5"), text: text(kind, given, "text") };
    case "tempfail":
    case "disconnect":
      return { verdict: kind, enhanced: code(kind, given, "4"), text: text(kind, given, "text") };
    case "discard":
    case "quarantine":
      return { verdict: kind, reason: text(kind, given, "reason") };
    case "identify":
      if (isScram(options)) throw new HookFault(PROOF_NEEDED);
      return { verdict: kind, identity: identityOf(given.identity, kind) };
    case "identifyByProof":
      if (!isScram(options)) throw new HookFault(PROOF_ABSENT);
      return { verdict: kind, keys: keysOf(given.keys), identity: identityOf(given.identity, kind) };
    case "forRecipients":
      return { verdict: kind, marks: marksOf(given.marks, options) };
    case "routeTo":
      if (!options.routes) throw new HookFault(ROUTES_UNDECLARED);
      return routeOf(given);
  }
}

function text(kind: Kind, given: Given, key: string): string {
  const value = given[key];
  if (typeof value === "string") return value;
  throw new HookFault(`returned ${kind} without a ${key}`);
}

function code(kind: Kind, given: Given, cls: "4" | "5"): string {
  const value = given.enhanced;
  if (isEnhancedCode(value, cls)) return value;
  throw new HookFault(`returned ${kind} without an enhanced status code of class ${cls}`);
}

const isScram = ({ own }: VerdictOptions): boolean =>
  (own as { readonly attempt?: { readonly mechanism?: unknown } } | undefined)?.attempt?.mechanism ===
  SCRAM_SHA_256;

function keysOf(given: unknown): ScramKeys {
  if (!isScramKeys(given)) throw new HookFault(KEYS_NEEDED);
  const { iterations, salt, storedKey, serverKey } = given;
  return {
    iterations,
    salt: Uint8Array.from(salt),
    storedKey: Uint8Array.from(storedKey),
    serverKey: Uint8Array.from(serverKey),
  };
}

function identityOf(given: unknown, kind: Kind): Identity {
  const { user, maySendAs } = (given ?? {}) as Given;
  if (typeof user !== "string" || user === "") throw new HookFault(`returned ${kind} without a user`);
  if (maySendAs === undefined) return { user };
  if (
    !Array.isArray(maySendAs) ||
    maySendAs.length > SEND_AS_MAX ||
    !maySendAs.every((address) => typeof address === "string")
  ) {
    throw new HookFault(`returned ${kind} with a 'maySendAs' that is no list of up to ${SEND_AS_MAX} texts`);
  }
  return { user, maySendAs: [...maySendAs] };
}

function marksOf(
  given: unknown,
  { recipients }: VerdictOptions,
): { readonly recipient: Recipient; readonly verdict: MessageVerdict }[] {
  if (!Array.isArray(given)) throw new HookFault("returned forRecipients without a list of marks");
  const open = new Set(recipients);
  return given.map((mark: unknown) => {
    const { recipient, verdict } = (mark ?? {}) as {
      readonly recipient?: Recipient;
      readonly verdict?: unknown;
    };
    // Also what ends the list in time: no recipient can be marked twice.
    if (!recipient || !open.delete(recipient)) {
      throw new HookFault("marked a recipient twice, or one that is not among its recipients");
    }
    const kind = (verdict as Given | undefined)?.verdict;
    if (!VERDICTS_OF.mail.some((allowed) => allowed === kind)) {
      throw new HookFault(`marked a recipient with something else than ${VERDICTS_OF.mail.join(", ")}`);
    }
    const own = read(kind as Kind, verdict as Given, { routes: false, recipients: [] });
    return { recipient, verdict: own as MessageVerdict };
  });
}

function routeOf(given: Given): VerdictOf["route"] {
  const { nextHop, mode, deliverAt, requireTls } = given;
  if (typeof nextHop !== "string") throw new HookFault("returned routeTo without the name of a next hop");
  if (mode !== undefined && mode !== "inline" && mode !== "queue") {
    throw new HookFault("returned routeTo with a mode that is neither inline nor queue");
  }
  if (deliverAt !== undefined && !(typeof deliverAt === "number" && Number.isFinite(deliverAt))) {
    throw new HookFault("returned routeTo with a 'deliverAt' that is no time in epoch milliseconds");
  }
  // Anything but a clear word on TLS is a fault: "no" as a text must not become a demand, nor a demand be lost.
  if (requireTls !== undefined && typeof requireTls !== "boolean") {
    throw new HookFault("returned routeTo with a 'requireTls' that is neither true nor false");
  }
  return {
    verdict: "routeTo",
    nextHop,
    ...(mode === undefined ? {} : { mode }),
    ...(deliverAt === undefined ? {} : { deliverAt: deliverAt as number }),
    ...(requireTls === undefined ? {} : { requireTls }),
  };
}
