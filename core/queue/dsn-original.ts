/**
 * The third part of a DSN (RFC 6522 3, RFC 3461 4.3): the message it is about, or its header section. The message goes as
 * it came, and only where it is fit to be a body part in 7 or 8 bits; else its header section stands for it, mended: it
 * is there to be looked at, and no octet of it may be one that SMTP does not carry.
 */
import type { StoredMessage } from "../gateway/mod.ts";
import {
  type Content,
  encodeQuotedPrintable,
  joinContents,
  lineLengthMax,
  type Message,
  memoryContent,
  readAll,
} from "../mail/mod.ts";
import type { DsnKind } from "./dsn-types.ts";

/** Octets of a header section that are given back; it is cut at the end of a line. */
export const DSN_HEADER_BYTES_MAX = 65_536;

/** A body part: what to say of it, and its octets. */
export interface OriginalPart {
  readonly contentType: string;
  readonly transferEncoding: "7bit" | "8bit" | "quoted-printable";
  readonly content: Content;
}

const CR = 13;
const LF = 10;
const SPACE = 32;

/**
 * The part, or undefined where there is nothing to give back. The whole message goes where RET=FULL asks for it, the DSN
 * tells of a failure, and it has `contentBytesMax` octets at most. Who did not say gets the header section: what nobody
 * asked for is not sent. REQUIRETLS is RET=HDRS whatever else was said (RFC 8689 5).
 */
export async function originalPart(
  { parameters, traceField, content }: Pick<StoredMessage, "parameters" | "traceField" | "content">,
  original: Message,
  kind: DsnKind,
  contentBytesMax: number,
): Promise<OriginalPart | undefined> {
  const header = original.headerBytes.subarray(0, headerEnd(original));
  const wantsAll = parameters.ret === "FULL" && kind === "failed" && parameters.requireTls !== true;
  if (wantsAll && original.headerWhole && traceField.length + content.size <= contentBytesMax) {
    const whole = joinContents([memoryContent(traceField), content]);
    const form = await formOf(whole);
    if (form !== "unfit") {
      const isGlobal = form === "8bit" && !isAscii(header) && isUtf8(header);
      return {
        contentType: isGlobal ? "message/global" : "message/rfc822",
        transferEncoding: form,
        content: whole,
      };
    }
  }
  return headerPart([mended(traceField), mended(cutAtLine(header))], parameters.smtputf8 === true);
}

async function headerPart(
  fields: readonly Uint8Array[],
  smtputf8: boolean,
): Promise<OriginalPart | undefined> {
  const content = joinContents(fields.map(memoryContent));
  if (content.size === 0) return undefined;
  const bytes = await readAll(content);
  const fits = longestLine(bytes) <= lineLengthMax;
  if (fits && isAscii(bytes))
    return { contentType: "text/rfc822-headers", transferEncoding: "7bit", content };
  if (fits && smtputf8 && isUtf8(bytes))
    return { contentType: "message/global-headers", transferEncoding: "8bit", content };
  return {
    contentType: "text/rfc822-headers",
    transferEncoding: "quoted-printable",
    content: memoryContent(encodeQuotedPrintable(bytes)),
  };
}

/** Offset after the last field, before the empty line. */
function headerEnd({ headerBytes }: Message): number {
  const { length } = headerBytes;
  if (headerBytes[length - 1] !== LF) return length;
  const before = length - (headerBytes[length - 2] === CR ? 2 : 1);
  // A last line that is empty ends the section; a last field ends in a line end of its own.
  return before === 0 || headerBytes[before - 1] === LF ? before : length;
}

function cutAtLine(bytes: Uint8Array): Uint8Array {
  if (bytes.length <= DSN_HEADER_BYTES_MAX) return bytes;
  return bytes.subarray(0, bytes.lastIndexOf(LF, DSN_HEADER_BYTES_MAX - 1) + 1);
}

/** Each line end as CRLF, also the last; other controls than the tab as spaces. */
function mended(bytes: Uint8Array): Uint8Array {
  const lineEnds = bytes.reduce((count, octet) => (octet === LF ? count + 1 : count), 0);
  const out = new Uint8Array(bytes.length + lineEnds + 2);
  let end = 0;
  for (let at = 0; at < bytes.length; at++) {
    const octet = bytes[at] as number;
    if (octet === LF) {
      if (bytes[at - 1] === CR) end--;
      out[end++] = CR;
      out[end++] = LF;
    } else out[end++] = (octet < SPACE && octet !== 9) || octet === 127 ? SPACE : octet;
  }
  if (end > 0 && out[end - 1] !== LF) {
    out[end++] = CR;
    out[end++] = LF;
  }
  return out.subarray(0, end);
}

/** What a content is fit for: lines of 998 octets at most that end in CRLF, no NUL (RFC 2045 2.7, 2.8). */
async function formOf(content: Content): Promise<"7bit" | "8bit" | "unfit"> {
  let eightBit = false;
  let line = 0;
  let afterCr = false;
  for await (const chunk of content.read()) {
    for (const octet of chunk) {
      if (afterCr !== (octet === LF) || octet === 0) return "unfit";
      if (octet === LF) line = 0;
      else if (octet !== CR && ++line > lineLengthMax) return "unfit";
      if (octet > 127) eightBit = true;
      afterCr = octet === CR;
    }
  }
  if (afterCr) return "unfit";
  return eightBit ? "8bit" : "7bit";
}

function longestLine(bytes: Uint8Array): number {
  let longest = 0;
  for (let at = 0; at < bytes.length; ) {
    const found = bytes.indexOf(LF, at);
    const end = found < 0 ? bytes.length : found + 1;
    longest = Math.max(longest, end - at - 2);
    at = end;
  }
  return longest;
}

const isAscii = (bytes: Uint8Array): boolean => bytes.every((octet) => octet < 128);

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
