/**
 * A message as bytes and edits. The original never changes; each edit makes a new form, a list of pieces that knows
 * the form before it. A fork shares the form, so that a hook run can be thrown away whole. The header section of each
 * form lies in memory (its length is bounded); bodies are only ever streamed.
 */
import type { Content } from "./content.ts";
import { parseHeaderSection } from "./header-section.ts";
import { MessageEditor } from "./message-editor.ts";
import type { BodyEdits, Edit, HeaderEdits, HeaderView, MessageView, Part } from "./message-view.ts";
import { walkMime } from "./mime.ts";
import {
  flattenPieces,
  joinBytes,
  type Piece,
  piecesContent,
  type Splice,
  splicePieces,
} from "./piece-table.ts";

/** Bounds for reading a message. */
export interface MessageOptions {
  /** The header section ends here at the latest; what follows counts as body. Default 1 MiB. */
  readonly headerBytesMax?: number;
}

/** The original bytes of a message, the edits made so far, and the form they give. */
export class Message implements MessageView {
  /** The message as it came. */
  readonly original: Content;
  /** Whether all of the original's header section is within the bound: else fields lie where nobody looks for them. */
  readonly headerWhole: boolean;
  #form: Form;

  private constructor(original: Content, form: Form, headerWhole: boolean) {
    this.original = original;
    this.headerWhole = headerWhole;
    this.#form = form;
  }

  /** Reads the header section of a message. Content without an empty line is a header section as a whole. */
  static async load(original: Content, options?: MessageOptions): Promise<Message> {
    const { headerBytes, whole } = await readHeaderBytes(
      original,
      options?.headerBytesMax ?? HEADER_BYTES_MAX,
    );
    const pieces =
      original.size === 0
        ? []
        : [{ content: original, start: 0, end: original.size, original: true } as const];
    return new Message(original, new Form(pieces, original.size, original, headerBytes, false), whole);
  }

  get size(): number {
    return this.#form.size;
  }

  get header(): HeaderView {
    return this.#form.header;
  }

  /** The header section of the edited form, with the empty line that ends it where there is one. */
  get headerBytes(): Uint8Array {
    return this.#form.headerBytes;
  }

  /** The edited form; without edits the very object that was loaded. */
  get content(): Content {
    return this.#form.content;
  }

  structure(): Promise<Part> {
    return this.#form.structure();
  }

  /** The edits in the order they were made. */
  get edits(): readonly Edit[] {
    return this.#form.edits;
  }

  /** Whether any edit touches octets after the header section. */
  get bodyEdited(): boolean {
    return this.#form.bodyEdited;
  }

  /** A second Message of the same form, in constant time; edits of one are not seen by the other. */
  fork(): Message {
    return new Message(this.original, this.#form, this.headerWhole);
  }

  /** Whether both have the very same edits (not merely equal bytes). */
  sameFormAs(other: Message): boolean {
    return this.#form === other.#form;
  }

  /** The message with editing methods; edits are recorded as the author's and apply to this Message. */
  editor(author: string): MessageView & HeaderEdits & BodyEdits {
    return new MessageEditor(this, author);
  }

  /** Applies one edit. Editors call this; the range is of the present form. */
  apply(edit: Edit): void {
    this.#form = this.#form.edited(edit);
  }

  /** Takes the last edit back; false when there is none. */
  undo(): boolean {
    const previous = this.#form.previous;
    if (!previous) return false;
    this.#form = previous;
    return true;
  }

  /** All edits as splices over the original, in order and not overlapping. */
  flatten(): readonly Splice[] {
    return flattenPieces(this.#form.pieces, this.original.size);
  }
}

const HEADER_BYTES_MAX = 1_048_576;

class Form {
  readonly pieces: readonly Piece[];
  readonly size: number;
  readonly headerBytes: Uint8Array;
  readonly bodyEdited: boolean;
  readonly previous: Form | undefined;
  readonly edit: Edit | undefined;
  #content: Content | undefined;
  #header: HeaderView | undefined;
  #structure: Promise<Part> | undefined;
  #edits: readonly Edit[] | undefined;

  constructor(
    pieces: readonly Piece[],
    size: number,
    content: Content | undefined,
    headerBytes: Uint8Array,
    bodyEdited: boolean,
    previous?: Form,
    edit?: Edit,
  ) {
    this.pieces = pieces;
    this.size = size;
    this.#content = content;
    this.headerBytes = headerBytes;
    this.bodyEdited = bodyEdited;
    this.previous = previous;
    this.edit = edit;
  }

  get content(): Content {
    this.#content ??= piecesContent(this.pieces);
    return this.#content;
  }

  get header(): HeaderView {
    this.#header ??= parseHeaderSection(this.headerBytes);
    return this.#header;
  }

  get edits(): readonly Edit[] {
    if (this.#edits) return this.#edits;
    const edits: Edit[] = [];
    for (let form: Form | undefined = this; form?.edit; form = form.previous) edits.push(form.edit);
    this.#edits = edits.reverse();
    return this.#edits;
  }

  structure(): Promise<Part> {
    this.#structure ??= walkMime(this.content, { header: this.header, bodyStart: this.headerBytes.length });
    return this.#structure;
  }

  edited(edit: Edit): Form {
    const { start, end, replacement } = edit;
    if (!(start >= 0 && start <= end && end <= this.size)) {
      throw new RangeError(`edit of [${start}, ${end}) in a message of ${this.size} octets`);
    }
    const headerEnd = this.headerBytes.length;
    let headerBytes = this.headerBytes;
    // What begins in the header section belongs to it. An insertion right after it belongs to the body, unless there
    // is neither a body nor the empty line before it.
    const open = start === headerEnd && headerEnd === this.size && emptyLineEnd(headerBytes, 0) === 0;
    const inHeader = start < headerEnd || open;
    if (inHeader) {
      if (!replacement.bytes) throw new TypeError("header fields can be replaced only by content in memory");
      const tail = end < headerEnd ? headerBytes.subarray(end) : NOTHING;
      headerBytes = joinBytes([headerBytes.subarray(0, start), replacement.bytes, tail]);
      // A whole message was put in place of another: its header section is the one that counts.
      if (open || end > headerEnd) {
        headerBytes = headerBytes.subarray(0, headerSectionEnd(headerBytes, HEADER_BYTES_MAX));
      }
    }
    const size = this.size - (end - start) + replacement.size;
    return new Form(
      splicePieces(this.pieces, start, end, replacement),
      size,
      undefined,
      headerBytes,
      this.bodyEdited || !inHeader || end > headerEnd || (open && size > headerBytes.length),
      this,
      edit,
    );
  }
}

const NOTHING = new Uint8Array(0);

/** The octets of the header section, and whether they are all of it or were cut at the bound. */
async function readHeaderBytes(
  content: Content,
  max: number,
): Promise<{ readonly headerBytes: Uint8Array; readonly whole: boolean }> {
  const held = await firstBytes(content, max);
  const end = emptyLineEnd(held, 0);
  if (end > 0) return { headerBytes: held.subarray(0, end), whole: true };
  const more = content.size > held.length;
  return { headerBytes: held.subarray(0, headerSectionEnd(held, max, more)), whole: !more };
}

/** At most `max` octets of a content, fewer where its header section ends before. */
async function firstBytes(content: Content, max: number): Promise<Uint8Array> {
  if (content.bytes) return content.bytes.subarray(0, max);
  let held = NOTHING as Uint8Array;
  for await (const chunk of content.read(0, Math.min(content.size, max))) {
    const searched = held.length;
    held = joinBytes([held, chunk]);
    const end = emptyLineEnd(held, Math.max(searched - 3, 0));
    if (end > 0) return held.subarray(0, end);
  }
  return held;
}

/** End of the header section: past the empty line, or at `max` after the last whole line, or at the end. */
function headerSectionEnd(bytes: Uint8Array, max: number, more = bytes.length > max): number {
  const seen = bytes.length > max ? bytes.subarray(0, max) : bytes;
  const end = emptyLineEnd(seen, 0);
  if (end > 0) return end;
  return more ? seen.lastIndexOf(10) + 1 || seen.length : seen.length;
}

/** Offset past the first empty line, 0 when there is none. Bare LF counts as a line end, so nothing can hide there. */
function emptyLineEnd(bytes: Uint8Array, from: number): number {
  if (from === 0) {
    if (bytes[0] === 10) return 1;
    if (bytes[0] === 13 && bytes[1] === 10) return 2;
  }
  for (let at = bytes.indexOf(10, from); at >= 0; at = bytes.indexOf(10, at + 1)) {
    if (bytes[at + 1] === 10) return at + 2;
    if (bytes[at + 1] === 13 && bytes[at + 2] === 10) return at + 3;
  }
  return 0;
}
