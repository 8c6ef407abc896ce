// Keeps what Node compiled from one start to the next: it halves the time to listening. Plain JavaScript, as it comes
// before the first .ts. What lies in the cache is run as code, so it is used only where nobody else can write.
import { lstatSync, mkdirSync, statSync } from "node:fs";
import * as module from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Turns the cache on, in a folder of this user's own below the system's temporary one; without one to trust there is
 * no cache. NODE_COMPILE_CACHE names another folder, NODE_DISABLE_COMPILE_CACHE turns it off: both are Node's own.
 *
 * @param {string} [parent] absent: the system's temporary folder
 * @returns {string | undefined} the folder, undefined when there is no cache
 */
export function useCompileCache(parent = tmpdir()) {
  const folder = ownFolder(parent);
  return folder === undefined ? undefined : module.enableCompileCache?.(folder).directory;
}

/**
 * Makes or finds `postern-<uid>` in a folder. Only when it is a folder itself and no link, belongs to this user, is
 * closed to all others, and nobody can put another in its place, is it given back.
 *
 * @param {string} parent
 * @returns {string | undefined}
 */
export function ownFolder(parent) {
  const user = process.getuid?.();
  if (user === undefined) return undefined;
  const folder = join(parent, `postern-${user}`);
  try {
    const above = statSync(parent);
    // In a folder that others write to, the sticky bit alone keeps them from renaming ours.
    const held = (above.mode & 0o022) === 0 || (above.mode & 0o1000) !== 0;
    if (!held || (above.uid !== 0 && above.uid !== user)) return undefined;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const found = lstatSync(folder);
    return found.isDirectory() && found.uid === user && (found.mode & 0o077) === 0 ? folder : undefined;
  } catch {
    return undefined;
  }
}
