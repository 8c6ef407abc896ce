/**
 * The token that opens the page and the API: a file of the data folder that only its owner can read. Making a new one
 * is deleting the file; every session of the old one ends with it.
 */
import { randomBytes } from "node:crypto";
import { chmod, mkdir, open, readFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * The token of a data folder; makes folder (0700) and file `http-token` (0600, 32 random bytes as base64url) where
 * they are missing. Rejects with the file system's error, or when the file holds no usable token.
 */
export async function readOrCreateToken(dataFolder: string): Promise<string> {
  await mkdir(dataFolder, { recursive: true, mode: 0o700 });
  await chmod(dataFolder, 0o700);
  const file = join(dataFolder, "http-token");
  const token = randomBytes(32).toString("base64url");
  try {
    // "wx": of two starting at once one makes the file, and nothing is written through a link laid there.
    const handle = await open(file, "wx", 0o600);
    try {
      await handle.writeFile(`${token}\n`);
      // An empty file left by a power cut would keep the gateway from starting.
      await handle.sync();
    } finally {
      await handle.close();
    }
    return token;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  await chmod(file, 0o600);
  const kept = (await readFile(file, "utf8")).trim();
  if (!/^[\w-]{32,256}$/.test(kept)) {
    throw new Error(
      `${file}: found no token (32 to 256 letters, digits, "-" or "_"); delete the file to get a new one`,
    );
  }
  return kept;
}
