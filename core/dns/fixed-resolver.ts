/** A resolver that answers from a zone written down: for tests and replays. It follows no CNAME. */
import type { DnsType, Resolver } from "../pipeline/mod.ts";

/** An outcome that a zone gives in place of records. */
type ZoneOutcome = "nxdomain" | "servfail" | "timeout";

/**
 * Names (case and a trailing dot do not matter) with records, written as `DnsAnswer` says, or an outcome for each type.
 * A type left out, or with an empty list, is nodata.
 */
export type Zone = {
  readonly [name: string]: Partial<Record<DnsType, readonly string[] | ZoneOutcome>>;
};

/** All records of a zone live as long. */
const TTL_SECONDS = 60;
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
      const types = names.get(canonical(name));
      if (!types) return { status: "nxdomain" };
      const answer = types[type];
      if (typeof answer === "string") return { status: answer };
      if (!answer || answer.length === 0) return { status: "nodata" };
      return { status: "found", records: answer, ttlSeconds: TTL_SECONDS };
    },
  };
}

function canonical(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}
