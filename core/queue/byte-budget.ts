/** Octets that are in memory at once, all callers together: who wants more waits until others gave theirs back. */

interface Waiting {
  readonly bytes: number;
  readonly go: () => void;
}

/** See the head of the file. First come, first served, so that a large one is not passed by for ever. */
export class ByteBudget {
  readonly #max: number;
  readonly #waiting: Waiting[] = [];
  #taken = 0;

  constructor(bytesMax: number) {
    this.#max = bytesMax;
  }

  /** Taken now; they never were more than `bytesMax`, but for one that is larger than that and alone. */
  get taken(): number {
    return this.#taken;
  }

  /** Takes octets; a promise where it must wait for them. Rejects with the signal's reason, and has taken nothing then. */
  take(bytes: number, signal?: AbortSignal): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#fits(bytes)) {
      this.#taken += bytes;
      return undefined;
    }
    return new Promise((resolve, reject) => {
      const entry: Waiting = {
        bytes,
        go: () => {
          signal?.removeEventListener("abort", giveUp);
          resolve();
        },
      };
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        reject(signal?.reason);
        this.#serve();
      };
      signal?.addEventListener("abort", giveUp, { once: true });
      this.#waiting.push(entry);
    });
  }

  /** Takes octets over the bound too, without waiting. */
  takeAnyway(bytes: number): undefined {
    this.#taken += bytes;
  }

  giveBack(bytes: number): void {
    this.#taken -= bytes;
    this.#serve();
  }

  #fits(bytes: number): boolean {
    return this.#taken === 0 || this.#taken + bytes <= this.#max;
  }

  #serve(): void {
    for (let first = this.#waiting[0]; first && this.#fits(first.bytes); first = this.#waiting[0]) {
      this.#waiting.shift();
      this.#taken += first.bytes;
      first.go();
    }
  }
}
