/**
 * What a spool does for itself after a sweep, when nobody waits: the ballast is made, and made good (no start waits for it;
 * where it is missing as much room is kept free), files without a message go, and the database gives room back to the
 * disk. Each is a slice, and a failure is only told.
 */
import type { Log } from "../pipeline/mod.ts";
import { restoreBallast } from "./ballast.ts";
import type { Batcher } from "./batcher.ts";
import type { ContentFiles } from "./content-files.ts";
import { OrphanFiles } from "./orphan-files.ts";
import type { ThreadStart } from "./sqlite/protocol.ts";

/** Pages given back in one commit. */
const VACUUM_PAGES = 1_000;
/** Free pages that are kept: the next messages take them. */
const FREE_PAGES_KEPT = 4_000;

/** See the head of the file. */
export class SpoolHousekeeping {
  readonly #start: Omit<ThreadStart, "role">;
  readonly #batcher: Batcher;
  readonly #orphans: OrphanFiles;
  readonly #log: Log;
  #isRunning = false;
  #isStopped = false;

  constructor(given: {
    readonly start: Omit<ThreadStart, "role">;
    readonly batcher: Batcher;
    readonly files: ContentFiles;
    readonly named: (ids: readonly string[]) => Promise<readonly string[]>;
    readonly orphanMs: number;
    readonly log: Log;
  }) {
    this.#start = given.start;
    this.#batcher = given.batcher;
    this.#orphans = new OrphanFiles(given.files, given.named, given.orphanMs);
    this.#log = given.log;
  }

  /** Never rejects; while one runs another does nothing. */
  async tidy(now: number): Promise<void> {
    if (this.#isRunning || this.#isStopped) return;
    this.#isRunning = true;
    try {
      const { ballast, ballastBytes, reserveBytes } = this.#start;
      await restoreBallast(ballast, ballastBytes, reserveBytes);
      const gone = await this.#orphans.step(now);
      if (gone > 0) this.#log.info("spoolOrphans", { removed: gone });
      await this.#giveBackRoom();
    } catch (error) {
      this.#log.warn("spoolHousekeeping", { error: error instanceof Error ? error.message : String(error) });
    } finally {
      this.#isRunning = false;
    }
  }

  /** No further slice begins. */
  stop(): void {
    this.#isStopped = true;
  }

  /** As long as nothing else is to be done. */
  async #giveBackRoom(): Promise<void> {
    while (!this.#isStopped && this.#batcher.isIdle) {
      const { count: free } = await this.#batcher.run({ do: "vacuum", pages: 0 });
      if (free <= FREE_PAGES_KEPT) return;
      await this.#batcher.run({ do: "vacuum", pages: Math.min(VACUUM_PAGES, free - FREE_PAGES_KEPT) });
    }
  }
}
