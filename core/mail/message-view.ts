/**
 * What plugins see of a message. `Message` in message.ts implements it; these interfaces are the contract, so that
 * a plugin's editing methods are there only when it declares its edits.
 */
import type { Content } from "./content.ts";

/** One header field of a header section, byte-exact. */
export interface HeaderField {
  /** The name as written, decoded as Latin-1. */
  readonly name: string;
  /** The value unfolded and trimmed, decoded as UTF-8 (bytes that are not UTF-8 read as U+FFFD). Encoded words stay. */
  readonly value: string;
  /** The value with RFC 2047 encoded words decoded, for people and for matching. Controls are taken out. */
  readonly text: string;
  /** All octets, from the name to the line end, folds and all. */
  readonly bytes: Uint8Array;
  /** Offset of the first octet within the header section. */
  readonly start: number;
}

/** A mailbox of a header field such as From (RFC 5322 3.4). */
export interface Mailbox {
  /** The display name, decoded; "" when absent. */
  readonly displayName: string;
  /** `local@domain` as written (quotes kept where they are needed). */
  readonly address: string;
  readonly localPart: string;
  readonly domain: string;
  /** The name of the group it stands in, when in one. */
  readonly group?: string;
}

/** A header section (RFC 5322 2.2), read-only. Names are compared without letter case. */
export interface HeaderView {
  readonly fields: readonly HeaderField[];
  /** Lines that are no header field, each with its continuations; `name` is "". Other readers may make fields of them. */
  readonly malformed: readonly HeaderField[];
  /** The `value` of the first field of that name, if any. */
  get(name: string): string | undefined;
  /** The decoded `text` of the first field of that name, if any. */
  text(name: string): string | undefined;
  /** All fields of that name, top to bottom. */
  all(name: string): readonly HeaderField[];
  /**
   * The mailboxes of all fields of that name. What does not parse is left out and makes `malformed` true; so does a name
   * before an address that other readers take for the address.
   */
  addresses(name: string): { readonly mailboxes: readonly Mailbox[]; readonly malformed: boolean };
}

/** A body part in a MIME tree (RFC 2045, 2046); the message itself is the root. */
export interface Part {
  /** As IMAP numbers parts: "" for the root of a multipart, "1", "2.1". In a nested message "2.1" continues inside it. */
  readonly path: string;
  /** Lower-case `type/subtype` as declared; `text/plain` when absent or unreadable (RFC 2045 5.2). */
  readonly contentType: string;
  /** Parameters of Content-Type in lower case names, RFC 2231 put together and decoded. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Lower-case Content-Disposition, "" when absent. */
  readonly disposition: string;
  /** Decoded file name of Content-Disposition or Content-Type's `name` (RFC 2231, 2047), if any. Not a safe path. */
  readonly fileName: string | undefined;
  /** Lower-case Content-Transfer-Encoding, `7bit` when absent. */
  readonly transferEncoding: string;
  readonly header: HeaderView;
  readonly children: readonly Part[];
  /** Offset in octets, in the form that was walked, of the whole part: its header section and body. */
  readonly start: number;
  /** Offset of the octet after the part; its boundary is no part of it. */
  readonly end: number;
  /** Offset of the first octet of its body, before decoding. */
  readonly bodyStart: number;
  /** True where the walk stopped at a bound (depth, number of parts) or the structure is broken. */
  readonly incomplete: boolean;
  /** The body decoded from its transfer encoding, in chunks. Broken encodings decode what can be. */
  readDecoded(): AsyncIterable<Uint8Array>;
  /** The body decoded to text by its charset, at most `charactersMax` characters. */
  text(charactersMax: number): Promise<string>;
}

/** A message as plugins read it: the edited form, streamed. */
export interface MessageView {
  /** Octets of the edited form. */
  readonly size: number;
  readonly header: HeaderView;
  /** The edited form as bytes. */
  readonly content: Content;
  /** The root of the MIME tree of the edited form; walked once for each form, within bounds. */
  structure(): Promise<Part>;
}

/** Where a new header field goes: on top, or right after the n-th field of that name (default the last). */
export type FieldPosition = "top" | { readonly after: string; readonly n?: number };

/** Editing of header fields. Values are escaped and folded: no value can end the field. `n` counts from 0, top down. */
export interface HeaderEdits {
  /** @param value text; non-ASCII becomes RFC 2047 encoded words @param reason why, for the trace and the page */
  addField(name: string, value: string, reason: string, position?: FieldPosition): void;
  /**
   * Adds a field on top whose very octets matter, as a signature's: line by line as given, those after the first behind
   * one space. Throws a RangeError where a line is blank or too long, or is not ASCII without controls.
   */
  addFoldedField(name: string, lines: readonly string[], reason: string): void;
  /** Replaces the n-th field of that name (default the first); false when there is none. */
  replaceField(name: string, value: string, reason: string, n?: number): boolean;
  /**
   * Removes the n-th field of that name, those of a list, or all when `n` is absent; returns how many were removed. A list
   * is counted before any of it goes, and costs one look through the header section where single calls cost one each.
   */
  removeField(name: string, reason: string, n?: number | readonly number[]): number;
}

/** Editing of bodies. Parts are those of the last `structure()`; after an edit, ask for it anew. */
export interface BodyEdits {
  /** Replaces a part whole with another content, header fields of the part included. */
  replacePart(part: Part, content: Content, reason: string): void;
  /** Removes a part with its boundary; the root can not be removed. */
  removePart(part: Part, reason: string): Promise<void>;
  /**
   * Puts text at the beginning or end of every text/plain and text/html body that is not an attachment, in the part's
   * own charset and transfer encoding.
   */
  prependText(addition: TextAddition, reason: string): Promise<void>;
  appendText(addition: TextAddition, reason: string): Promise<void>;
}

/** Text to add; `html` goes before `</body>` (or after `<body>`). */
export interface TextAddition {
  readonly plain: string;
  /** As markup, put in as it is; absent: the plain text, escaped. */
  readonly html?: string;
}

/** One recorded change: a range of the form the plugin saw, replaced. */
export interface Edit {
  /** Offset in octets of the form the plugin saw. */
  readonly start: number;
  /** Offset of the octet after the range; equal to `start` where something is only put in. */
  readonly end: number;
  /** What stands there now; empty for a removal. */
  readonly replacement: Content;
  /** The plugin's name. */
  readonly author: string;
  readonly reason: string;
  /** One line for people, such as "added X-Spam-Flag". */
  readonly summary: string;
}
