/** Rows made messages, recipients and entries again. Contents in files are opened when they are read. */
import { type FileHandle, open } from "node:fs/promises";
import { type LeasedRecipient, type SpoolEntry, SpoolFault, type StoredMessage } from "../gateway/mod.ts";
import { type Content, memoryContent, readAll } from "../mail/mod.ts";
import type { FoundRow, LentRow, StoredRow } from "./sqlite/protocol.ts";

/** Where a content is: in the body from an octet on, or in a file. */
export type PartForm =
  | { readonly size: number; readonly at: number }
  /** `inMemory`: it lay in memory before, and does again. */
  | { readonly size: number; readonly file: string; readonly inMemory?: true };

/** What a message's JSON has beside the message: where its octets are. The first part is its content, others are edits'. */
export interface MessageForm {
  readonly traceBytes: number;
  readonly parts: readonly PartForm[];
}

const CHUNK_BYTES = 65_536;

/** A message as it was put. Rejects with SpoolFault EIO where a replacement's file can not be read. */
export async function messageOf(
  { data, body }: StoredRow,
  pathOf: (file: string) => string,
): Promise<StoredMessage> {
  const { stored, ...message } = JSON.parse(data) as StoredMessage & { readonly stored: MessageForm };
  const contents: Content[] = [];
  for (const part of stored.parts) {
    if ("at" in part) contents.push(memoryContent(new Uint8Array(body, part.at, part.size)));
    else {
      const content = fileContent(pathOf(part.file), part.size);
      contents.push(part.inMemory ? memoryContent(await readAll(content)) : content);
    }
  }
  const [content, ...replacements] = contents;
  return {
    ...message,
    traceField: new Uint8Array(body, 0, stored.traceBytes),
    content: content!,
    edits: message.edits.map((edit, at) => ({ ...edit, replacement: replacements[at]! })),
  };
}

/** A recipient as its borrower sees it. */
export function leasedOf(row: LentRow): LeasedRecipient {
  const { r, attempt, lapsed, nextAt, destination, reply, byHand, data } = row;
  const by = byHand === null ? undefined : (JSON.parse(byHand) as NonNullable<SpoolEntry["by"]>);
  return {
    ...(JSON.parse(data) as Omit<
      LeasedRecipient,
      "recipient" | "attempt" | "lapsed" | "nextAt" | "destination"
    >),
    recipient: r,
    destination,
    nextAt,
    attempt,
    lapsed,
    ...(reply === null ? {} : { lastReply: JSON.parse(reply) }),
    ...(by?.did === "release" ? { releasedBy: by.who, releasedAt: by.at } : {}),
  };
}

/** A recipient as lists show it. */
export function entryOf(row: FoundRow): SpoolEntry {
  const { id, r, state, destination, reversePath, forwardPath, receivedAt, bytes, tries } = row;
  return {
    id,
    recipient: r,
    state,
    destination,
    reversePath,
    forwardPath,
    receivedAt,
    messageBytes: bytes,
    attempts: tries,
    nextAt: row.expiresAt ?? row.nextAt,
    ...(row.reply === null ? {} : { lastReply: JSON.parse(row.reply) }),
    ...(state === "held" && row.reason !== null ? { reason: row.reason } : {}),
    ...(row.owner === null ? {} : { owner: row.owner }),
    ...(row.byHand === null ? {} : { by: JSON.parse(row.byHand) }),
  };
}

function fileContent(path: string, size: number): Content {
  return {
    size,
    async *read(start = 0, end = size) {
      if (start >= end) return;
      let file: FileHandle | undefined;
      try {
        file = await open(path, "r");
        for (let at = start; at < end; ) {
          // All of it that is given on was read: nothing of what lay there before.
          const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, end - at));
          const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
          if (bytesRead === 0) throw new SpoolFault("EIO", "a content file is shorter than it was");
          yield chunk.subarray(0, bytesRead);
          at += bytesRead;
        }
      } catch (error) {
        if (error instanceof SpoolFault) throw error;
        throw new SpoolFault("EIO", "a content file could not be read", { cause: error });
      } finally {
        await file?.close();
      }
    },
  };
}
