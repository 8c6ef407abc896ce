/**
 * One batch at a time: what arrives while one is written is the next, within a bound. No timer and no added delay: alone,
 * an operation is a batch of its own; what comes in one turn of the event loop goes together.
 */
import { SpoolFault } from "../gateway/mod.ts";
import type { Operation, Outcome } from "./sqlite/protocol.ts";
import type { SpoolThread } from "./sqlite/thread.ts";

const OPERATIONS_MAX = 512;
const BYTES_MAX = 8_388_608;

interface Waiting {
  readonly operation: Operation;
  readonly buffers: readonly ArrayBuffer[];
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (reason: unknown) => void;
}

/** See the head of the file. */
export class Batcher {
  readonly #thread: SpoolThread;
  readonly #alarm: (what: string) => void;
  #waiting: Waiting[] = [];
  #failure = "";
  #isPlanned = false;
  #isRunning = false;

  /** @param alarm is told what an operator must hear of */
  constructor(thread: SpoolThread, alarm: (what: string) => void) {
    this.#thread = thread;
    this.#alarm = alarm;
  }

  /** Whether nothing runs and nothing waits. */
  get isIdle(): boolean {
    return !this.#isRunning && this.#waiting.length === 0;
  }

  /**
   * Runs an operation in the next commit. Rejects with a SpoolFault; nothing was changed then.
   *
   * @param signal takes it back, and rejects with its reason, while its batch has not begun
   */
  run(operation: Operation, signal?: AbortSignal): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const waiting: Waiting = { operation, buffers: buffersOf(operation), resolve, reject };
      if (signal) this.#takeBackAt(signal, waiting);
      else this.#waiting.push(waiting);
      this.#plan();
    });
  }

  #takeBackAt(signal: AbortSignal, { resolve, reject, ...rest }: Waiting): void {
    const end = (): void => signal.removeEventListener("abort", takeBack);
    const waiting: Waiting = {
      ...rest,
      resolve(outcome) {
        end();
        resolve(outcome);
      },
      reject(reason) {
        end();
        reject(reason);
      },
    };
    const takeBack = (): void => {
      const at = this.#waiting.indexOf(waiting);
      if (at < 0) return;
      this.#waiting.splice(at, 1);
      reject(signal.reason);
    };
    signal.addEventListener("abort", takeBack, { once: true });
    this.#waiting.push(waiting);
  }

  #plan(): void {
    if (this.#isPlanned || this.#isRunning) return;
    this.#isPlanned = true;
    setImmediate(() => {
      this.#isPlanned = false;
      void this.#write();
    });
  }

  async #write(): Promise<void> {
    const batch = this.#next();
    if (batch.length === 0) return;
    this.#isRunning = true;
    try {
      const answer = await this.#thread.ask(
        { ask: "batch", operations: batch.map(({ operation }) => operation) },
        batch.flatMap(({ buffers }) => buffers),
      );
      if (!("results" in answer)) throw new SpoolFault("EIO", "no answer to a batch");
      for (const [at, result] of answer.results.entries()) {
        if ("refused" in result)
          batch[at]?.reject(new SpoolFault(result.refused.code, result.refused.message));
        else batch[at]?.resolve(result);
      }
      for (const what of answer.alarms) this.#alarm(what);
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      // A thread that is gone says so to every batch.
      if (what !== this.#failure) this.#alarm(what);
      this.#failure = what;
      for (const { reject } of batch) reject(error);
    }
    this.#isRunning = false;
    if (this.#waiting.length > 0) this.#plan();
  }

  #next(): readonly Waiting[] {
    let count = 0;
    for (let bytes = 0; count < Math.min(this.#waiting.length, OPERATIONS_MAX); count++) {
      bytes += (this.#waiting[count]?.buffers ?? []).reduce((sum, { byteLength }) => sum + byteLength, 0);
      if (bytes > BYTES_MAX && count > 0) break;
    }
    const batch = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return batch;
  }
}

function buffersOf(operation: Operation): readonly ArrayBuffer[] {
  if (operation.do === "put") return [operation.message.body];
  return operation.do === "settle" ? operation.messages.map(({ body }) => body) : [];
}
