/**
 * Reads a header section (RFC 5322 2.2) byte-exactly: each field knows its octets. Forgiving: bare LF ends a line,
 * the last line end may be missing, and lines that are no field (the `From ` line of mbox, rubbish) are kept apart.
 * Fields are found by native search and decoded when first looked at. What is parsed past the empty line: nothing.
 */
import { decodeWords } from "./encoded-word.ts";
import { parseMailboxes } from "./header-address.ts";
import type { HeaderField, HeaderView, Mailbox } from "./message-view.ts";

/** A header section of a message or a body part. */
export class HeaderSection implements HeaderView {
  /** All octets, the empty line included when it was there. */
  readonly bytes: Uint8Array;
  #parsed: ParsedSection | undefined;
  #byName: Map<string, HeaderField[]> | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get fields(): readonly HeaderField[] {
    return this.#parse().fields;
  }

  /** Lines that are no header field, with their continuations; `name` is "". */
  get malformed(): readonly HeaderField[] {
    return this.#parse().malformed;
  }

  /** Offset after the last field, before the empty line: where a field goes that is added last. */
  get end(): number {
    return this.#parse().end;
  }

  get(name: string): string | undefined {
    return this.#first(name)?.value;
  }

  text(name: string): string | undefined {
    return this.#first(name)?.text;
  }

  all(name: string): readonly HeaderField[] {
    return this.#named(name);
  }

  addresses(name: string): { readonly mailboxes: readonly Mailbox[]; readonly malformed: boolean } {
    const fields = this.#named(name);
    const [only] = fields;
    if (only && fields.length === 1) return parseMailboxes(only.value);
    const mailboxes: Mailbox[] = [];
    let malformed = false;
    for (const { value } of fields) {
      const list = parseMailboxes(value);
      for (const mailbox of list.mailboxes) mailboxes.push(mailbox);
      if (list.malformed) malformed = true;
    }
    return { mailboxes, malformed };
  }

  #parse(): ParsedSection {
    this.#parsed ??= parse(this.bytes);
    return this.#parsed;
  }

  #first(name: string): HeaderField | undefined {
    const { fields } = this.#parse();
    if (fields.length > FIELDS_LOOKED_THROUGH_MAX) return this.#named(name)[0];
    const key = name.toLowerCase();
    for (const field of fields) if (field.key === key) return field;
    return undefined;
  }

  #named(name: string): readonly HeaderField[] {
    const { fields } = this.#parse();
    const key = name.toLowerCase();
    // Looking through a few costs less than a table of them; a table keeps looks into many linear.
    if (fields.length <= FIELDS_LOOKED_THROUGH_MAX) return fields.filter((field) => field.key === key);
    if (this.#byName === undefined) {
      this.#byName = new Map();
      for (const field of fields) {
        const same = this.#byName.get(field.key);
        if (same) same.push(field);
        else this.#byName.set(field.key, [field]);
      }
    }
    return this.#byName.get(key) ?? [];
  }
}

/** A header section over bytes, which must not be changed afterwards. Reading stops at the empty line. */
export function parseHeaderSection(bytes: Uint8Array): HeaderSection {
  return new HeaderSection(bytes);
}

/** Fields up to which no table of names is made. */
const FIELDS_LOOKED_THROUGH_MAX = 50;

interface ParsedSection {
  readonly fields: readonly Field[];
  readonly malformed: readonly Field[];
  readonly end: number;
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const controls = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]+/g;

class Field implements HeaderField {
  readonly name: string;
  readonly start: number;
  readonly #section: Uint8Array;
  readonly #end: number;
  readonly #valueAt: number;
  #key: string | undefined;
  #bytes: Uint8Array | undefined;
  #value: string | undefined;
  #text: string | undefined;

  /** @param section the octets of the whole section; the field lies in it from `start` to `end`, its value from `valueAt` */
  constructor(name: string, section: Uint8Array, start: number, end: number, valueAt: number) {
    this.name = name;
    this.start = start;
    this.#section = section;
    this.#end = end;
    this.#valueAt = valueAt;
  }

  /** The name in small letters. */
  get key(): string {
    this.#key ??= this.name.toLowerCase();
    return this.#key;
  }

  get bytes(): Uint8Array {
    this.#bytes ??= this.#section.subarray(this.start, this.#end);
    return this.#bytes;
  }

  get value(): string {
    if (this.#value === undefined) {
      const raw = decoder.decode(this.#section.subarray(this.#valueAt, this.#end)).trim();
      this.#value = raw.includes("\n") ? raw.replace(/\r?\n/g, "") : raw;
    }
    return this.#value;
  }

  get text(): string {
    this.#text ??= decodeWords(this.value).replace(controls, "");
    return this.#text;
  }
}

function parse(bytes: Uint8Array): ParsedSection {
  const fields: Field[] = [];
  const malformed: Field[] = [];
  let colon = -1;
  let at = 0;
  while (at < bytes.length && !isEmptyLine(bytes, at)) {
    let end = lineEnd(bytes, at);
    while (end < bytes.length && (bytes[end] === 32 || bytes[end] === 9)) end = lineEnd(bytes, end);
    // The colon found last may stand in a later line: looked for once, it keeps many lines without one linear.
    if (colon < at) colon = indexOrEnd(bytes, 58, at);
    const name = colon < end ? nameOf(bytes, at, colon) : "";
    if (name === "") malformed.push(new Field("", bytes, at, end, at));
    else fields.push(new Field(name, bytes, at, end, colon + 1));
    at = end;
  }
  return { fields, malformed, end: at };
}

/** The name as Latin-1, without the white space that obsolete syntax allows before the colon; "" when it is none. */
function nameOf(bytes: Uint8Array, start: number, colon: number): string {
  let end = colon;
  while (end > start && (bytes[end - 1] === 32 || bytes[end - 1] === 9)) end--;
  let name = "";
  for (let n = start; n < end; n++) {
    const octet = bytes[n] ?? 0;
    if (octet <= 32 || octet === 127) return "";
    name += String.fromCharCode(octet);
  }
  return name;
}

function isEmptyLine(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 10 || (bytes[at] === 13 && bytes[at + 1] === 10);
}

function lineEnd(bytes: Uint8Array, at: number): number {
  return Math.min(indexOrEnd(bytes, 10, at) + 1, bytes.length);
}

function indexOrEnd(bytes: Uint8Array, octet: number, at: number): number {
  const found = bytes.indexOf(octet, at);
  return found < 0 ? bytes.length : found;
}
