/** Makes new names in folders last. Callers that come while a folder is synced share the sync after that one. */
import { open } from "node:fs/promises";

interface State {
  running: Promise<void>;
  next: Promise<void> | undefined;
}

/** See the head of the file. */
export class FolderSyncs {
  readonly #states = new Map<string, State>();
  readonly #isOff: boolean;

  /** @param isOff for tests: nothing is synced */
  constructor(isOff: boolean) {
    this.#isOff = isOff;
  }

  /** Resolves when all names that were in the folder at this call are on disk. Rejects with the system's error. */
  sync(folder: string): Promise<void> {
    if (this.#isOff) return Promise.resolve();
    const state = this.#states.get(folder);
    if (!state) return this.#start(folder);
    // The running one may have begun before this name was made.
    state.next ??= state.running.catch(() => undefined).then(() => this.#start(folder));
    return state.next;
  }

  #start(folder: string): Promise<void> {
    const state: State = { running: syncNow(folder), next: undefined };
    this.#states.set(folder, state);
    const end = (): void => {
      if (!state.next && this.#states.get(folder) === state) this.#states.delete(folder);
    };
    state.running.then(end, end);
    return state.running;
  }
}

async function syncNow(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
