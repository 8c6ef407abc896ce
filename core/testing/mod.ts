/** The door "postern/testing": runs a real config in process, without sockets, so that mail rules are unit tests. */
export {
  createTestGateway,
  type Injection,
  type Outcome,
  type TestGateway,
  type TestOptions,
} from "./create-test-gateway.ts";
export { createMemorySpool, type MemorySpoolOptions } from "./memory-spool.ts";
export { type Delivered, type RecordingNextHop, recordingNextHop } from "./recording-next-hop.ts";
export type { QueuedOutcome } from "./run-queue.ts";
