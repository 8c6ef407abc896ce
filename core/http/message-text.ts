/** What a person reads of a message: decoded subject, From, text parts, and the names of what is attached. Bounded. */
import { type Content, Message, type Part } from "../mail/mod.ts";

/** The fields that a list shows; "" when absent. */
export interface MessageHeading {
  readonly subject: string;
  readonly headerFrom: string;
}

/** One text part; HTML stays source text. */
export interface TextPart {
  readonly path: string;
  readonly contentType: string;
  readonly text: string;
  /** True when text is left out for the bound. */
  readonly truncated: boolean;
}

/** One part that is not shown as text. */
export interface OtherPart {
  readonly path: string;
  readonly contentType: string;
  readonly fileName?: string;
  /** Octets in the message, before decoding. */
  readonly bytes: number;
}

/** A message as text. */
export interface MessageText extends MessageHeading {
  /** The header section as it stands, within 64 Ki characters; octets that are not UTF-8 read as U+FFFD. */
  readonly header: string;
  readonly headerTruncated: boolean;
  readonly headerTo: string;
  readonly date: string;
  readonly parts: readonly TextPart[];
  readonly others: readonly OtherPart[];
  /** True where parts are missing here: more than the bound, or a broken structure. */
  readonly incomplete: boolean;
}

/** Characters of all text parts together. */
const textMax = 262_144;
const headerMax = 65_536;
const fieldMax = 1_000;
const partsMax = 100;

/** Subject and From of kept content. */
export async function readHeading(content: Content): Promise<MessageHeading> {
  const { header } = await Message.load(content, { headerBytesMax: 65_536 });
  return { subject: bounded(header.text("subject")), headerFrom: bounded(header.text("from")) };
}

/** The whole of it, within 256 Ki characters of text and 100 parts. */
export async function readMessageText(content: Content): Promise<MessageText> {
  const message = await Message.load(content);
  const { header } = message;
  const leaves: Part[] = [];
  const incomplete = gather(await message.structure(), leaves);
  const parts: TextPart[] = [];
  const others: OtherPart[] = [];
  let left = textMax;
  for (const part of leaves) {
    const { path, contentType, fileName } = part;
    if (contentType.startsWith("text/") && part.disposition !== "attachment") {
      // One character more than is shown tells whether there is more.
      const text = left > 0 ? await part.text(left + 1) : "";
      const shown = text.slice(0, left);
      parts.push({ path, contentType, text: shown, truncated: text.length > shown.length || left === 0 });
      left -= shown.length;
    } else {
      others.push({
        path,
        contentType,
        ...(fileName === undefined ? {} : { fileName: bounded(fileName) }),
        bytes: part.end - part.bodyStart,
      });
    }
  }
  // A character more tells whether there is more; none takes over four octets.
  const source = new TextDecoder().decode(message.headerBytes.subarray(0, 4 * (headerMax + 1)));
  return {
    subject: bounded(header.text("subject")),
    headerFrom: bounded(header.text("from")),
    header: source.slice(0, headerMax),
    headerTruncated: source.length > headerMax,
    headerTo: bounded(header.text("to")),
    date: bounded(header.get("date")),
    parts,
    others,
    incomplete,
  };
}

/** Collects the leaves; true when some are missing. Depth is bounded by the walk itself. */
function gather(part: Part, leaves: Part[]): boolean {
  if (part.children.length === 0) {
    if (leaves.length >= partsMax) return true;
    leaves.push(part);
    return part.incomplete;
  }
  let incomplete = part.incomplete;
  for (const child of part.children) incomplete = gather(child, leaves) || incomplete;
  return incomplete;
}

function bounded(text: string | undefined): string {
  return (text ?? "").slice(0, fieldMax);
}
