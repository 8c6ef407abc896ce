/**
 * The list of pieces an edited form is made of. A piece is a range of the original or of a replacement; the lists are
 * never changed, so that forks share them and undo is a pointer. Edits of one message are few (tens), hence plain
 * arrays and no tree.
 */
import { type Content, memoryContent } from "./content.ts";

/** A range of some content. `original` tells the received message from a replacement that may be the same object. */
export interface Piece {
  readonly content: Content;
  readonly start: number;
  readonly end: number;
  readonly original: boolean;
}

/** A range of the original and what stands there in the edited form. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly replacement: Content;
}

/** Below this size, pieces that all lie in memory may be joined to one array when somebody asks for `bytes`. */
const JOINED_BYTES_MAX = 65_536;

/** A new list with the octets [start, end) of the form replaced. The caller has checked the range. */
export function splicePieces(
  pieces: readonly Piece[],
  start: number,
  end: number,
  replacement: Content,
): Piece[] {
  const spliced: Piece[] = [];
  const inserted: Piece = { content: replacement, start: 0, end: replacement.size, original: false };
  let placed = replacement.size === 0;
  let at = 0;
  for (const piece of pieces) {
    const length = piece.end - piece.start;
    const keepBefore = Math.min(Math.max(start - at, 0), length);
    const keepAfter = Math.min(Math.max(end - at, 0), length);
    if (keepBefore > 0) spliced.push({ ...piece, end: piece.start + keepBefore });
    if (!placed && start < at + length) {
      spliced.push(inserted);
      placed = true;
    }
    if (keepAfter < length && keepAfter >= keepBefore) {
      if (keepAfter === 0) spliced.push(piece);
      else spliced.push({ ...piece, start: piece.start + keepAfter });
    }
    at += length;
  }
  if (!placed) spliced.push(inserted);
  return spliced;
}

/** The pieces as one content; a single whole piece is given as the object it is. */
export function piecesContent(pieces: readonly Piece[]): Content {
  const only = pieces[0];
  if (only && pieces.length === 1) {
    if (only.start === 0 && only.end === only.content.size) return only.content;
  }
  let size = 0;
  let inMemory = true;
  for (const piece of pieces) {
    size += piece.end - piece.start;
    if (!piece.content.bytes) inMemory = false;
  }
  return inMemory && (size <= JOINED_BYTES_MAX || pieces.length === 1)
    ? new JoinedContent(pieces, size)
    : new PieceContent(pieces, size);
}

/** Bytes put in front of a content. What is small and in memory stays one array, so that it leaves in one write. */
export function withPrefix(prefix: Uint8Array, content: Content): Content {
  const first: Piece = { content: memoryContent(prefix), start: 0, end: prefix.length, original: false };
  const size = prefix.length + content.size;
  // The pieces of the content and not the content: its octets are copied once.
  const pieces =
    content instanceof JoinedContent
      ? [first, ...content.pieces]
      : [first, { content, start: 0, end: content.size, original: false }];
  const small = size <= JOINED_BYTES_MAX && (content instanceof JoinedContent || content.bytes !== undefined);
  return small ? new JoinedContent(pieces, size) : new PieceContent(pieces, size);
}

/** Contents one behind the other, streamed: none is copied but where all lie in memory and are small. */
export function joinContents(contents: readonly Content[]): Content {
  return piecesContent(
    contents
      .filter(({ size }) => size > 0)
      .map((content) => ({ content, start: 0, end: content.size, original: false })),
  );
}

/** The pieces as splices over the original, in order and not touching each other. */
export function flattenPieces(pieces: readonly Piece[], originalSize: number): Splice[] {
  const splices: Splice[] = [];
  let pending: Piece[] = [];
  let at = 0;
  const close = (end: number): void => {
    if (end > at || pending.length > 0) splices.push({ start: at, end, replacement: piecesContent(pending) });
    pending = [];
  };
  for (const piece of pieces) {
    if (!piece.original) {
      pending.push(piece);
      continue;
    }
    close(piece.start);
    at = piece.end;
  }
  close(originalSize);
  return splices;
}

class PieceContent implements Content {
  readonly size: number;
  readonly readInto?: (into: Uint8Array, start: number) => Promise<number>;
  readonly #pieces: readonly Piece[];

  constructor(pieces: readonly Piece[], size: number) {
    this.#pieces = pieces;
    this.size = size;
    const readInto = (into: Uint8Array, start: number) => this.#readInto(into, start);
    if (pieces.every(({ content }) => content.bytes || content.readInto)) this.readInto = readInto;
  }

  async #readInto(into: Uint8Array, start: number): Promise<number> {
    let filled = 0;
    let at = 0;
    for (const piece of this.#pieces) {
      const length = piece.end - piece.start;
      for (let from = start + filled - at; from < length && filled < into.length; from = start + filled - at)
        filled += await readPiece(piece, piece.start + from, into.subarray(filled));
      at += length;
    }
    return filled;
  }

  async *read(start = 0, end = this.size): AsyncGenerator<Uint8Array> {
    let at = 0;
    for (const piece of this.#pieces) {
      if (at >= end) return;
      const length = piece.end - piece.start;
      const from = Math.max(start - at, 0);
      const to = Math.min(end - at, length);
      if (from < to) yield* piece.content.read(piece.start + from, piece.start + to);
      at += length;
    }
  }
}

/** Reads some octets of a piece, from the offset `start` of its content on. */
async function readPiece({ content, end }: Piece, start: number, into: Uint8Array): Promise<number> {
  const room = into.subarray(0, end - start);
  if (content.bytes) {
    room.set(content.bytes.subarray(start, start + room.length));
    return room.length;
  }
  const octets = (await content.readInto?.(room, start)) ?? 0;
  if (octets === 0) throw new Error("a content is shorter than its size");
  return octets;
}

class JoinedContent implements Content {
  readonly size: number;
  readonly pieces: readonly Piece[];
  #joined: Uint8Array | undefined;

  constructor(pieces: readonly Piece[], size: number) {
    this.pieces = pieces;
    this.size = size;
  }

  get bytes(): Uint8Array {
    if (this.#joined) return this.#joined;
    const [only] = this.pieces;
    this.#joined = only && this.pieces.length === 1 ? bytesOf(only) : joinBytes(this.pieces.map(bytesOf));
    return this.#joined;
  }

  async *read(start = 0, end = this.size): AsyncGenerator<Uint8Array> {
    const bytes = this.bytes;
    for (let at = start; at < end; at += 65_536) yield bytes.subarray(at, Math.min(end, at + 65_536));
  }
}

function bytesOf({ content, start, end }: Piece): Uint8Array {
  const bytes = content.bytes as Uint8Array;
  return start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
}

/** Arrays put together into a new one. Only for what is known to be small. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const part of parts) size += part.length;
  const joined = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
