/** DNS by node:dns and the servers of the system. Keeps no cache and checks no DNSSEC. */
import { Resolver as NodeResolver } from "node:dns/promises";
import type { DnsAnswer, DnsType, Resolver } from "../pipeline/mod.ts";

const ttlDefault = 60;

/** A resolver on the system's servers. TTLs are 60 s where Node tells none (all but A, AAAA and SOA). */
export function systemResolver(): Resolver {
  const dns = new NodeResolver({ timeout: 5_000, tries: 2 });
  return {
    async resolve(name, type, signal) {
      signal?.throwIfAborted();
      const answer = lookUp(dns, name, type).catch(outcome);
      if (!signal) return answer;
      let abort: (() => void) | undefined;
      const aborted = new Promise<never>((_, reject) => {
        abort = () => reject(signal.reason);
        signal.addEventListener("abort", abort);
      });
      return Promise.race([answer, aborted]).finally(() => signal.removeEventListener("abort", abort!));
    },
  };
}

async function lookUp(dns: NodeResolver, name: string, type: DnsType): Promise<DnsAnswer> {
  switch (type) {
    case "A":
    case "AAAA": {
      const rows =
        type === "A" ? await dns.resolve4(name, { ttl: true }) : await dns.resolve6(name, { ttl: true });
      return found(
        rows.map((row) => row.address),
        Math.min(...rows.map((row) => row.ttl)),
      );
    }
    case "MX":
      return found(
        (await dns.resolveMx(name)).map((mx) => `${mx.priority} ${mx.exchange}.`.replace("..", ".")),
      );
    case "TXT":
      return found((await dns.resolveTxt(name)).map((strings) => strings.join("")));
    case "PTR":
      return found((await dns.resolvePtr(name)).map((host) => `${host}.`));
    case "CNAME":
      return found((await dns.resolveCname(name)).map((host) => `${host}.`));
    case "NS":
      return found((await dns.resolveNs(name)).map((host) => `${host}.`));
    case "SOA": {
      const soa = await dns.resolveSoa(name);
      const numbers = `${soa.serial} ${soa.refresh} ${soa.retry} ${soa.expire} ${soa.minttl}`;
      return found([`${soa.nsname}. ${soa.hostmaster}. ${numbers}`], soa.minttl);
    }
    case "TLSA": {
      const rows = await dns.resolveTlsa(name);
      return found(
        rows.map(
          (row) => `${row.certUsage} ${row.selector} ${row.match} ${Buffer.from(row.data).toString("hex")}`,
        ),
      );
    }
  }
}

function found(records: readonly string[], ttlSeconds = ttlDefault): DnsAnswer {
  return records.length === 0 ? { status: "nodata" } : { status: "found", records, ttlSeconds };
}

function outcome(error: { readonly code?: string }): DnsAnswer {
  if (error.code === "ENOTFOUND") return { status: "nxdomain" };
  if (error.code === "ENODATA") return { status: "nodata" };
  return { status: error.code === "ETIMEOUT" ? "timeout" : "servfail" };
}
