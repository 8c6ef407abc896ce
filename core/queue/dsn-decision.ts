/**
 * Whether the sender hears of a recipient (RFC 3461 4.1, 5.2, 6.2): what was asked for by NOTIFY, no DSN for a DSN (RFC
 * 5321 6.1), and none to whom we do not know to have sent the message, as most reverse-paths of strangers are forged.
 */
import type { StoredFacts, StoredMessage } from "../gateway/mod.ts";
import { type AnyFact, compilePipeline, type Pipeline, type RcptParameters, z } from "../pipeline/mod.ts";
import type { DsnDecision, DsnKind, DsnPolicy } from "./dsn-types.ts";

/** What of SPF a decision is made by (RFC 7208 2.4, 2.6). */
export interface SpfOutcome {
  readonly result: string;
  /** In A-labels and lower case. */
  readonly domain: string;
  /** "mailfrom" where it is about the reverse-path. */
  readonly identity: string;
}

/** Gives the SPF result among the facts of a message; undefined where nobody checked, or it can not be read. */
export type ReadSpf = (facts: StoredFacts) => SpfOutcome | undefined;

/** The name of the fact; what it must have is checked, as the plugin that provides it may be anybody's. */
const SPF_FACT = "spf";
const OUTCOME = z.object({ result: z.string(), domain: z.string(), identity: z.string() });

/** The reader for a pipeline. A value of another version, or that no longer parses, counts as none. */
export function spfReader(pipeline: Pipeline): ReadSpf {
  const provided = compilePipeline(pipeline).slots.flatMap(({ definition }) => definition.provides ?? []);
  const spf: AnyFact | undefined = provided.find(({ name }) => name === SPF_FACT);
  if (spf === undefined) return () => undefined;
  return (facts) => {
    const stored = Object.hasOwn(facts, SPF_FACT) ? facts[SPF_FACT] : undefined;
    if (stored?.version !== spf.version) return undefined;
    const value = spf.schema.safeParse(stored.value);
    return value.success ? OUTCOME.safeParse(value.data).data : undefined;
  };
}

/** What is done about one recipient. A sender who said nothing hears of failures and delays (RFC 3461 4.1, 5.2.1). */
export function dsnDecision(
  message: Pick<StoredMessage, "reversePath" | "origin" | "identity" | "client" | "facts">,
  { parameters }: { readonly parameters: RcptParameters },
  kind: DsnKind,
  policy: DsnPolicy,
  readSpf: ReadSpf,
): DsnDecision {
  if (message.reversePath === null || message.origin === "dsn") return "none";
  if (!isWanted(parameters.notify, kind)) return "none";
  if (isSenderKnown(message, policy, readSpf)) return "send";
  return kind === "failed" ? "suppressed" : "none";
}

function isWanted(notify: RcptParameters["notify"], kind: DsnKind): boolean {
  switch (kind) {
    case "failed":
      return notify === undefined || notify.includes("FAILURE");
    case "delayed":
      return notify === undefined || notify.includes("DELAY");
    case "delivered":
    case "relayed":
      return notify?.includes("SUCCESS") === true;
  }
}

/**
 * Who logged in or comes from a trusted network may relay here and answers for what it names. Behind a listed upstream
 * that did not name its client nobody knows whose the message is. SPF speaks for the reverse-path by `mailfrom` alone: a
 * pass of the EHLO name says nothing of it.
 */
function isSenderKnown(
  { reversePath, origin, identity, client, facts }: Parameters<typeof dsnDecision>[0],
  policy: DsnPolicy,
  readSpf: ReadSpf,
): boolean {
  if (policy === "always" || identity !== undefined || origin === "local") return true;
  if (client.trusted && client.isUpstream !== true) return true;
  if (policy === "authenticated") return false;
  const spf = readSpf(facts);
  return spf?.result === "pass" && spf.identity === "mailfrom" && spf.domain === reversePath?.domainAscii;
}
