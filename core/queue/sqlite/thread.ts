/** A thread of the spool, as the main side has it: a request, an answer, in order. */
import * as module from "node:module";
import { Worker } from "node:worker_threads";
import { SpoolFault } from "../../gateway/mod.ts";
import type { Answer, Request, ThreadStart } from "./protocol.ts";

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (fault: SpoolFault) => void;
}

/** See the head of the file. */
export class SpoolThread {
  readonly #worker: Worker;
  readonly #waiting: Waiting[] = [];
  #gone: SpoolFault | undefined;

  private constructor(start: ThreadStart) {
    this.#worker = new Worker(new URL("./spool-thread.ts", import.meta.url), {
      workerData: start,
      name: `spool-${start.role}`,
      env: { ...withoutWatch(process.env), ...compileCache() },
    });
    this.#worker.on("message", (answer: Answer) => {
      const waiting = this.#waiting.shift();
      if ("failed" in answer) waiting?.reject(new SpoolFault(answer.failed.code, answer.failed.message));
      else waiting?.resolve(answer);
    });
    this.#worker.on("error", (error) => this.#end(error));
    this.#worker.on("exit", () => this.#end(new Error("it ended")));
  }

  /** Starts a thread and waits until its database is open. @throws SpoolFault why it is not */
  static async open(start: ThreadStart): Promise<SpoolThread> {
    const thread = new SpoolThread(start);
    try {
      await thread.#answer();
      return thread;
    } catch (error) {
      await thread.#worker.terminate();
      throw error;
    }
  }

  /** Rejects with a SpoolFault. */
  ask(request: Request, transfer: readonly ArrayBuffer[] = []): Promise<Answer> {
    if (this.#gone) return Promise.reject(this.#gone);
    try {
      this.#worker.postMessage(request, [...transfer]);
    } catch (error) {
      return Promise.reject(new SpoolFault("EINVAL", "it can not be given to the thread", { cause: error }));
    }
    return this.#answer();
  }

  /** Closes the database and ends the thread; never rejects. */
  async close(): Promise<void> {
    const exited = new Promise<void>((resolve) => void this.#worker.once("exit", () => resolve()));
    const isGone = this.#gone !== undefined;
    await this.ask({ ask: "close" }).catch(() => undefined);
    if (isGone) return;
    await exited;
  }

  #answer(): Promise<Answer> {
    return new Promise((resolve, reject) => void this.#waiting.push({ resolve, reject }));
  }

  #end(why: unknown): void {
    this.#gone ??= new SpoolFault("EIO", "the thread of the spool is gone", { cause: why });
    for (const { reject } of this.#waiting.splice(0)) reject(this.#gone);
  }
}

/** Under Node's watch mode a thread would tell of its imports among its answers. */
function withoutWatch({ WATCH_REPORT_DEPENDENCIES: _, ...env }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return env;
}

/** Where this process keeps compiled code a thread may too: it starts in half the time. Other runtimes have no such thing. */
function compileCache(): { NODE_COMPILE_CACHE?: string } {
  const folder = module.getCompileCacheDir?.();
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: folder };
}
