/**
 * A part found by the MIME walk: what its header section says (RFC 2045, 2183, 2231) and its body, read when asked.
 */
import { decodeBytes } from "./charset.ts";
import { type Content, readInTurn } from "./content.ts";
import { decodeWords } from "./encoded-word.ts";
import { parseHeaderSection } from "./header-section.ts";
import type { HeaderView, Part } from "./message-view.ts";
import { parseParameters } from "./parameters.ts";
import { joinBytes } from "./piece-table.ts";
import { transferDecoder } from "./transfer-encoding.ts";

/** A part while and after the walk; the walk sets the ends. Only the walk writes to it. */
export class MimePart implements Part {
  path = "";
  readonly contentType: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly disposition: string;
  readonly fileName: string | undefined;
  readonly transferEncoding: string;
  readonly header: HeaderView;
  readonly children: MimePart[] = [];
  readonly parent: MimePart | undefined;
  readonly start: number;
  readonly bodyStart: number;
  end: number;
  /** Offset of the delimiter line before the part; undefined where it stands in no multipart. */
  readonly delimiterStart: number | undefined;
  /** Offset of the delimiter line after the part, or where its multipart ends without one. */
  delimiterNext: number;
  incomplete = false;
  readonly #content: Content;

  constructor(content: Content, place: PartPlace, defaultType: string) {
    this.#content = content;
    this.start = place.start;
    this.bodyStart = place.bodyStart;
    this.end = content.size;
    this.delimiterNext = content.size;
    this.delimiterStart = place.delimiterStart;
    this.parent = place.parent;
    this.header = place.header instanceof Uint8Array ? parseHeaderSection(place.header) : place.header;
    const declared = this.header.get("content-type");
    const type = declared === undefined ? undefined : parseParameters(declared);
    const name = type?.value.trim().toLowerCase() ?? "";
    if (type === undefined) this.contentType = defaultType;
    else this.contentType = MEDIA_TYPE.test(name) ? name : "text/plain";
    this.parameters = type?.parameters ?? NO_PARAMETERS;
    const placed = this.header.get("content-disposition");
    const disposition = placed === undefined ? undefined : parseParameters(placed);
    this.disposition = disposition?.value.trim().toLowerCase() ?? "";
    const file = disposition?.parameters.get("filename") ?? this.parameters.get("name");
    this.fileName = file === undefined ? undefined : decodeWords(file);
    const encoding = this.header.get("content-transfer-encoding") ?? "7bit";
    this.transferEncoding = (/^[^\s;(]+/.exec(encoding)?.[0] ?? "7bit").toLowerCase();
  }

  /** The body as it lies in the message. */
  readRaw(): AsyncIterable<Uint8Array> {
    return this.#content.read(this.bodyStart, this.end);
  }

  /** The same; a chunk holds until the next is asked for. */
  readRawInTurn(): AsyncIterable<Uint8Array> {
    return readInTurn(this.#content, this.bodyStart, this.end);
  }

  async *readDecoded(): AsyncGenerator<Uint8Array> {
    const decoder = transferDecoder(this.transferEncoding);
    // What is decoded from base64 is always a copy.
    const chunks = this.transferEncoding === "base64" ? this.readRawInTurn() : this.readRaw();
    for await (const chunk of chunks) {
      const decoded = decoder ? decoder.update(chunk) : chunk;
      if (decoded.length > 0) yield decoded;
    }
    const rest = decoder?.finish();
    if (rest && rest.length > 0) yield rest;
  }

  async text(charactersMax: number): Promise<string> {
    const held: Uint8Array[] = [];
    let size = 0;
    // No charset here needs more than four octets for a character, but for escapes; those only shorten the text.
    const bytesMax = charactersMax * 4;
    for await (const chunk of this.readDecoded()) {
      held.push(size + chunk.length > bytesMax ? chunk.subarray(0, bytesMax - size) : chunk);
      size += chunk.length;
      if (size >= bytesMax) break;
    }
    const text = decodeBytes(joinBytes(held), this.parameters.get("charset"));
    if (text.length <= charactersMax) return text;
    const last = text.charCodeAt(charactersMax - 1);
    return text.slice(0, last >= 0xd800 && last < 0xdc00 ? charactersMax - 1 : charactersMax);
  }

  /** Whether the part was found in this very content. */
  isOf(content: Content): boolean {
    return this.#content === content;
  }
}

/** Where a part stands. */
export interface PartPlace {
  readonly start: number;
  readonly bodyStart: number;
  readonly header: HeaderView | Uint8Array;
  readonly parent?: MimePart | undefined;
  readonly delimiterStart?: number | undefined;
}

/** Whether a part is of this form of a message, so that its offsets hold. */
export function isPartOf(part: Part, content: Content): boolean {
  return part instanceof MimePart && part.isOf(content);
}

const MEDIA_TYPE = /^[!#$%&'*+.^_`|~0-9a-z-]+\/[!#$%&'*+.^_`|~0-9a-z-]+$/;
const NO_PARAMETERS: ReadonlyMap<string, string> = new Map();
