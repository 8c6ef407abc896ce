/** A resolver that answers from a zone written down: for tests and replays. */
import type { DnsAnswer, DnsType, Resolver } from "../pipeline/mod.ts";
import { toDomainName } from "./domain-name.ts";

/** An outcome that a zone gives in place of records. */
type ZoneOutcome = "nxdomain" | "servfail" | "timeout";

/**
 * Names (case and a trailing dot do not matter) with records, written as `DnsAnswer` says, or an outcome for each type.
 * A type with an empty list is nodata; so is one left out, or what the target has where the name has a CNAME.
 */
export type Zone = {
  readonly [name: string]: Partial<Record<DnsType, readonly string[] | ZoneOutcome>>;
};

/** All records of a zone live as long. */
const TTL_SECONDS = 60;
/** Aliases followed from the name that was asked for. */
const ALIASES_MAX = 16;
const OUTCOMES: ReadonlySet<string> = new Set<ZoneOutcome>(["nxdomain", "servfail", "timeout"]);

/**
 * A resolver for these names; all others are nxdomain. The TTL is 60 s.
 *
 * @throws TypeError when a name is there twice, or a type has a text that is no outcome: a record stands in a list
 */
export function fixedResolver(zone: Zone): Resolver {
  const names = new Map<string, Zone[string]>();
  for (const [name, types] of Object.entries(zone)) {
    const key = canonical(name);
    if (names.has(key)) throw new TypeError(`the zone has '${key}' twice`);
    for (const [type, answer] of Object.entries(types)) {
      if (typeof answer === "string" && !OUTCOMES.has(answer))
        throw new TypeError(`the zone's ${type} of '${key}' is no outcome: write records as a list`);
    }
    names.set(key, types);
  }
  return {
    async resolve(name, type, signal) {
      signal?.throwIfAborted();
      return lookUp(names, name, type);
    },
  };
}

function lookUp(names: ReadonlyMap<string, Zone[string]>, name: string, type: DnsType): DnsAnswer {
  let asked = name;
  for (let followed = 0; followed <= ALIASES_MAX; followed++) {
    const types = names.get(canonical(asked));
    if (!types) return { status: "nxdomain" };
    const { [type]: answer, CNAME: aliases } = types;
    if (typeof answer === "string") return { status: answer };
    if (answer && answer.length > 0) return { status: "found", records: answer, ttlSeconds: TTL_SECONDS };
    // RFC 1034 3.6.2
    const alias = typeof aliases === "string" ? undefined : aliases?.[0];
    if (answer || alias === undefined) return { status: "nodata" };
    asked = alias;
  }
  // They loop, or are too many.
  return { status: "servfail" };
}

/** What no DNS can hold is there if the zone has it all the same: tests show that nobody believes it. */
const canonical = (name: string): string => (toDomainName(name) ?? name.replace(/\.$/, "")).toLowerCase();
