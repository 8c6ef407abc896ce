/**
 * A walk over the MIME structure of a message (RFC 2045, RFC 2046), in one pass over streamed bytes and in linear
 * time. Broken structure is walked as far as it goes and marked `incomplete`, never an error. Delimiter lines must
 * match whole, but for white space at the end: RFC 2046 5.1.1 would take a prefix, and then the delimiters of an inner
 * boundary `ab` would end an outer `a`. Uuencode and message/partial are not looked into.
 */

import { ByteWindow } from "./byte-window.ts";
import type { Content } from "./content.ts";
import type { HeaderView } from "./message-view.ts";
import { MimePart } from "./mime-part.ts";

/** What the caller knows already, and bounds. */
export interface WalkOptions {
  /** The header section of the message. */
  readonly header: HeaderView;
  /** Where it ends. */
  readonly bodyStart: number;
  /** Parts within parts, default 20. */
  readonly depthMax?: number;
  /** Parts in all, default 1,000. */
  readonly partsMax?: number;
  /** Header section of one part, default 64 KiB. */
  readonly partHeaderBytesMax?: number;
}

/** Walks the structure; the root is the message itself. Fails only when reading the content fails. */
export async function walkMime(content: Content, options: WalkOptions): Promise<MimePart> {
  const root = new MimePart(
    content,
    { start: 0, bodyStart: options.bodyStart, header: options.header },
    "text/plain",
  );
  root.path = root.contentType.startsWith("multipart/") ? "" : "1";
  if (!isContainer(root)) return root;
  await new Walk(content, options).run(root);
  return root;
}

interface OpenMultipart {
  readonly part: MimePart;
  readonly boundary: Uint8Array;
  /** Position among the open entities: everything above it ends at its next delimiter. */
  readonly level: number;
}

class Walk {
  readonly #content: Content;
  readonly #window: ByteWindow;
  readonly #depthMax: number;
  readonly #partsMax: number;
  readonly #headerMax: number;
  /** Entities whose end is not known yet, outermost first. */
  readonly #open: MimePart[] = [];
  readonly #multiparts: OpenMultipart[] = [];
  #parts = 1;
  /** What the last call of #match found. */
  #matched: OpenMultipart | undefined;
  #matchedClose = false;

  constructor(content: Content, options: WalkOptions) {
    this.#content = content;
    this.#window = new ByteWindow(content, options.bodyStart);
    this.#depthMax = options.depthMax ?? 20;
    this.#partsMax = options.partsMax ?? 1_000;
    this.#headerMax = options.partHeaderBytesMax ?? 65_536;
  }

  async run(root: MimePart): Promise<void> {
    await this.#enter(root);
    while (this.#multiparts.length > 0) {
      const line = await this.#window.nextDashLine(DELIMITER_BYTES_MAX, (octets) => this.#match(octets));
      if (!line) break;
      const multipart = this.#matched as OpenMultipart;
      this.#endInside(multipart.level, line.lineBefore, line.start);
      if (this.#matchedClose) {
        this.#multiparts.pop();
        continue;
      }
      if (this.#parts >= this.#partsMax) break;
      await this.#readPart(multipart.part, line.start);
    }
    for (const multipart of this.#multiparts) multipart.part.incomplete = true;
    await this.#window.close();
  }

  /** Looks for the innermost open multipart whose delimiter this line is, and keeps it. */
  #match(line: Uint8Array): boolean {
    let length = line.length;
    while (length > 0 && isSpace(line[length - 1] as number)) length--;
    for (let n = this.#multiparts.length - 1; n >= 0; n--) {
      const multipart = this.#multiparts[n] as OpenMultipart;
      const size = multipart.boundary.length;
      const close = length === size + 4 && line[size + 2] === DASH && line[size + 3] === DASH;
      if (!close && length !== size + 2) continue;
      if (!startsWith(line, 2, multipart.boundary)) continue;
      this.#matched = multipart;
      this.#matchedClose = close;
      return true;
    }
    return false;
  }

  /** Ends all entities inside that multipart: before the line end that belongs to the delimiter line. */
  #endInside(level: number, end: number, delimiter: number): void {
    while (this.#open.length > level + 1) {
      const part = this.#open.pop() as MimePart;
      part.end = Math.max(end, part.bodyStart);
      part.delimiterNext = delimiter;
    }
    while ((this.#multiparts.at(-1)?.level ?? -1) > level) {
      const multipart = this.#multiparts.pop() as OpenMultipart;
      multipart.part.incomplete = true;
    }
  }

  async #readPart(parent: MimePart, delimiterStart: number | undefined): Promise<void> {
    const start = this.#window.position;
    const { header, whole } = await this.#window.readHeader(this.#headerMax, (line) => this.#match(line));
    const digest = parent.contentType === "multipart/digest";
    const place = { start, bodyStart: start + header.length, header, parent, delimiterStart };
    const part = new MimePart(this.#content, place, digest ? "message/rfc822" : "text/plain");
    this.#parts++;
    part.incomplete = !whole;
    parent.children.push(part);
    part.path = pathOf(part, parent);
    await this.#enter(part);
  }

  /** Opens an entity and, where it holds an entity directly, that one too. */
  async #enter(part: MimePart): Promise<void> {
    this.#open.push(part);
    if (!isContainer(part)) return;
    if (this.#open.length > this.#depthMax || this.#parts >= this.#partsMax) {
      part.incomplete = true;
      return;
    }
    if (part.contentType.startsWith("multipart/")) {
      const boundary = encoder.encode(part.parameters.get("boundary") ?? "");
      if (boundary.length === 0 || boundary.length > BOUNDARY_BYTES_MAX) part.incomplete = true;
      else this.#multiparts.push({ part, boundary, level: this.#open.length - 1 });
      return;
    }
    // RFC 2046 5.2.1: no encoding but the identity. Otherwise nobody has looked inside, and the part says so.
    if (IDENTITY.has(part.transferEncoding)) await this.#readPart(part, undefined);
    else part.incomplete = true;
  }
}

function pathOf(part: MimePart, parent: MimePart): string {
  const multipart = part.contentType.startsWith("multipart/");
  if (parent.contentType.startsWith("multipart/")) {
    const prefix = parent.path.replace(/\.?TEXT$/, "");
    return `${prefix}${prefix ? "." : ""}${parent.children.length}`;
  }
  // RFC 3501 6.4.5: the multipart of a nested message has no number of its own, only a TEXT.
  return `${parent.path}.${multipart ? "TEXT" : "1"}`;
}

function isContainer(part: MimePart): boolean {
  const type = part.contentType;
  return type.startsWith("multipart/") || type === "message/rfc822" || type === "message/global";
}

function isSpace(octet: number): boolean {
  return octet === 32 || octet === 9 || octet === CR || octet === LF;
}

function startsWith(line: Uint8Array, at: number, boundary: Uint8Array): boolean {
  for (let n = 0; n < boundary.length; n++) if (line[at + n] !== boundary[n]) return false;
  return true;
}

const LF = 10;
const CR = 13;
const DASH = 45;
/** RFC 2046 allows 70; some writers exceed it. */
const BOUNDARY_BYTES_MAX = 256;
const DELIMITER_BYTES_MAX = 1_024;
const IDENTITY = new Set(["7bit", "8bit", "binary"]);
const encoder = new TextEncoder();
