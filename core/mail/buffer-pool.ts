/**
 * Buffers of one size that are used again and again: who takes one is alone with it until it is given back. For octets
 * that nobody else ever gets to see, as what a message leaves in one is there for the next one's.
 */

/** See the head of the file. */
export class BufferPool {
  readonly #bytes: number;
  readonly #takenMax: number;
  readonly #keptMax: number;
  readonly #kept: Uint8Array<ArrayBuffer>[] = [];
  #taken = 0;

  /** @param bytes of each @param takenMax at once @param keptMax that are kept while nobody has them */
  constructor(bytes: number, takenMax: number, keptMax: number) {
    this.#bytes = bytes;
    this.#takenMax = takenMax;
    this.#keptMax = keptMax;
  }

  /** Undefined while `takenMax` are taken. */
  take(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#taken >= this.#takenMax) return undefined;
    this.#taken += 1;
    return this.#kept.pop() ?? new Uint8Array(this.#bytes);
  }

  /** One that was taken is not given back: somebody may still look at it. */
  lose(): void {
    this.#taken -= 1;
  }

  /** Once for each that was taken and not lost. */
  giveBack(buffer: Uint8Array<ArrayBuffer>): void {
    this.#taken -= 1;
    if (this.#kept.length < this.#keptMax) this.#kept.push(buffer);
  }
}
