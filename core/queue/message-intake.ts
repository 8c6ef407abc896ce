/**
 * Takes a message in: small contents into one buffer of its own, large ones into files, all else as JSON. What is in
 * memory for all messages together is bounded: who finds no room waits before reading.
 */
import { SpoolFault, type SpoolMessage } from "../gateway/mod.ts";
import { addressKey, type Content } from "../mail/mod.ts";
import type { ByteBudget } from "./byte-budget.ts";
import { type ContentFiles, SLAB_BYTES } from "./content-files.ts";
import type { MessageRow } from "./sqlite/protocol.ts";
import type { MessageForm, PartForm } from "./stored-forms.ts";

/** A content up to this lies in the database. */
export const INLINE_BYTES_MAX = 65_536;
/** All contents of a message that lie there, together. */
const INLINE_TOTAL_MAX = 4 * INLINE_BYTES_MAX;

/** A message that was taken in and is in no commit yet. */
export interface TakenIn {
  readonly row: MessageRow;
  readonly files: readonly string[];
  /** Octets of the budget that it holds. */
  readonly held: number;
}

/** See the head of the file. */
export class MessageIntake {
  readonly #files: ContentFiles;
  readonly #budget: ByteBudget;

  constructor(files: ContentFiles, budget: ByteBudget) {
    this.#files = files;
    this.#budget = budget;
  }

  /**
   * Reads a message. The caller lets go of what it gives, by `letGo`.
   *
   * @param isUrgent does not wait for room in memory: what comes with a settlement, whose caller may hold some itself
   *
   * Rejects with SpoolFault, the signal's reason, or what a content throws; nothing is held and no file is left then.
   */
  async take(message: SpoolMessage, now: number, isUrgent: boolean, signal?: AbortSignal): Promise<TakenIn> {
    signal?.throwIfAborted();
    const { content, traceField, edits, recipients, ...rest } = message;
    if (recipients.length === 0) throw new SpoolFault("EINVAL", "a message without recipients");
    // All that the caller may change afterwards is read before the first wait.
    const form = { ...rest, edits: edits.map(({ replacement: _, ...edit }) => edit) };
    const told = JSON.stringify(form).slice(0, -1);
    const rows = recipients.map(recipientRow);
    const reversePath = message.reversePath ? addressKey(message.reversePath) : "";
    const contents = [content, ...edits.map(({ replacement }) => replacement)];
    const inline = inlineOf(contents);
    const bodyBytes = contents.reduce(
      (sum, { size }, at) => sum + (inline[at] ? size : 0),
      traceField.length,
    );
    const textLength = rows.reduce((sum, { data }) => sum + data.length, told.length);
    const held = bodyBytes + textLength + (inline.includes(false) ? SLAB_BYTES : 0);
    const wait = isUrgent ? this.#budget.takeAnyway(held) : this.#budget.take(held, signal);
    if (wait) await wait;
    const files: string[] = [];
    try {
      // Of its own, as it is given away.
      const body = new ArrayBuffer(bodyBytes);
      new Uint8Array(body).set(traceField);
      const parts: PartForm[] = [];
      let at = traceField.length;
      for (const [index, each] of contents.entries()) {
        const isInMemory = each.bytes !== undefined;
        if (inline[index]) {
          const copied = copyInto(new Uint8Array(body, at, each.size), each, signal);
          if (copied) await copied;
          parts.push({ size: each.size, at });
          at += each.size;
        } else {
          const file = await this.#files.write(message.id, now, each, signal);
          files.push(file);
          parts.push({ size: each.size, file, ...(isInMemory && index > 0 ? { inMemory: true } : {}) });
        }
      }
      signal?.throwIfAborted();
      const tail: MessageForm = { traceBytes: traceField.length, parts };
      return {
        row: {
          id: message.id,
          receivedAt: message.receivedAt,
          reversePath,
          bytes: content.size,
          data: `${told},"stored":${JSON.stringify(tail)}}`,
          files: files.length > 0 ? JSON.stringify(files) : null,
          body,
          recipients: rows,
        },
        files,
        held,
      };
    } catch (error) {
      this.#budget.giveBack(held);
      await this.#files.drop(files);
      throw error;
    }
  }

  /** The message is committed, or not. */
  async letGo({ files, held }: TakenIn, isStored: boolean): Promise<void> {
    this.#budget.giveBack(held);
    if (isStored) this.#files.keep(files);
    else await this.#files.drop(files);
  }
}

/** Which contents lie in the database: small ones, while they are not too many. */
function inlineOf(contents: readonly Content[]): readonly boolean[] {
  let total = 0;
  return contents.map(({ size }) => {
    if (size > INLINE_BYTES_MAX || total + size > INLINE_TOTAL_MAX) return false;
    total += size;
    return true;
  });
}

/** Copies a content; a promise where it does not lie in memory. */
function copyInto(
  into: Uint8Array,
  content: Content,
  signal: AbortSignal | undefined,
): Promise<void> | undefined {
  if (!content.bytes) return copyStream(into, content, signal);
  if (content.bytes.length !== into.length) throw new SpoolFault("EINVAL", "content is not of its size");
  into.set(content.bytes);
  return undefined;
}

async function copyStream(
  into: Uint8Array,
  content: Content,
  signal: AbortSignal | undefined,
): Promise<void> {
  let at = 0;
  for await (const chunk of content.read()) {
    signal?.throwIfAborted();
    if (at + chunk.length > into.length) throw new SpoolFault("EINVAL", "content is longer than its size");
    into.set(chunk, at);
    at += chunk.length;
  }
  if (at < into.length) throw new SpoolFault("EINVAL", "content is shorter than its size");
}

function recipientRow(recipient: SpoolMessage["recipients"][number]): MessageRow["recipients"][number] {
  const { state, reason, lastReply, destination, nextAt, ...kept } = recipient;
  return {
    forwardPath: addressKey(recipient.forwardPath),
    destination,
    state,
    nextAt,
    reply: lastReply ? JSON.stringify(lastReply) : null,
    reason: reason ?? null,
    data: JSON.stringify(kept),
  };
}
