/** The door of core/queue: what is queued, when it is tried again, and who is told. */
export type { DestinationPolicy } from "./destination.ts";
export { createDsnMaker, type DsnServices } from "./dsn-maker.ts";
export type { DsnKind, DsnMaker, DsnPolicy, DsnRecipient, DsnResult } from "./dsn-types.ts";
export { openSqliteSpool, type SqliteSpoolOptions } from "./open-sqlite-spool.ts";
export {
  type Scheduler,
  type SchedulerOptions,
  startScheduler,
} from "./scheduler.ts";
export type { DestinationStatus, SchedulerStatus } from "./scheduler-status.ts";
export type { Settled } from "./settlements.ts";
