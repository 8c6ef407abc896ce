/**
 * Files that are on disk when the promise resolves: written under a temporary name and synced; renames are made to
 * last by a sync of the folder that concurrent callers share.
 */

import type { FileHandle } from "node:fs/promises";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Content } from "../mail/mod.ts";

let counter = 0;

/** Below this a message and its head are written by one call. */
const joinedMax = 65_536;

/**
 * Writes `head` and then `content` into a new file of mode 0600 in `folder`, and syncs it.
 *
 * @returns the path of the temporary file, for a rename
 * @throws the file system's error, or an Error when `content` is not as long as it says; nothing is left then
 */
export async function writeSynced(folder: string, head: Uint8Array, content?: Content): Promise<string> {
  const path = join(folder, `.tmp-${process.pid}-${counter++}`);
  const file = await open(path, "wx", 0o600);
  try {
    try {
      if (content === undefined) await writeAll(file, head);
      else if (content.bytes && content.size <= joinedMax)
        await writeAll(file, Buffer.concat([head, content.bytes]));
      else await writeContent(file, head, content);
      await file.datasync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await rm(path, { force: true }).catch(() => undefined);
    throw error;
  }
  return path;
}

async function writeContent(file: FileHandle, head: Uint8Array, content: Content): Promise<void> {
  await writeAll(file, head);
  let octets = 0;
  for await (const chunk of content.read()) {
    await writeAll(file, chunk);
    octets += chunk.length;
  }
  if (octets !== content.size)
    throw new Error(`the content has ${octets} octets and announces ${content.size}`);
}

/** A write may take less than all, most of all on a full disk: the rest then meets the error. */
async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at, bytes.length - at)).bytesWritten;
}

/**
 * Makes a function that syncs a folder. Calls that come while a sync runs wait for the one after it, as the running
 * one may have started before their rename, and all of them share it.
 */
export function createFolderSync(folder: string): () => Promise<void> {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;

  function start(): Promise<void> {
    running = sync(folder).finally(() => {
      running = undefined;
    });
    return running;
  }

  return () => {
    if (running === undefined) return start();
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        return start();
      });
    return next;
  };
}

async function sync(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
