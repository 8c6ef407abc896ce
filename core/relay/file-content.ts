/** The content of a file, small ones in memory and large ones streamed. Does not watch the file for changes. */
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import type { Content } from "../mail/mod.ts";
import { memoryContent } from "../mail/mod.ts";

const memoryMax = 65_536;

/** Opens a file as content. Rejects with the file system's error. */
export async function fileContent(path: string): Promise<Content> {
  const { size } = await stat(path);
  if (size <= memoryMax) return memoryContent(await readFile(path));
  return {
    size,
    async *read(start = 0, end = size) {
      if (start >= end) return;
      // The end of createReadStream is inclusive.
      yield* createReadStream(path, { start, end: end - 1, highWaterMark: 65_536 });
    },
  };
}
