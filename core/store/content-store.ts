/** Message content while a transaction runs: small in memory, large in a file. Not durable: nothing is synced. */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ContentStore, ContentWriter } from "../gateway/mod.ts";
import { BufferPool, type Content, memoryContent } from "../mail/mod.ts";

/** Where content lies and how much of it in memory. */
export interface ContentStoreOptions {
  /** A folder of this store's own: what a previous process left in it is removed. */
  readonly folder: string;
  /** Octets of one message kept in memory, default 131072. */
  readonly memoryBytesMax?: number;
  /** Octets of all messages in memory together, default 32 MB. */
  readonly totalBytesMax?: number;
}

const unwrittenBytesMax = 524_288;
const chunkBytes = 65_536;
/** A chunk of this is a read that the socket filled: more follows. */
const manyBytes = 32_768;
/** What goes to a file is written in pieces of this: each takes a thread and two switches of it. */
const slabBytes = 262_144;
/**
 * 16 MB at most, as a source that stalls keeps the one that it has not filled; 4 MB while there is nothing to write.
 * Nobody but the writers sees one, so that no octets of a message get into another.
 */
const slabs = new BufferPool(slabBytes, 64, 16);
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

interface Piece {
  readonly octets: Uint8Array<ArrayBuffer>;
  /** Which they are a part of; absent: they are alone. */
  readonly slab?: Uint8Array<ArrayBuffer>;
}

const nothing = new Uint8Array(0);

class Writer implements ContentWriter {
  readonly #nextPath: () => string;
  /** Set when the content goes to a file. */
  #path = "";
  readonly #budget: Budget;
  /** What is there so far, while it is in memory. */
  #memory: Uint8Array = nothing;
  #size = 0;
  /** Octets taken from the budget: the length of `#memory`. */
  #taken = 0;
  /** What is filled before it goes to the file. */
  #slab: Uint8Array<ArrayBuffer> | undefined;
  #filled = 0;
  #unwritten = 0;
  /** Pieces that no write has begun for. */
  #queue: Piece[] = [];
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
    if (!this.#written) {
      if (this.#keep(chunk)) return undefined;
      this.#spill();
    }
    this.#append(chunk);
    return this.#unwritten > unwrittenBytesMax ? this.#settled() : undefined;
  }

  async finish(): Promise<Content> {
    this.#refuseDisposed();
    if (!this.#written) return memoryContent(this.#memory.subarray(0, this.#size));
    this.#queueSlab();
    await this.#settled();
    this.#refuseDisposed();
    return fileContent(this.#file!, this.#size);
  }

  dispose(): Promise<void> {
    this.#disposed ??= this.#release();
    return this.#disposed;
  }

  /** Copies a chunk to memory, where there is room for it. */
  #keep(chunk: Uint8Array): boolean {
    const size = this.#size + chunk.length;
    const { memoryBytesMax } = this.#budget;
    if (size > memoryBytesMax) return false;
    if (size > this.#memory.length) {
      // A small message is one chunk.
      const wanted = this.#size === 0 ? size : size * 2;
      const length = Math.min(chunk.length < manyBytes ? wanted : wanted + 2 * manyBytes, memoryBytesMax);
      if (length - this.#taken > this.#budget.left) return false;
      this.#budget.left -= length - this.#taken;
      this.#taken = length;
      const memory = Buffer.allocUnsafe(length);
      memory.set(this.#memory.subarray(0, this.#size));
      this.#memory = memory;
    }
    this.#memory.set(chunk, this.#size);
    this.#size = size;
    return true;
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
    const kept = this.#memory.subarray(0, this.#size);
    this.#size = 0;
    this.#memory = nothing;
    this.#append(kept);
    this.#giveBack();
  }

  #append(chunk: Uint8Array): void {
    this.#size += chunk.length;
    this.#unwritten += chunk.length;
    for (let from = 0; from < chunk.length; ) {
      this.#slab ??= slabs.take();
      if (!this.#slab) {
        this.#enqueue({ octets: Uint8Array.from(chunk.subarray(from)) });
        return;
      }
      const part = chunk.subarray(from, from + slabBytes - this.#filled);
      this.#slab.set(part, this.#filled);
      this.#filled += part.length;
      from += part.length;
      if (this.#filled === slabBytes) this.#queueSlab();
    }
  }

  #queueSlab(): void {
    const slab = this.#slab;
    if (!slab) return;
    const octets = slab.subarray(0, this.#filled);
    this.#slab = undefined;
    this.#filled = 0;
    this.#enqueue({ octets, slab });
  }

  /** Those that wait for the ones that are written go to the file together. */
  #enqueue(piece: Piece): void {
    this.#queue.push(piece);
    if (this.#queue.length === 1) this.#written = this.#written!.then(() => this.#writeQueue());
  }

  /** A fault is kept for the next call, so that no promise is left without a reader. */
  async #writeQueue(): Promise<void> {
    const pieces = this.#queue;
    this.#queue = [];
    let left = 0;
    for (const { octets } of pieces) left += octets.length;
    const size = left;
    try {
      for (let rest = pieces.map(({ octets }) => octets); left > 0 && !this.#fault && !this.#disposed; ) {
        const { bytesWritten } = await this.#file!.writev(rest);
        left -= bytesWritten;
        // A disk that is nearly full takes a part, and tells of itself at the next try.
        if (bytesWritten === 0) throw new Error("the disk takes nothing more");
        if (left > 0) rest = [Buffer.concat(rest).subarray(bytesWritten)];
      }
    } catch (error) {
      this.#fault = error;
    }
    for (const { slab } of pieces) if (slab) slabs.giveBack(slab);
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
    this.#memory = nothing;
    this.#giveBack();
    this.#queueSlab();
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
    async readInto(into, start) {
      const { bytesRead } = await file.read(into, 0, Math.min(into.length, size - start), start);
      return bytesRead;
    },
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
