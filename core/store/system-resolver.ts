/**
 * DNS by node:dns (c-ares) and the servers of the system, RFC 1034 and 1035. Keeps no cache, checks no DNSSEC, knows
 * no hosts file and no search list: what mail asks for are whole names.
 */
import { Resolver as NodeResolver } from "node:dns/promises";
import { toDomainName } from "../dns/mod.ts";
import type { DnsAnswer, DnsType, Resolver } from "../pipeline/mod.ts";

/** What differs from the system's own settings. */
export interface SystemResolverOptions {
  /** Addresses as "192.0.2.1", "192.0.2.1:5353" or "[2001:db8::1]:53". Absent: those of the system. */
  readonly servers?: readonly string[];
  /** Until a server that is silent is asked again, in milliseconds; more at each try. Default 5,000. */
  readonly tryMs?: number;
  /** How often each server is asked. Default 2. */
  readonly triesMax?: number;
}

/** Node tells a TTL for A and AAAA alone. */
const TTL_SECONDS_DEFAULT = 60;

/**
 * A resolver on the system's servers. NXDOMAIN is told apart from a name without such records, and both from servers
 * that fail (`servfail`, also when none can be reached) or stay silent (`timeout`). TTLs are 60 s for all but A and
 * AAAA. In TXT each octet is one character (Latin-1). A name that no DNS can hold is nxdomain, and nobody is asked.
 *
 * @throws TypeError when a server's address is none
 */
export function systemResolver(options: SystemResolverOptions = {}): Resolver {
  const { servers, tryMs = 5_000, triesMax = 2 } = options;
  const dns = new NodeResolver({ timeout: tryMs, tries: triesMax });
  if (servers !== undefined) dns.setServers(servers);
  return {
    async resolve(name, type, signal) {
      signal?.throwIfAborted();
      const asked = toDomainName(name);
      if (asked === undefined) return { status: "nxdomain" };
      const answer = lookUp(dns, asked, type).catch(outcome);
      return signal === undefined ? answer : unlessAborted(answer, signal);
    },
  };
}

/** c-ares can only call off all queries at once: the one that nobody waits for runs to its end. */
function unlessAborted(answer: Promise<DnsAnswer>, signal: AbortSignal): Promise<DnsAnswer> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  return Promise.race([answer, aborted.promise]).finally(() => signal.removeEventListener("abort", abort));
}

async function lookUp(dns: NodeResolver, name: string, type: DnsType): Promise<DnsAnswer> {
  switch (type) {
    case "A":
      return addresses(await dns.resolve4(name, { ttl: true }));
    case "AAAA":
      return addresses(await dns.resolve6(name, { ttl: true }));
    case "MX":
      return found((await dns.resolveMx(name)).map((mx) => `${mx.priority} ${absolute(mx.exchange)}`));
    case "TXT":
      // RFC 7208 3.3: without spaces between.
      return found((await dns.resolveTxt(name)).map((strings) => strings.join("")));
    case "PTR":
      return found((await dns.resolvePtr(name)).map(absolute));
    case "CNAME":
      return found((await dns.resolveCname(name)).map(absolute));
    case "NS":
      return found((await dns.resolveNs(name)).map(absolute));
    case "SOA": {
      const soa = await dns.resolveSoa(name);
      const numbers = `${soa.serial} ${soa.refresh} ${soa.retry} ${soa.expire} ${soa.minttl}`;
      return found([`${absolute(soa.nsname)} ${absolute(soa.hostmaster)} ${numbers}`]);
    }
    case "TLSA":
      // RFC 6698 2.2
      return found(
        (await dns.resolveTlsa(name)).map(
          ({ certUsage, selector, match, data }) =>
            `${certUsage} ${selector} ${match} ${Buffer.from(data).toString("hex")}`,
        ),
      );
  }
}

function addresses(rows: readonly { readonly address: string; readonly ttl: number }[]): DnsAnswer {
  return found(
    rows.map(({ address }) => address),
    rows.reduce((least, { ttl }) => Math.min(least, ttl), Number.POSITIVE_INFINITY),
  );
}

function found(records: readonly string[], ttlSeconds = TTL_SECONDS_DEFAULT): DnsAnswer {
  return records.length === 0 ? { status: "nodata" } : { status: "found", records, ttlSeconds };
}

/** As in a zone file, with the final dot; the root, which is the exchange of a null MX (RFC 7505 3), is "." alone. */
const absolute = (name: string): string => (name.endsWith(".") ? name : `${name}.`);

/** What a look-up rejects with. Anything unknown is a servfail: a fault of ours must not read as "no such name". */
function outcome(error: { readonly code?: string }): DnsAnswer {
  if (error.code === "ENOTFOUND") return { status: "nxdomain" };
  if (error.code === "ENODATA") return { status: "nodata" };
  return { status: error.code === "ETIMEOUT" ? "timeout" : "servfail" };
}
