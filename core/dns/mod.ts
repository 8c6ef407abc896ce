/** The door of core/dns: resolvers. */
export { type CachedResolver, type CachedResolverOptions, cachedResolver } from "./cached-resolver.ts";
export { type DohResolverOptions, dohResolver } from "./doh-resolver.ts";
export { toDomainName } from "./domain-name.ts";
export { fixedResolver, type Zone } from "./fixed-resolver.ts";
