/**
 * A secret of the gateway that stays the same over restarts: a file of the data folder that only its owner can read.
 * Whoever deletes the file gets a new one at the next start.
 */
import { randomBytes } from "node:crypto";
import { chmodSync, closeSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";

const SECRET_BYTES = 32;

/**
 * The 32 octets of the file `secret`, which is made (0600) where it is missing.
 *
 * @throws the file system's error, or an Error when the file holds something else
 */
export function keptSecret(dataFolder: string): Uint8Array {
  const file = join(dataFolder, "secret");
  const secret = randomBytes(SECRET_BYTES);
  try {
    // "wx": of two starting at once one makes the file, and nothing is written through a link laid there.
    const descriptor = openSync(file, "wx", 0o600);
    try {
      writeSync(descriptor, `${secret.toString("base64url")}\n`);
      // An empty file left by a power cut would keep the gateway from starting.
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    return Uint8Array.from(secret);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  chmodSync(file, 0o600);
  const kept = Buffer.from(readFileSync(file, "latin1").trim(), "base64url");
  if (kept.length !== SECRET_BYTES)
    throw new Error(`${file}: found no secret of ${SECRET_BYTES} octets; delete the file to get a new one`);
  return Uint8Array.from(kept);
}
