/**
 * A look at the parts of one message: names, declared types, first octets, zip archives, and messages within it that
 * the walk over the structure does not enter because they are encoded or called something else. What it can not look
 * at makes the look incomplete.
 */
import { Message, memoryContent, type Part } from "postern";
import { headBytes, sniffType } from "./file-kind.ts";
import { hasExtension, isArchiveName, isMessageName, isZipName, namesOf } from "./file-name.ts";
import { type ZipFindings, ZipScan } from "./zip-scan.ts";

/** What is refused, and the bounds. */
export interface LookRules {
  readonly extensions: ReadonlySet<string>;
  readonly types: ReadonlySet<string>;
  readonly refuseEncryptedZip: boolean;
  readonly refuseNestedArchives: boolean;
  readonly partsMax: number;
  readonly bytesMax: number;
  readonly entriesMax: number;
}

/** A look at one message. */
export class AttachmentLook {
  readonly files: { name: string; type: string }[] = [];
  complete = true;
  /** What is refused, in words for the client. */
  refused: string | undefined;
  readonly #rules: LookRules;
  readonly #enter: () => Promise<() => void>;
  #leave: (() => void) | undefined;
  #room: number;

  /** @param enter waits for the right to hold messages in memory, and gives the way to give it back */
  constructor(rules: LookRules, enter: () => Promise<() => void>) {
    this.#rules = rules;
    this.#room = rules.bytesMax;
    this.#enter = enter;
  }

  async at(root: Part): Promise<void> {
    try {
      await this.#walk(root);
    } finally {
      this.#leave?.();
    }
  }

  async #walk(root: Part): Promise<void> {
    // Depth first, so that of messages within messages only those on the way are held.
    const pending: { readonly part: Part; readonly depth: number }[] = [{ part: root, depth: 0 }];
    let seen = 0;
    for (let next = pending.pop(); next; next = pending.pop()) {
      const { part, depth } = next;
      if (++seen > this.#rules.partsMax) {
        this.complete = false;
        return;
      }
      const within = await this.#atPart(part, depth);
      if (within) pending.push({ part: within, depth: depth + 1 });
      pending.push(...part.children.toReversed().map((child) => ({ part: child, depth })));
    }
  }

  /** Looks at one part; gives the root of the message that it holds, where the walk did not enter it. */
  async #atPart(part: Part, depth: number): Promise<Part | undefined> {
    const { extensions, types } = this.#rules;
    const { names, whole } = namesOf(part);
    if (!whole || isAmbiguous(part) || OPAQUE_TYPES.has(part.contentType)) this.complete = false;
    if (OPAQUE_ENCODINGS.has(part.transferEncoding)) this.complete = false;
    if (names.some((name) => hasExtension(name, extensions)) || types.has(part.contentType)) {
      this.refused = "this kind of attachment";
    }
    const isMessage = holdsMessage(part, names);
    if (isUnseen(part) && !isMessage) this.complete = false;
    if (part.children.length > 0) return undefined;
    const declaredZip = ZIP_TYPES.has(part.contentType) || names.some(isZipName);
    const { type, zip } = await this.#read(part, declaredZip);
    if (type !== undefined && types.has(type)) this.refused = "this kind of attachment";
    if ((names.length > 0 || type !== undefined) && this.files.length < FILES_LISTED_MAX) {
      const name = (names[0] ?? "").slice(0, NAME_LISTED_MAX).toWellFormed();
      this.files.push({ name, type: type ?? part.contentType });
    }
    if (zip) this.#atZip(zip);
    return isMessage ? await this.#messageIn(part, depth) : undefined;
  }

  #atZip({ names, encrypted, complete }: ZipFindings): void {
    if (!complete) this.complete = false;
    const { extensions, refuseEncryptedZip, refuseNestedArchives } = this.#rules;
    // A name that ends with a slash is that of a folder.
    const files = names.filter((name) => !name.endsWith("/"));
    if (files.some((name) => hasExtension(name, extensions))) {
      this.refused = "this kind of file in an archive";
    }
    if (encrypted && refuseEncryptedZip) this.refused = "encrypted archives";
    if (refuseNestedArchives && files.some(isArchiveName)) this.refused = "archives in archives";
  }

  /** Reads the first octets of a part, and all of it where it is a zip archive. */
  async #read(
    part: Part,
    declaredZip: boolean,
  ): Promise<{ readonly type: string | undefined; readonly zip?: ZipFindings }> {
    const head = new Uint8Array(headBytes);
    let length = 0;
    let scan = declaredZip ? new ZipScan(this.#rules.entriesMax) : undefined;
    for await (const chunk of part.readDecoded()) {
      if (length < headBytes) {
        const more = chunk.subarray(0, headBytes - length);
        head.set(more, length);
        const before = length;
        length += more.length;
        if (!scan && length >= 4 && sniffType(head) === ZIP) {
          scan = new ZipScan(this.#rules.entriesMax);
          scan.update(head.slice(0, before));
        }
      }
      if (!scan && length >= headBytes) break;
      if (!scan) continue;
      this.#room -= chunk.length;
      if (this.#room < 0) {
        this.complete = false;
        break;
      }
      scan.update(chunk);
    }
    const type = sniffType(head.subarray(0, length));
    return scan ? { type, zip: scan.finish() } : { type };
  }

  /** The structure of the message that a part holds, decoded into memory within bounds. */
  async #messageIn(part: Part, depth: number): Promise<Part | undefined> {
    const room = Math.min(this.#room, MESSAGE_BYTES_MAX);
    const encodedBytes = part.end - part.bodyStart;
    // Told by its size before any of it is read: base64 makes three octets of four.
    const bytesMax = part.transferEncoding === "base64" ? Math.ceil(encodedBytes * 0.75) + 3 : encodedBytes;
    // Line ends in base64 are some 3 % more, so that one a little over is not given up for them.
    if (bytesMax * 0.9 > room || depth >= DEPTH_MAX) {
      this.complete = false;
      return undefined;
    }
    this.#leave ??= await this.#enter();
    const bytes = new Uint8Array(Math.min(bytesMax, room));
    let size = 0;
    for await (const chunk of part.readDecoded()) {
      if (size + chunk.length > bytes.length) {
        this.complete = false;
        return undefined;
      }
      bytes.set(chunk, size);
      size += chunk.length;
    }
    this.#room -= size;
    return (await Message.load(memoryContent(bytes.subarray(0, size)))).structure();
  }
}

/** Files that the fact lists: it is kept with each trace. */
const FILES_LISTED_MAX = 100;
const NAME_LISTED_MAX = 255;
/** One message within another that has to be decoded lies in memory whole, and so many of them at once. */
const MESSAGE_BYTES_MAX = 8 * 2 ** 20;
const DEPTH_MAX = 5;

const ZIP = "application/zip";
const ZIP_TYPES: ReadonlySet<string> = new Set([
  ZIP,
  "application/x-zip",
  "application/x-zip-compressed",
  "application/java-archive",
]);
const MESSAGE_TYPES: ReadonlySet<string> = new Set(["message/rfc822", "message/global"]);
/** RFC 2046 5.2.2: a piece of a message, which readers put together and nobody on the way can look into. */
const OPAQUE_TYPES: ReadonlySet<string> = new Set(["message/partial"]);
const DECODED: ReadonlySet<string> = new Set(["base64", "quoted-printable"]);
/** Encodings that some readers take off and that are not taken off here. */
const OPAQUE_ENCODINGS: ReadonlySet<string> = new Set(["x-uuencode", "x-uue", "uuencode", "x-yenc", "yenc"]);

/** Whether the part says two things of itself: readers differ in which they take, so one sees what we do not. */
function isAmbiguous(part: Part): boolean {
  return ["content-type", "content-transfer-encoding"].some((name) => {
    const [first, ...others] = part.header.all(name);
    return others.some(({ value }) => value.toLowerCase() !== first?.value.toLowerCase());
  });
}

/**
 * Whether the part holds a message that the walk did not enter: one that is encoded, against RFC 2046 5.2.1, or one
 * attached as a file. Readers open both.
 */
function holdsMessage(part: Part, names: readonly string[]): boolean {
  if (part.children.length > 0) return false;
  if (MESSAGE_TYPES.has(part.contentType)) return DECODED.has(part.transferEncoding);
  return names.some(isMessageName);
}

/**
 * Whether there may be parts that the walk did not find. A multipart that only lacks its last delimiter was seen
 * whole, and one without a body, as a bounce gives them with the header section alone, has nothing to see.
 */
function isUnseen(part: Part): boolean {
  if (!part.incomplete) return false;
  if (part.contentType.startsWith("multipart/") && part.children.length > 0) return false;
  return part.end - part.bodyStart > 4;
}
