/**
 * Plans edits of bodies: adding text to text parts in their own charset and transfer encoding, and removing parts.
 * Bodies are streamed; only what is added, and a text of up to 1 MiB whose charset must change, is held in memory.
 * Parts inside nested messages and attachments are left alone, as are parts in an encoding that is not known.
 */
import { canonicalName, charsetEncoder } from "./charset.ts";
import { type Content, memoryContent, readAll } from "./content.ts";
import { formatField } from "./header-field.ts";
import type { Message } from "./message.ts";
import type { Edit, Part, TextAddition } from "./message-view.ts";
import { MimePart } from "./mime-part.ts";
import { joinBytes } from "./piece-table.ts";
import { type BodyEnds, findBase64Group, findQuotedOffset, readBodyEnds } from "./text-position.ts";
import { encodeBase64, encodeQuotedPrintable } from "./transfer-encoding.ts";

/** An edit without its author and reason. */
export type PlannedEdit = Pick<Edit, "start" | "end" | "replacement" | "summary">;

/** Plans the addition of text to all inline text parts; last part first, so that offsets stay true when applied. */
export async function planText(
  message: Message,
  addition: TextAddition,
  side: "start" | "end",
): Promise<readonly PlannedEdit[]> {
  const root = (await message.structure()) as MimePart;
  const edits: PlannedEdit[] = [];
  for (const part of inlineTexts(root).reverse()) {
    edits.push(...(await planPart(part, message.content, addition, side)));
  }
  return edits;
}

/** Plans the removal of a part with the delimiter line before it. */
export function planRemoval(part: Part): PlannedEdit {
  if (!(part instanceof MimePart) || part.delimiterStart === undefined) {
    throw new Error(`part ${part.path || "(whole message)"} stands in no multipart and can not be removed`);
  }
  const summary = `removed part ${part.path} (${part.contentType})`;
  // RFC 2046 5.1.1: a multipart has at least one part.
  if (part.parent?.children.length === 1) {
    const replacement = memoryContent(encoder.encode("Content-Type: text/plain\r\n\r\n"));
    return { start: part.start, end: part.end, replacement, summary };
  }
  return { start: part.delimiterStart, end: part.delimiterNext, replacement: NOTHING, summary };
}

function inlineTexts(part: MimePart, found: MimePart[] = []): MimePart[] {
  if (part.contentType.startsWith("multipart/")) for (const child of part.children) inlineTexts(child, found);
  else if (/^text\/(?:plain|html)$/.test(part.contentType) && part.disposition !== "attachment")
    found.push(part);
  return found;
}

async function planPart(
  part: MimePart,
  content: Content,
  addition: TextAddition,
  side: "start" | "end",
): Promise<readonly PlannedEdit[]> {
  const coding = part.transferEncoding;
  const sevenBit = coding === "7bit";
  if (!sevenBit && !CODINGS.has(coding)) return [];
  const html = part.contentType === "text/html";
  const set = charsetEncoder(part.parameters.get("charset"));
  const ends = await readBodyEnds(part, content);
  const text = addedText(part, addition, side, ends, html, set.asciiCompatible ? 1 : 2);
  const at = html ? tagOffset(ends, side) : side === "start" ? 0 : undefined;

  let lost = 0;
  const encode = (added: string): Uint8Array => {
    const ascii = sevenBit ? charsetEncoder("us-ascii") : set;
    const encoded = ascii.encode(added, html ? (point) => `&#${point};` : () => "?");
    lost = html ? 0 : encoded.lost;
    return encoded.bytes;
  };
  const bytes = encode(text);
  if (lost > 0) {
    const rewritten = await planUtf8(part, content, text, side, ends);
    if (rewritten) return rewritten;
  }
  const where = side === "start" ? "beginning" : "end";
  const note = lost > 0 ? `; ${lost} characters that its charset lacks became "?"` : "";
  const summary = `added text at the ${where} of part ${part.path} (${part.contentType})${note}`;
  if (coding === "base64")
    return [{ ...(await base64Splice(part, content, at, text, encode, ends.size)), summary }];
  if (coding === "quoted-printable") return [{ ...(await quotedSplice(part, content, at, bytes)), summary }];
  // A message that ends with its header section has no empty line yet.
  const last = await readAll(content, Math.max(part.bodyStart - 2, 0), part.bodyStart);
  const noBody = part.bodyStart === content.size && !(await endsHeader(content, part.bodyStart));
  const lead = noBody ? encoder.encode(last.at(-1) === 10 || last.length === 0 ? "\r\n" : "\r\n\r\n") : EMPTY;
  const offset = at === undefined ? part.end : part.bodyStart + at;
  return [{ start: offset, end: offset, replacement: memoryContent(joinBytes([lead, bytes])), summary }];
}

type Range = Pick<Edit, "start" | "end" | "replacement">;

async function base64Splice(
  part: MimePart,
  content: Content,
  at: number | undefined,
  text: string,
  encode: (text: string) => Uint8Array,
  decodedSize: number,
): Promise<Range> {
  const lineEnd = (await lastOctet(part, content)) === 10;
  if (at !== undefined && at < decodedSize) {
    const group = await findBase64Group(part.readRawInTurn(), at);
    if (group) {
      const inGroup = at - group.decodedStart;
      const bytes = encodeAligned(text, encode);
      const joined = joinBytes([group.octets.subarray(0, inGroup), bytes, group.octets.subarray(inGroup)]);
      const encoded = encodeBase64(joined, false);
      // Of the padding, the group's own digits after the first "=" stay where they are.
      const padding = group.octets.length < 3 ? 2 - group.octets.length : 0;
      const lines = [group.start > 0 ? CRLF : EMPTY, encoded.subarray(0, encoded.length - padding)];
      if (group.octets.length === 3) lines.push(CRLF);
      return range(part, group.start, group.end, joinBytes(lines));
    }
  }
  const bytes = encode(text);
  const last = decodedSize > 0 ? await findBase64Group(part.readRawInTurn(), decodedSize - 1) : undefined;
  const size = part.end - part.bodyStart;
  if (last && last.octets.length < 3) {
    const encoded = encodeBase64(joinBytes([last.octets, bytes]), lineEnd);
    return range(part, last.start, size, joinBytes([last.start > 0 ? CRLF : EMPTY, encoded]));
  }
  return range(
    part,
    size,
    size,
    joinBytes([lineEnd || size === 0 ? EMPTY : CRLF, encodeBase64(bytes, lineEnd)]),
  );
}

/** Encodes text so that its octets fill whole base64 groups: what follows keeps its digits. Spaces fill up. */
function encodeAligned(text: string, encode: (text: string) => Uint8Array): Uint8Array {
  const end = text.endsWith("\r\n") ? text.length - 2 : text.length;
  for (let spaces = 0; spaces < 3; spaces++) {
    const bytes = encode(text.slice(0, end) + " ".repeat(spaces) + text.slice(end));
    if (bytes.length % 3 === 0) return bytes;
  }
  throw new Error("a space of 3 octets");
}

async function quotedSplice(
  part: MimePart,
  content: Content,
  at: number | undefined,
  bytes: Uint8Array,
): Promise<Range> {
  const size = part.end - part.bodyStart;
  const encoded = encodeQuotedPrintable(bytes);
  if (at === undefined) {
    const last = await lastOctet(part, content);
    const newLine = bytes[0] === 13;
    let lead = EMPTY;
    if (last === 61) lead = CRLF;
    else if (last !== 10 && size > 0 && !newLine) lead = SOFT_BREAK;
    return range(part, size, size, joinBytes([lead, encoded]));
  }
  const offset = Math.min(await findQuotedOffset(part.readRaw(), at), size);
  const closed = encoded.at(-1) === 10;
  return range(
    part,
    offset,
    offset,
    joinBytes([offset > 0 ? SOFT_BREAK : EMPTY, encoded, closed ? EMPTY : SOFT_BREAK]),
  );
}

/** A text whose charset or 7-bit encoding can not hold the addition becomes UTF-8 in quoted-printable, when small. */
async function planUtf8(
  part: MimePart,
  content: Content,
  text: string,
  side: "start" | "end",
  ends: BodyEnds,
): Promise<readonly PlannedEdit[] | undefined> {
  // Without an empty line there is no body to replace.
  if (ends.size > REWRITTEN_BYTES_MAX || !(await endsHeader(content, part.bodyStart))) return undefined;
  const held: Uint8Array[] = [];
  for await (const chunk of part.readDecoded()) held.push(chunk);
  const name = canonicalName(part.parameters.get("charset"));
  let old: string;
  try {
    old = new TextDecoder(name === "us-ascii" || name === "" ? "utf-8" : name, STRICT).decode(
      joinBytes(held),
    );
  } catch {
    return undefined;
  }
  const whole = encoder.encode(side === "start" ? text + old : old + text);
  const summary = `added text to part ${part.path} (${part.contentType}), which became UTF-8`;
  const body = memoryContent(encodeQuotedPrintable(whole));
  const type = part.header.get("content-type") ?? "text/plain";
  const charset = /;\s*charset\*?\d*\*?\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;]*)/gi;
  const fields: [string, string][] = [
    ["Content-Type", `${withoutTail(type.replace(charset, ""))}; charset=utf-8`],
    ["Content-Transfer-Encoding", "quoted-printable"],
  ];
  if (part.start === 0 && !part.header.get("mime-version")) fields.push(["MIME-Version", "1.0"]);
  const edits = fields.map(([field, value]): PlannedEdit => {
    const present = part.header.all(field)[0];
    const start = part.start + (present?.start ?? 0);
    const replacement = memoryContent(formatField(field, value));
    return {
      start,
      end: start + (present?.bytes.length ?? 0),
      replacement,
      summary: `${field} for ${summary}`,
    };
  });
  edits.sort((a, b) => b.start - a.start || b.end - a.end);
  return [{ start: part.bodyStart, end: part.end, replacement: body, summary }, ...edits];
}

/** The text as it is to stand there, with the line ends that keep it apart from the old. */
function addedText(
  part: MimePart,
  addition: TextAddition,
  side: "start" | "end",
  ends: BodyEnds,
  html: boolean,
  unit: 1 | 2,
): string {
  if (html) return toLineEnds(addition.html ?? htmlOf(addition.plain));
  const plain = toLineEnds(addition.plain);
  if (side === "start") return plain.endsWith("\n") ? plain : `${plain}\r\n`;
  const last = ends.tail.subarray(-unit);
  const atLineStart = ends.size === 0 || last.includes(10);
  const text = atLineStart ? plain : `\r\n${plain}`;
  // The message itself ends with a line end; inside a multipart the line end before the delimiter is not the part's.
  return part.parent === undefined && !text.endsWith("\n") ? `${text}\r\n` : text;
}

function toLineEnds(text: string): string {
  return text.replace(/\r\n?|\n/g, "\r\n");
}

function htmlOf(plain: string): string {
  const escaped = plain.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
  return `<p>${escaped.trim().replace(/\r\n?|\n/g, "<br>\n")}</p>\n`;
}

/** Decoded offset after `<body ...>` or before `</body>` (or `</html>`); undefined is the end. */
function tagOffset(ends: BodyEnds, side: "start" | "end"): number | undefined {
  if (side === "start") {
    const head = latin1(ends.head);
    const tag = /<body(?=[\s>/])/.exec(head);
    const close = tag ? head.indexOf(">", tag.index) : -1;
    return close + 1;
  }
  const tail = latin1(ends.tail);
  const body = tail.lastIndexOf("</body");
  const found = body >= 0 ? body : tail.lastIndexOf("</html");
  return found < 0 ? undefined : ends.size - ends.tail.length + found;
}

/** One character for each octet, ASCII letters in lower case (others may change their length). */
function latin1(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes).replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function range(part: MimePart, start: number, end: number, bytes: Uint8Array): Range {
  return { start: part.bodyStart + start, end: part.bodyStart + end, replacement: memoryContent(bytes) };
}

async function lastOctet(part: MimePart, content: Content): Promise<number | undefined> {
  return part.end > part.bodyStart ? (await readAll(content, part.end - 1, part.end))[0] : undefined;
}

async function endsHeader(content: Content, bodyStart: number): Promise<boolean> {
  const before = await readAll(content, Math.max(bodyStart - 4, 0), bodyStart);
  const lines = new TextDecoder("latin1").decode(before);
  return /(?:^|\n)\r?\n$/.test(lines);
}

const encoder = new TextEncoder();
const EMPTY = new Uint8Array(0);
const NOTHING = memoryContent(EMPTY);
const CRLF = Uint8Array.of(13, 10);
const SOFT_BREAK = Uint8Array.of(61, 13, 10);
const CODINGS = new Set(["8bit", "binary", "base64", "quoted-printable"]);
const STRICT = { fatal: true, ignoreBOM: true };
const REWRITTEN_BYTES_MAX = 1_048_576;

/** A field's value without the white space and semicolons at its end. Backward, as a pattern would try each white space. */
function withoutTail(value: string): string {
  let end = value.length;
  while (end > 0 && (value[end - 1] === ";" || value[end - 1]!.trim() === "")) end--;
  return value.slice(0, end);
}
