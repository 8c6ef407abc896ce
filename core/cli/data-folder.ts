/** The data folder: made with mode 0700, proved writable. */
import { accessSync, chmodSync, constants, mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { UserError } from "./user-error.ts";

/** Makes the data folder where it is missing and gives its absolute path. @throws UserError when it can not be written */
export function openDataFolder(data: string): string {
  const folder = resolve(data);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // Mail lies in it: a folder that was there before is closed to others too.
    chmodSync(folder, 0o700);
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new UserError(
      `data: found ${JSON.stringify(data)}, expected a folder this user can write (${(error as NodeJS.ErrnoException).code}); set POSTERN_DATA or change its owner`,
    );
  }
  return folder;
}
