/** The door of core/gateway: the engine, and the interfaces of the services it needs. */

export { type Advertised, advertisedOf, type KnownNextHops } from "./advertised.ts";
export { CODES } from "./answers.ts";
export { createGateway, type Gateway } from "./gateway.ts";
export { joinRecords } from "./join-records.ts";
export { type KeptAdvertised, keepAdvertised } from "./keep-advertised.ts";
export { readPrivateKey, readPublicKey } from "./key-der.ts";
export { KeyHandles } from "./key-handles.ts";
export { memoryContents, memoryTraces, webClock, webRandom } from "./memory-services.ts";
export { createMemoryStore, type MemoryStoreOptions } from "./memory-store.ts";
export * from "./next-hop-driver.ts";
export * from "./queued-attempt.ts";
export { mailDate } from "./received-field.ts";
export * from "./services.ts";
export * from "./session.ts";
export * from "./spool.ts";
export { selfTest } from "./try-host.ts";
export * from "./verdict-meanings.ts";
export { webCrypto } from "./web-crypto.ts";
