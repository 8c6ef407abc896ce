/**
 * The spool of one machine: SQLite in a thread of its own, large contents in files beside. What a call resolves with is on
 * disk. Several processes of one gateway may open the same folder; the lock against another gateway is that of the
 * data folder.
 */
import { mkdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { type Spool, SpoolFault } from "../gateway/mod.ts";
import type { Clock, Log } from "../pipeline/mod.ts";
import type { SpoolProbes } from "./sqlite/protocol.ts";
import { SpoolThread } from "./sqlite/thread.ts";
import { SqliteSpool } from "./sqlite-spool.ts";

/** How a spool is opened. */
export interface SqliteSpoolOptions {
  /** A folder of its own; it is made (0700). */
  readonly folder: string;
  /** What is due and expired by. */
  readonly clock: Pick<Clock, "now">;
  readonly log: Log;
  /** Octets of messages that are in memory on their way to the disk, all together. Default 64 MB. */
  readonly memoryBytesMax?: number;
  /** With less free octets of the disk no message is taken (ENOSPC), and the queue goes on. Default 64 MB. */
  readonly reserveBytes?: number;
  /** Octets of the file that is given up for what makes room on a full disk. Default 64 MB. */
  readonly ballastBytes?: number;
  /** Milliseconds until a content file that no message names is removed. Default 10 minutes. */
  readonly orphanMs?: number;
  /** Faults that a test asks for. */
  readonly probes?: SpoolProbes;
}

/** Folders that are open in this process. */
const open = new Set<string>();

/** Opens the spool in a folder, and makes an empty one where there is none. @throws SpoolFault in words that say what is wrong */
export async function openSqliteSpool(options: SqliteSpoolOptions): Promise<Spool> {
  const { reserveBytes = 67_108_864, ballastBytes = 67_108_864, probes = {} } = options;
  let folder: string;
  try {
    await mkdir(join(options.folder, "body"), { recursive: true, mode: 0o700 });
    folder = await realpath(options.folder);
  } catch (error) {
    throw new SpoolFault("EIO", `${options.folder} can not be used as a spool`, { cause: error });
  }
  if (open.has(folder)) throw new SpoolFault("EINVAL", `the spool ${folder} is open in this process already`);
  open.add(folder);
  const start = {
    path: join(folder, "spool.db"),
    ballast: join(folder, "ballast"),
    ballastBytes,
    reserveBytes,
    probes,
  };
  try {
    const writer = await SpoolThread.open({ ...start, role: "write" });
    const { clock, log, memoryBytesMax = 67_108_864, orphanMs = 600_000 } = options;
    const closed = (): void => void open.delete(folder);
    return new SqliteSpool({ folder, start, writer, clock, log, memoryBytesMax, orphanMs, closed });
  } catch (error) {
    open.delete(folder);
    throw error;
  }
}
