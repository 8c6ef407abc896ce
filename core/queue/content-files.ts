/**
 * Large contents as files, `<hour>/<id>-<token>`: on disk before the row that names them, unlinked after the commit that
 * drops it. The row is the commit point, so no file is renamed. A file without a row is left by a crash: it is found
 * by its folder, and goes after a while.
 */
import { type FileHandle, mkdir, open, readdir, rm, rmdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { SpoolFault } from "../gateway/mod.ts";
import { BufferPool, type Content } from "../mail/mod.ts";
import { FolderSyncs } from "./folder-sync.ts";
import { CrashCounter } from "./sqlite/crash-counter.ts";
import type { SpoolProbes } from "./sqlite/protocol.ts";

const HOUR_MS = 3_600_000;
/** What is written at once; each takes a thread. */
export const SLAB_BYTES = 1_048_576;
/** Nobody but the writers sees one, so that no octets of a message get into another. */
const slabs = new BufferPool(SLAB_BYTES, Number.POSITIVE_INFINITY, 4);
const ID_CHARACTERS_MAX = 150;
/** Tries to make a file in a folder that others remove meanwhile. */
const CREATE_TURNS_MAX = 3;

/** See the head of the file. */
export class ContentFiles {
  readonly #folder: string;
  readonly #token: string;
  readonly #reserveBytes: number;
  readonly #syncs: FolderSyncs;
  readonly #crash: CrashCounter;
  readonly #noContentSync: boolean;
  /** Of this process: written, and no commit has told yet whether they stay. */
  readonly #young = new Set<string>();
  /** Folders whose names are on disk. */
  readonly #hours = new Set<string>();
  #count = 0;

  /** @param token tells the files of this process from those of others */
  constructor(folder: string, token: string, reserveBytes: number, probes: SpoolProbes) {
    this.#folder = folder;
    this.#token = token;
    this.#reserveBytes = reserveBytes;
    this.#syncs = new FolderSyncs(probes.without?.includes("folder") === true);
    this.#crash = new CrashCounter(probes);
    this.#noContentSync = probes.without?.includes("content") === true;
  }

  /**
   * Writes a content; when it resolves, the file and its name are on disk. Reads no faster than the disk writes.
   *
   * @returns the name to store. Rejects with what the content throws, the signal's reason, or a SpoolFault; nothing is left
   */
  async write(id: string, now: number, content: Content, signal?: AbortSignal): Promise<string> {
    const name = this.#nameOf(id, now);
    this.#young.add(name);
    this.#crash.at("beforeFile");
    try {
      await this.#refuseFull();
      const file = await this.#create(name);
      try {
        await writeContent(file, content, signal);
        if (!this.#noContentSync) await file.datasync();
      } finally {
        await file.close();
      }
      await this.#syncs.sync(join(this.#folder, hourOf(name)));
    } catch (error) {
      await this.drop([name]);
      throw faultOf(error);
    }
    this.#crash.at("afterFile");
    return name;
  }

  /** A commit holds the names now. */
  keep(names: readonly string[]): void {
    for (const name of names) this.#young.delete(name);
  }

  /** Removes files that no row names; gives those that are still there. Never rejects. */
  async drop(names: readonly string[]): Promise<readonly string[]> {
    const left: string[] = [];
    if (names.length > 0) this.#crash.at("beforeUnlink");
    for (const name of names) {
      try {
        await rm(join(this.#folder, name), { force: true });
        this.#young.delete(name);
      } catch {
        left.push(name);
      }
    }
    return left;
  }

  /** The path of a stored name. */
  pathOf(name: string): string {
    return join(this.#folder, name);
  }

  /** Folders of hours, oldest first. */
  async hours(): Promise<readonly string[]> {
    const names = await readdir(this.#folder).catch(() => []);
    return names.filter((name) => /^\d+$/.test(name)).sort((a, b) => Number(a) - Number(b));
  }

  /** Files of an hour that other processes or this one's rows may name; a folder without any is removed. */
  async filesOf(hour: string, now: number): Promise<readonly string[]> {
    const names = await readdir(join(this.#folder, hour)).catch(() => []);
    // One that is written now may have its folder and no file yet.
    if (names.length === 0 && Number(hour) < Math.floor(now / HOUR_MS) - 1) {
      this.#hours.delete(hour);
      await rmdir(join(this.#folder, hour)).catch(() => undefined);
    }
    return names.map((name) => `${hour}/${name}`).filter((name) => !this.#young.has(name));
  }

  /** The id in a file's name. */
  static idOf(name: string): string {
    const encoded = name.slice(name.indexOf("/") + 1).replace(/-[0-9a-f]+-\d+$/, "");
    try {
      return decodeURIComponent(encoded);
    } catch {
      return "";
    }
  }

  #nameOf(id: string, now: number): string {
    const encoded = encodeURIComponent(id);
    if (encoded.length > ID_CHARACTERS_MAX) throw new SpoolFault("EINVAL", "the id is too long");
    return `${Math.max(0, Math.floor(now / HOUR_MS))}/${encoded}-${this.#token}-${++this.#count}`;
  }

  async #create(name: string): Promise<FileHandle> {
    const hour = hourOf(name);
    for (let turn = 1; ; turn++) {
      await this.#haveHour(hour);
      try {
        return await open(this.pathOf(name), "wx", 0o600);
      } catch (error) {
        // Another process found the folder empty and removed it.
        if ((error as NodeJS.ErrnoException).code !== "ENOENT" || turn === CREATE_TURNS_MAX) throw error;
        this.#hours.delete(hour);
      }
    }
  }

  /** Whoever made the folder, its name is on disk when this resolves. */
  async #haveHour(hour: string): Promise<void> {
    if (this.#hours.has(hour)) return;
    await mkdir(join(this.#folder, hour), { recursive: true, mode: 0o700 });
    await this.#syncs.sync(this.#folder);
    this.#hours.add(hour);
  }

  async #refuseFull(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#folder);
    if (bavail * bsize < this.#reserveBytes)
      throw new SpoolFault("ENOSPC", "there is no room on the disk of the spool");
  }
}

const hourOf = (name: string): string => name.slice(0, name.indexOf("/"));

async function writeContent(
  file: FileHandle,
  content: Content,
  signal: AbortSignal | undefined,
): Promise<void> {
  const slab = slabs.take() ?? new Uint8Array(SLAB_BYTES);
  let filled = 0;
  let size = 0;
  const flush = async (): Promise<void> => {
    for (let at = 0; at < filled; ) at += (await file.write(slab, at, filled - at)).bytesWritten;
    filled = 0;
  };
  try {
    for await (const chunk of octetsOf(content)) {
      signal?.throwIfAborted();
      size += chunk.length;
      if (size > content.size) throw new SpoolFault("EINVAL", "content is longer than its size");
      for (let from = 0; from < chunk.length; ) {
        const part = chunk.subarray(from, from + SLAB_BYTES - filled);
        slab.set(part, filled);
        filled += part.length;
        from += part.length;
        if (filled === SLAB_BYTES) await flush();
      }
    }
    if (size < content.size) throw new SpoolFault("EINVAL", "content is shorter than its size");
    await flush();
  } finally {
    slabs.giveBack(slab);
  }
}

/** What the caller's content threw, told apart from errors of our own file. */
class ContentError extends Error {}

async function* octetsOf(content: Content): AsyncGenerator<Uint8Array> {
  try {
    yield* content.read();
  } catch (error) {
    throw new ContentError("the content could not be read", { cause: error });
  }
}

/** Of the system's errors what the spool says; others are the caller's own. */
function faultOf(error: unknown): unknown {
  if (error instanceof ContentError) return error.cause;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (error instanceof SpoolFault || syscall === undefined) return error;
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  const message = isFull ? "there is no room on the disk of the spool" : "a content could not be written";
  return new SpoolFault(isFull ? "ENOSPC" : "EIO", message, { cause: error });
}
