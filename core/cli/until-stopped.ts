/** Waits for the signal that ends the gateway, or for a fault nobody caught. */
import type { Log } from "../pipeline/mod.ts";

/** After a fault the state is unknown: what is under way gets this long. */
const FAULT_CLOSE_MS_MAX = 5_000;

/**
 * Resolves with the exit code once everything is closed. The first SIGTERM or SIGINT closes in order, so that each
 * accepted message is settled; the second ends at once. SIGHUP ends nothing.
 *
 * @param closeMsMax beyond the deadline of a message; a close that takes longer hangs, and is ended
 */
export function untilStopped(close: () => Promise<void>, log: Log, closeMsMax: number): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  let stopping = false;
  const stop = (code: number, withinMs: number): void => {
    stopping = true;
    const timer = setTimeout(() => process.exit(1), withinMs);
    close().then(
      () => {
        clearTimeout(timer);
        resolve(code);
        // A handle someone forgot must not keep a closed gateway in the process list.
        setTimeout(() => process.exit(code), 1_000).unref();
      },
      (error: unknown) => {
        log.error("closeFailed", { cause: String(error) });
        process.exit(1);
      },
    );
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(1);
    log.info("stopping", { signal });
    stop(0, closeMsMax);
  };
  const onFault = (kind: string) => (error: unknown) => {
    log.error(kind, { cause: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    if (!stopping) stop(1, FAULT_CLOSE_MS_MAX);
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  process.on("SIGHUP", () => {});
  process.on("uncaughtException", onFault("uncaughtException"));
  process.on("unhandledRejection", onFault("unhandledRejection"));
  return promise;
}
