/** Message content while a transaction runs: small in memory, large in a file. Not durable: nothing is synced. */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ContentStore, ContentWriter } from "../gateway/mod.ts";
import { type Content, memoryContent } from "../mail/mod.ts";

/** Where content lies and how much of it in memory. */
export interface ContentStoreOptions {
  /** A folder of this store's own: what a previous process left in it is removed. */
  readonly folder: string;
  /** Octets of one message kept in memory, default 131072. */
  readonly memoryBytesMax?: number;
  /** Octets of all messages in memory together, default 32 MB. */
  readonly totalBytesMax?: number;
}

const unwrittenBytesMax = 1_048_576;
const chunkBytes = 65_536;
const nameEnd = ".content";

/** Opens the store, and the folder (0700). Throws the file system's error. */
export function createContentStore(options: ContentStoreOptions): ContentStore {
  const { folder, memoryBytesMax = 131_072, totalBytesMax = 33_554_432 } = options;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(folder))
    if (name.endsWith(nameEnd)) rmSync(join(folder, name), { force: true });
  const budget: Budget = { left: totalBytesMax, memoryBytesMax };
  let count = 0;
  const nextPath = (): string => join(folder, `${process.pid}-${++count}${nameEnd}`);
  return { create: () => new Writer(nextPath, budget) };
}

interface Budget {
  left: number;
  readonly memoryBytesMax: number;
}

class Writer implements ContentWriter {
  readonly #nextPath: () => string;
  /** Set when the content goes to a file. */
  #path = "";
  readonly #budget: Budget;
  #chunks: Uint8Array[] = [];
  #size = 0;
  /** Octets taken from the budget. */
  #taken = 0;
  #unwritten = 0;
  /** Chunks that no write has begun for. */
  #queue: Uint8Array[] = [];
  /** The file and all writes so far, in order; absent while all is in memory. */
  #written: Promise<void> | undefined;
  #file: FileHandle | undefined;
  #fault: unknown;
  #disposed: Promise<void> | undefined;

  constructor(nextPath: () => string, budget: Budget) {
    this.#nextPath = nextPath;
    this.#budget = budget;
  }

  write(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#disposed) return Promise.reject(disposedError());
    if (this.#fault) return Promise.reject(this.#fault);
    this.#size += chunk.length;
    if (!this.#written) {
      if (this.#size <= this.#budget.memoryBytesMax && chunk.length <= this.#budget.left) {
        this.#budget.left -= chunk.length;
        this.#taken += chunk.length;
        this.#chunks.push(chunk);
        return undefined;
      }
      this.#spill();
    }
    this.#append(chunk);
    return this.#unwritten > unwrittenBytesMax ? this.#settled() : undefined;
  }

  async finish(): Promise<Content> {
    this.#refuseDisposed();
    if (!this.#written) {
      const only = this.#chunks.length === 1 ? this.#chunks[0] : undefined;
      const whole = only ?? Buffer.concat(this.#chunks, this.#size);
      this.#chunks = [];
      return memoryContent(whole);
    }
    await this.#settled();
    this.#refuseDisposed();
    return fileContent(this.#file!, this.#size);
  }

  dispose(): Promise<void> {
    this.#disposed ??= this.#release();
    return this.#disposed;
  }

  #spill(): void {
    this.#path = this.#nextPath();
    this.#written = open(this.#path, "wx+", 0o600).then(
      (file) => {
        this.#file = file;
      },
      (error) => {
        this.#fault = error;
      },
    );
    for (const chunk of this.#chunks) this.#append(chunk);
    this.#chunks = [];
    this.#giveBack();
  }

  /** Queues a chunk; those that wait for the one that is written go to the file together. */
  #append(chunk: Uint8Array): void {
    this.#unwritten += chunk.length;
    this.#queue.push(chunk);
    if (this.#queue.length === 1) this.#written = this.#written!.then(() => this.#writeQueue());
  }

  /** A fault is kept for the next call, so that no promise is left without a reader. */
  async #writeQueue(): Promise<void> {
    const chunks = this.#queue;
    this.#queue = [];
    let left = 0;
    for (const chunk of chunks) left += chunk.length;
    const size = left;
    try {
      for (let rest = chunks; left > 0 && !this.#fault && !this.#disposed; ) {
        const { bytesWritten } = await this.#file!.writev(rest);
        left -= bytesWritten;
        // A disk that is nearly full takes a part, and tells of itself at the next try.
        if (bytesWritten === 0) throw new Error("the disk takes nothing more");
        if (left > 0) rest = [Buffer.concat(rest).subarray(bytesWritten)];
      }
    } catch (error) {
      this.#fault = error;
    }
    this.#unwritten -= size;
  }

  async #settled(): Promise<void> {
    await this.#written;
    if (this.#fault) throw this.#fault;
  }

  /** What is let go of is not whole, and must not pass for a message. */
  #refuseDisposed(): void {
    if (this.#disposed) throw disposedError();
  }

  #giveBack(): void {
    this.#budget.left += this.#taken;
    this.#taken = 0;
  }

  async #release(): Promise<void> {
    this.#chunks = [];
    this.#giveBack();
    if (!this.#written) return;
    await this.#written;
    await this.#file?.close();
    if (this.#file) await rm(this.#path, { force: true });
  }
}

const disposedError = (): Error => new Error("content was disposed");

function fileContent(file: FileHandle, size: number): Content {
  return {
    size,
    async *read(start = 0, end = size) {
      for (let at = start; at < end; ) {
        // All of it that is given on was read: nothing of what lay there before.
        const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, end - at));
        const { bytesRead, buffer } = await file.read(chunk, { position: at });
        if (bytesRead === 0) throw new Error("content file is shorter than what was written");
        yield buffer.subarray(0, bytesRead);
        at += bytesRead;
      }
    },
  };
}
