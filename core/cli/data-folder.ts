/** The data folder: made with mode 0700, proved writable, and never somebody else's. */
import { accessSync, chmodSync, constants, existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ConfigFaults } from "../config/mod.ts";
import { LOCK_FILE } from "./data-lock.ts";

/**
 * Makes the data folder where it is missing and gives its absolute path. One that was there before is closed to others
 * too, as mail lies in it; but a folder that serves others, such as /tmp, is not taken for one.
 *
 * @throws ConfigFaults when it can not be used
 */
export function openDataFolder(data: string): string {
  const folder = resolve(data);
  try {
    makeFolder(folder);
    const names = readdirSync(folder);
    const open = (statSync(folder).mode & 0o077) !== 0;
    // The first start leaves the lock's file in a folder, by which a later one knows it again.
    if (open && names.length > 0 && !names.includes(LOCK_FILE)) {
      throw dataFault(data, ", which others can read and which holds other files", "a folder of its own");
    }
    if (open) chmodSync(folder, 0o700);
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw folderFault(error, data);
  }
  return folder;
}

/** Makes a folder and what is missing above it. Node's own recursive form does not return where none can be made, as in /proc. */
function makeFolder(folder: string): void {
  const missing: string[] = [];
  for (let at = folder; !existsSync(at); at = dirname(at)) missing.push(at);
  // One that is there is asked for too, so that a file in its place is told.
  if (missing.length === 0) mkdirSync(folder, { recursive: true });
  for (const one of missing.reverse()) mkdirSync(one, { mode: 0o700 });
}

/** Turns an error of the file system below the data folder into a fault of the config's `data`. */
export function folderFault(error: unknown, data: string): unknown {
  const { code, syscall, path } = (error ?? {}) as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  const why = WORDS[code] === undefined ? code : `${code}: ${WORDS[code]}`;
  const where = path === undefined || path === resolve(data) ? "" : ` at ${path}`;
  return dataFault(data, "", `a folder this user can write (${why}${where})`);
}

const WORDS: { readonly [code: string]: string } = {
  EACCES: "this user has not the right",
  EEXIST: "there is a file",
  ENOTDIR: "there is a file",
  EPERM: "it belongs to another user",
  ENOENT: "no folder can be made there",
  ENOSPC: "the disk is full",
  EROFS: "the disk can only be read",
};

function dataFault(data: string, found: string, expected: string): ConfigFaults {
  return new ConfigFaults([
    {
      path: "data",
      found: `${JSON.stringify(data)}${found}`,
      expected,
      todo: "set POSTERN_DATA to another, or give it to this user",
    },
  ]);
}
