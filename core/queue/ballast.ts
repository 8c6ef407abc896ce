/**
 * A file that takes room on the disk, to be given up when a commit finds none: what makes room again must be written down
 * first. It is written anew when there is plenty.
 */
import { open, rm, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";

const PIECE_BYTES = 1_048_576;

/** Writes the ballast where it is missing and room is plenty: twice of what is kept free. Gives whether it is there. */
export async function restoreBallast(path: string, bytes: number, reserveBytes: number): Promise<boolean> {
  if (bytes === 0) return true;
  try {
    const found = await stat(path).catch(() => undefined);
    if (found && found.size >= bytes) return true;
    const { bavail, bsize } = await statfs(dirname(path));
    if (bavail * bsize < 2 * (bytes + reserveBytes)) return false;
    // Of its full size only when all of it is written: until then it does not count.
    await rm(path, { force: true });
    const file = await open(path, "wx", 0o600);
    try {
      // Not zeros: some file systems keep no room for those.
      const piece = crypto.getRandomValues(new Uint8Array(65_536));
      const whole = new Uint8Array(PIECE_BYTES);
      for (let at = 0; at < PIECE_BYTES; at += piece.length) whole.set(piece, at);
      for (let left = bytes; left > 0; )
        left -= (await file.write(whole, 0, Math.min(left, PIECE_BYTES))).bytesWritten;
      await file.datasync();
    } finally {
      await file.close();
    }
    return true;
  } catch {
    await rm(path, { force: true }).catch(() => undefined);
    return false;
  }
}
