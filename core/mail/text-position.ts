/**
 * Where in an encoded body a decoded offset lies, found by streaming. Body edits insert there without decoding and
 * encoding anew what stands before and after.
 */

import type { Content } from "./content.ts";
import { readAll } from "./content.ts";
import type { MimePart } from "./mime-part.ts";
import { joinBytes } from "./piece-table.ts";
import { Base64Decoder, readEscape } from "./transfer-encoding.ts";

/** How much of the beginning and the end of a body is searched for tags. */
export const SEARCHED_BYTES_MAX = 65_536;

/** The decoded size of a body, its first and last octets. */
export interface BodyEnds {
  readonly size: number;
  readonly head: Uint8Array;
  readonly tail: Uint8Array;
}

/** Streams through a body once, or reads only its ends where no decoding is needed. */
export async function readBodyEnds(part: MimePart, content: Content): Promise<BodyEnds> {
  const { bodyStart, end } = part;
  const max = SEARCHED_BYTES_MAX;
  if (part.transferEncoding !== "base64" && part.transferEncoding !== "quoted-printable") {
    const head = await readAll(content, bodyStart, Math.min(end, bodyStart + max));
    return { size: end - bodyStart, head, tail: await readAll(content, Math.max(bodyStart, end - max), end) };
  }
  let size = 0;
  let head: Uint8Array = new Uint8Array(0);
  const last: Uint8Array[] = [];
  let lastSize = 0;
  for await (const chunk of part.readDecoded()) {
    if (head.length < max) head = joinBytes([head, chunk.subarray(0, max - head.length)]);
    last.push(chunk);
    lastSize += chunk.length;
    while (last.length > 1 && lastSize - (last[0] as Uint8Array).length >= max) {
      lastSize -= (last.shift() as Uint8Array).length;
    }
    size += chunk.length;
  }
  return { size, head, tail: joinBytes(last).subarray(-max) };
}

/** A group of base64 digits: offsets in the encoded body and the octets it stands for. */
export interface Base64Group {
  readonly start: number;
  readonly end: number;
  readonly octets: Uint8Array;
  /** Decoded offset of its first octet. */
  readonly decodedStart: number;
}

/** The group that holds the octet at a decoded offset; the last, unfinished one too. Undefined past the end. */
export async function findBase64Group(
  chunks: AsyncIterable<Uint8Array>,
  offset: number,
): Promise<Base64Group | undefined> {
  const decoder = new Base64Decoder();
  let consumed = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += BLOCK_BYTES) {
      const block = chunk.subarray(at, at + BLOCK_BYTES);
      // Only the block that passes the offset is read octet by octet.
      const before = decoder.copy();
      decoder.update(block);
      if (decoder.produced > offset) return groupIn(block, before, consumed + at, offset);
    }
    consumed += chunk.length;
  }
  const start = decoder.groupStart;
  if (start === undefined) return undefined;
  return { start, end: consumed, octets: decoder.finish(), decodedStart: decoder.produced };
}

/** Octets that are decoded at once while the group is looked for. */
const BLOCK_BYTES = 1024;

/** @param decoder as it was before the block @param blockAt the block's offset in the encoded body */
function groupIn(
  block: Uint8Array,
  decoder: Base64Decoder,
  blockAt: number,
  offset: number,
): Base64Group | undefined {
  for (let at = 0; at < block.length; at++) {
    const start = decoder.groupStart;
    const octets = decoder.update(block.subarray(at, at + 1));
    if (octets.length > 0 && decoder.produced > offset && start !== undefined) {
      return { start, end: blockAt + at + 1, octets, decodedStart: decoder.produced - octets.length };
    }
  }
  return undefined;
}

/** The offset in a quoted-printable body where the octet at a decoded offset begins. */
export async function findQuotedOffset(chunks: AsyncIterable<Uint8Array>, offset: number): Promise<number> {
  let consumed = 0;
  let decoded = 0;
  let held: Uint8Array = new Uint8Array(0);
  for await (const chunk of chunks) {
    const bytes = held.length > 0 ? joinBytes([held, chunk]) : chunk;
    let at = 0;
    while (at < bytes.length) {
      const mark = bytes.indexOf(61, at);
      const literal = (mark < 0 ? bytes.length : mark) - at;
      if (decoded + literal >= offset) return consumed + at + (offset - decoded);
      decoded += literal;
      at += literal;
      if (mark < 0) break;
      const found = readEscape(bytes, mark, false);
      if (!found) break;
      if (found.octet !== undefined) decoded++;
      at = found.end;
    }
    consumed += at;
    held = bytes.slice(at);
  }
  return consumed;
}
