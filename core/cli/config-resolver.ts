/** The resolver that a config asks for, without a cache. */
import type { GatewayConfig } from "../config/mod.ts";
import { dohResolver } from "../dns/mod.ts";
import type { Resolver } from "../pipeline/mod.ts";
import { systemClock, systemResolver } from "../store/mod.ts";

/** DoH where `dns` names a server of it, else the servers of `dns` or those of the system. */
export function configResolver({ dns }: Pick<GatewayConfig, "dns">): Resolver {
  if (dns === undefined || !("doh" in dns)) return systemResolver(dns);
  return dohResolver({ url: dns.doh, fetch: globalThis.fetch, clock: systemClock });
}
