/** The door of core/store: keyed state, content, traces, and the system's clock, randomness, cryptography and DNS. */

export { createMemoryStore, type MemoryStoreOptions } from "../gateway/mod.ts";
export { type ContentStoreOptions, createContentStore } from "./content-store.ts";
export { keptSecret } from "./kept-secret.ts";
export { nodeCrypto } from "./node-crypto.ts";
export { systemClock, systemRandom } from "./system.ts";
export { type SystemResolverOptions, systemResolver } from "./system-resolver.ts";
export { openTraceStore, type TraceStoreOptions } from "./trace-store.ts";
