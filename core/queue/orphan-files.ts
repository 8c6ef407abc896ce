/**
 * Content files that no message names: a crash left them between the write and the commit, or between the commit and the
 * unlink. Looked for once after a start, an hour's folder at a time. Another process of the gateway may be about to
 * commit a file of its own, so one goes only when it is still without a message a while later, whatever the clock does.
 */
import { ContentFiles } from "./content-files.ts";

/** Kept in mind at once; others are found at the next start. */
const CANDIDATES_MAX = 10_000;
/** Asked about at once. */
const NAMES_MAX = 500;

/** See the head of the file. */
export class OrphanFiles {
  readonly #files: ContentFiles;
  readonly #named: (ids: readonly string[]) => Promise<readonly string[]>;
  readonly #waitMs: number;
  readonly #candidates = new Map<string, number>();
  #hours: string[] | undefined;

  /** @param named gives the content files of these messages */
  constructor(
    files: ContentFiles,
    named: (ids: readonly string[]) => Promise<readonly string[]>,
    waitMs: number,
  ) {
    this.#files = files;
    this.#named = named;
    this.#waitMs = waitMs;
  }

  /** Looks at the next folder, and removes what was found long enough ago; gives how many went. */
  async step(now: number): Promise<number> {
    this.#hours ??= [...(await this.#files.hours())];
    const hour = this.#hours.shift();
    if (hour !== undefined) {
      const found = await this.#without(await this.#files.filesOf(hour, now));
      for (const name of found)
        if (this.#candidates.size < CANDIDATES_MAX) this.#candidates.set(name, performance.now());
    }
    const ripe = [...this.#candidates]
      .filter(([, since]) => performance.now() - since >= this.#waitMs)
      .map(([name]) => name);
    if (ripe.length === 0) return 0;
    const gone = await this.#without(ripe);
    await this.#files.drop(gone);
    for (const name of ripe) this.#candidates.delete(name);
    return gone.length;
  }

  async #without(names: readonly string[]): Promise<readonly string[]> {
    const left: string[] = [];
    for (let at = 0; at < names.length; at += NAMES_MAX) {
      const some = names.slice(at, at + NAMES_MAX);
      const named = new Set(await this.#named([...new Set(some.map(ContentFiles.idOf))]));
      left.push(...some.filter((name) => !named.has(name)));
    }
    return left;
  }
}
