/**
 * What content asks of a next hop: SMTPUTF8 for octets that are not ASCII in its header section (RFC 6532, RFC 6531
 * 3.4), 8BITMIME for them anywhere (RFC 6152). Reads no more than it must: of a stream the header section alone.
 */
import { isAscii } from "node:buffer";
import type { Content } from "../mail/mod.ts";

/** See the head of the file. */
export interface ContentNeeds {
  readonly utf8Header: boolean;
  /** undefined: not known of a stream whose header section is ASCII; content-sender.ts looks as it sends. */
  readonly eightBit: boolean | undefined;
}

/** Octets of a header section that are looked at; what is longer is no header section. */
export const HEADER_SCAN_BYTES_MAX = 1_048_576;

const allAscii: ContentNeeds = { utf8Header: false, eightBit: false };
const asciiHeader: ContentNeeds = { utf8Header: false, eightBit: undefined };
const utf8Header: ContentNeeds = { utf8Header: true, eightBit: true };
const asciiHeaderOnly: ContentNeeds = { utf8Header: false, eightBit: true };
const blankLine = Buffer.from("\r\n\r\n");

/** At once for what lies in memory. Rejects where the content can not be read. */
export function contentNeeds(content: Content): ContentNeeds | Promise<ContentNeeds> {
  const { bytes } = content;
  if (!bytes) return needsOfStream(content);
  if (isAscii(bytes)) return allAscii;
  const end = headerEnd(bytes);
  return isAscii(end < 0 ? bytes : bytes.subarray(0, end)) ? asciiHeaderOnly : utf8Header;
}

async function needsOfStream(content: Content): Promise<ContentNeeds> {
  // A line end behind which the blank one comes may lie in the chunk before.
  let tail: Uint8Array = new Uint8Array(0);
  let octets = 0;
  for await (const chunk of content.read(0, Math.min(content.size, HEADER_SCAN_BYTES_MAX))) {
    const seen = tail.length === 0 ? chunk : Buffer.concat([tail, chunk]);
    const end = octets <= 3 ? headerEnd(seen) : indexOf(seen);
    if (!isAscii(end < 0 ? seen : seen.subarray(0, end))) return utf8Header;
    if (end >= 0) break;
    octets += chunk.length;
    tail = seen.subarray(-3);
  }
  return asciiHeader;
}

/** Where the header section ends; negative where there is no blank line. */
function headerEnd(bytes: Uint8Array): number {
  return bytes[0] === 0x0d && bytes[1] === 0x0a ? 0 : indexOf(bytes);
}

function indexOf(bytes: Uint8Array): number {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf(blankLine);
}
