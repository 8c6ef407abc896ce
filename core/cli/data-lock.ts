/**
 * One gateway on a data folder: a lock of the operating system on the file `lock`, taken by SQLite as Node has no call
 * for it. It ends with the process however that ends, so that no stale one is left after a crash.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigFaults } from "../config/mod.ts";

const SQLITE_BUSY = 5;
/** The file that is locked. It stays when the gateway ends. */
export const LOCK_FILE = "lock";

/** Takes the lock and gives the way to let go of it. @throws ConfigFaults when another gateway has it, or it can not be taken */
export async function lockDataFolder(folder: string, shown: string): Promise<() => void> {
  const { DatabaseSync } = await import("node:sqlite");
  const pidFile = join(folder, "pid");
  const found = JSON.stringify(shown);
  let lock: InstanceType<typeof DatabaseSync> | undefined;
  try {
    lock = new DatabaseSync(join(folder, LOCK_FILE));
    lock.exec("BEGIN EXCLUSIVE");
    writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
  } catch (error) {
    lock?.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) {
      throw lockFault(
        `${found}, which another gateway uses${processOf(pidFile)}`,
        "a folder of its own",
        "end that gateway or set POSTERN_DATA",
      );
    }
    const why = (error as Error).message.split("\n")[0];
    throw lockFault(found, `a folder where files can be locked (${why})`, "set POSTERN_DATA");
  }
  const held = lock;
  return () => {
    rmSync(pidFile, { force: true });
    held.close();
  };
}

const lockFault = (found: string, expected: string, todo: string): ConfigFaults =>
  new ConfigFaults([{ path: "data", found, expected, todo }]);

/** " (process 123)" where the holder of the lock wrote it down. */
function processOf(pidFile: string): string {
  try {
    const pid = readFileSync(pidFile, "utf8").trim();
    return /^\d{1,10}$/.test(pid) ? ` (process ${pid})` : "";
  } catch {
    return "";
  }
}
