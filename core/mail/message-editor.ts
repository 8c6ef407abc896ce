/**
 * The editing methods a plugin gets, over one Message. Each call records edits with the author's name and the reason.
 * Values are escaped by `formatField`; nothing here lets a value end its field.
 */
import { type PlannedEdit, planRemoval, planText } from "./body-edits.ts";
import { type Content, memoryContent } from "./content.ts";
import { formatField, formatFoldedField } from "./header-field.ts";
import type { Message } from "./message.ts";
import type {
  BodyEdits,
  FieldPosition,
  HeaderEdits,
  HeaderView,
  MessageView,
  Part,
  TextAddition,
} from "./message-view.ts";
import { isPartOf } from "./mime-part.ts";

/** A Message seen by one author. */
export class MessageEditor implements MessageView, HeaderEdits, BodyEdits {
  readonly #message: Message;
  readonly #author: string;

  constructor(message: Message, author: string) {
    this.#message = message;
    this.#author = author;
  }

  get size(): number {
    return this.#message.size;
  }

  get header(): HeaderView {
    return this.#message.header;
  }

  get content(): Content {
    return this.#message.content;
  }

  structure(): Promise<Part> {
    return this.#message.structure();
  }

  addField(name: string, value: string, reason: string, position: FieldPosition = "top"): void {
    this.#add(name, formatField(name, value), reason, position);
  }

  addFoldedField(name: string, lines: readonly string[], reason: string): void {
    this.#add(name, formatFoldedField(name, lines), reason, "top");
  }

  #add(name: string, field: Uint8Array, reason: string, position: FieldPosition): void {
    const at = this.#offsetFor(position);
    const before = this.#message.headerBytes;
    // The last line of a message that is cut off may lack its end: a field would run into it.
    const joined = at > 0 && before[at - 1] !== 10;
    this.#apply(at, at, joined ? withLineEnd(field) : field, reason, `added ${name}`);
  }

  replaceField(name: string, value: string, reason: string, n = 0): boolean {
    const field = this.#message.header.all(name)[n];
    if (!field) return false;
    const end = field.start + field.bytes.length;
    this.#apply(field.start, end, formatField(name, value), reason, `replaced ${name}`);
    return true;
  }

  removeField(name: string, reason: string, n?: number | readonly number[]): number {
    const all = this.#message.header.all(name);
    const chosen = typeof n === "number" ? [n] : n && new Set(n);
    const removed = chosen
      ? [...chosen].sort((a, b) => b - a).flatMap((i) => all[i] ?? [])
      : [...all].reverse();
    // From the bottom up, so that the offsets of those above stay true.
    for (const field of removed) {
      this.#apply(field.start, field.start + field.bytes.length, NOTHING, reason, `removed ${name}`);
    }
    return removed.length;
  }

  replacePart(part: Part, content: Content, reason: string): void {
    this.#ownPart(part);
    const { start, end } = part;
    const summary = `replaced part ${part.path || "(whole message)"} (${part.contentType})`;
    this.#message.apply({ start, end, replacement: content, author: this.#author, reason, summary });
  }

  async removePart(part: Part, reason: string): Promise<void> {
    this.#ownPart(part);
    this.#applyPlanned(planRemoval(part), reason);
  }

  prependText(addition: TextAddition, reason: string): Promise<void> {
    return this.#addText(addition, "start", reason);
  }

  appendText(addition: TextAddition, reason: string): Promise<void> {
    return this.#addText(addition, "end", reason);
  }

  async #addText(addition: TextAddition, side: "start" | "end", reason: string): Promise<void> {
    for (;;) {
      // The plan is made while streaming; an edit made meanwhile moves offsets, so the plan is made anew.
      const seen = this.#message.fork();
      const plan = await planText(seen, addition, side);
      if (!seen.sameFormAs(this.#message)) continue;
      for (const edit of plan) this.#applyPlanned(edit, reason);
      return;
    }
  }

  #offsetFor(position: FieldPosition): number {
    const { fields } = this.#message.header;
    if (position !== "top") {
      const all = this.#message.header.all(position.after);
      const field = all[position.n ?? all.length - 1];
      if (field) return field.start + field.bytes.length;
    }
    // A first line that begins with white space would become a continuation of what is put above it.
    const first = this.#message.headerBytes[0];
    if (first !== 32 && first !== 9) return 0;
    return fields[0]?.start ?? this.#message.headerBytes.indexOf(10) + 1;
  }

  #ownPart(part: Part): void {
    if (!isPartOf(part, this.#message.content)) {
      throw new Error(
        `part ${part.path || "(whole message)"} is of an earlier form of the message: call structure() after each edit`,
      );
    }
  }

  #applyPlanned(edit: PlannedEdit, reason: string): void {
    this.#message.apply({ ...edit, author: this.#author, reason });
  }

  #apply(start: number, end: number, bytes: Uint8Array, reason: string, summary: string): void {
    const replacement = memoryContent(bytes);
    this.#message.apply({ start, end, replacement, author: this.#author, reason, summary });
  }
}

const NOTHING = new Uint8Array(0);

function withLineEnd(field: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(field.length + 2);
  bytes.set([13, 10]);
  bytes.set(field, 2);
  return bytes;
}
