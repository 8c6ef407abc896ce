/** The door of core/dns: resolvers. */
export { type CachedResolverOptions, cachedResolver } from "./cached-resolver.ts";
export { type DohResolverOptions, dohResolver } from "./doh-resolver.ts";
export { fixedResolver, type Zone } from "./fixed-resolver.ts";
export { type SystemResolverOptions, systemResolver } from "./system-resolver.ts";
