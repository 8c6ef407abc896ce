/** A resolver that answers from a zone written down: for tests and replays. It follows no CNAME. */
import type { DnsType, Resolver } from "../pipeline/mod.ts";

/** Names (case and a trailing dot do not matter) with records or an outcome for each type. A type left out is nodata. */
export type Zone = {
  readonly [name: string]: Partial<Record<DnsType, readonly string[] | "nxdomain" | "servfail" | "timeout">>;
};

/** A resolver for these names; all others are nxdomain. */
export function fixedResolver(zone: Zone): Resolver {
  const names = new Map(Object.entries(zone).map(([name, types]) => [canonical(name), types]));
  return {
    async resolve(name, type, signal) {
      signal?.throwIfAborted();
      const types = names.get(canonical(name));
      if (!types) return { status: "nxdomain" };
      const answer = types[type];
      if (typeof answer === "string") return { status: answer };
      if (!answer || answer.length === 0) return { status: "nodata" };
      return { status: "found", records: answer, ttlSeconds: 60 };
    },
  };
}

function canonical(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}
