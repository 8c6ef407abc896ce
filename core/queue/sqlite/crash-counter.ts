/** Ends the process at a named step, as a crash would, where a test asks for it. Otherwise it does nothing. */
import type { CrashPoint, SpoolProbes } from "./protocol.ts";

/** See the head of the file. */
export class CrashCounter {
  readonly #crash: SpoolProbes["crash"];
  #passed = 0;

  constructor({ crash }: SpoolProbes) {
    this.#crash = crash;
  }

  /** The process comes to a step. */
  at(point: CrashPoint): void {
    if (this.#crash?.at === point && ++this.#passed === this.#crash.pass)
      process.kill(process.pid, "SIGKILL");
  }
}
