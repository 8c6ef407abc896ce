/**
 * One view over two sources: traces, which are bounded by age and size, and the built-in mailbox, which outlives them
 * and has the content. Joined by id, newest first. It only reads.
 */
import type { TraceStore } from "../gateway/mod.ts";
import type { Content, Reply } from "../mail/mod.ts";
import type { Origin, TraceRecipient, TraceRecord } from "../pipeline/mod.ts";
import { type DecidedBy, decidingStep } from "./deciding-step.ts";
import { type MessageText, readHeading, readMessageText } from "./message-text.ts";

/** A delivery kept in the mailbox. */
export interface KeptMessage {
  /** "" for the null reverse-path. */
  readonly reversePath: string;
  readonly recipients: readonly string[];
  /** Epoch milliseconds. */
  readonly receivedAt: number;
}

/** Reads the built-in mailbox: what core/relay's mailbox driver offers. */
export interface MailboxReader {
  open(id: string): Promise<(KeptMessage & { readonly content: Content }) | undefined>;
  /** Newest first, those with an id below `before`. Ids of second and later deliveries of one message end in `.N`. */
  list(options: {
    readonly before?: string;
    readonly limit: number;
  }): Promise<readonly (KeptMessage & { readonly id: string; readonly size: number })[]>;
}

/** One line of the list. */
export interface MessageItem {
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly receivedAt: string;
  /** Absent when only the mailbox still knows the message. */
  readonly origin?: Origin;
  readonly reversePath: string;
  /** The list as JSON has the first 20 of them. */
  readonly recipients: readonly TraceRecipient[];
  /** How many there are in all. */
  readonly recipientCount: number;
  readonly headerFrom: string;
  readonly subject: string;
  /** Absent when no content came. */
  readonly messageBytes?: number;
  readonly outcome: TraceRecord["outcome"];
  /** The answer to the message; absent when none was given, or only the mailbox still knows the message. */
  readonly reply?: Reply;
  /** Who decided the outcome; absent when the trace does not tell. */
  readonly decidedBy?: DecidedBy;
  /** Whether the mailbox keeps its content. */
  readonly stored: boolean;
}

/** A page of the list; `next` is the `before` of the following one, absent at the end. */
export interface MessagePage {
  readonly messages: readonly MessageItem[];
  readonly next?: string;
}

/** A copy kept in the mailbox, as delivered. */
export interface MessageCopy {
  readonly id: string;
  readonly reversePath: string;
  readonly recipients: readonly string[];
  readonly bytes: number;
}

/** All that is known of one message. */
export interface MessageDetail extends MessageItem {
  readonly edits: TraceRecord["edits"];
  /** Absent when it has expired. */
  readonly trace?: TraceRecord;
  readonly copies: readonly MessageCopy[];
  /** The text of the first copy. */
  readonly text?: MessageText;
}

/** Entries of one page at most. */
export const pageItemsMax = 200;
/** Copies of one message that are looked for: deliveries to different mailboxes or with different edits. */
const copiesMax = 10;

/** Lists and finds messages. */
export interface MessageIndex {
  list(limit: number, before?: string): Promise<MessagePage>;
  find(id: string): Promise<MessageDetail | undefined>;
  /** The bytes as delivered of the first copy; undefined when none is kept. */
  content(id: string): Promise<Content | undefined>;
}

export function createMessageIndex(traces: TraceStore, mailbox?: MailboxReader): MessageIndex {
  async function list(limit: number, before?: string): Promise<MessagePage> {
    const range = { limit: Math.min(limit, pageItemsMax) + 1, ...(before === undefined ? {} : { before }) };
    const [records, kept] = await Promise.all([traces.list(range), mailbox?.list(range) ?? []]);
    const byId = new Map<
      string,
      { record?: TraceRecord; kept?: KeptMessage & { id: string; size: number } }
    >();
    for (const record of records) byId.set(record.id, { record });
    for (const entry of kept) {
      const id = messageId(entry.id);
      byId.set(id, { ...byId.get(id), kept: entry });
    }
    // Below the end of a list that was cut, the other list alone would tell half the truth.
    let horizon = "";
    for (const cut of [records, kept]) {
      const last = cut.at(-1);
      if (last && cut.length >= range.limit && messageId(last.id) > horizon) horizon = messageId(last.id);
    }
    const whole = [...byId.keys()].filter((id) => id >= horizon).sort((a, b) => (a < b ? 1 : -1));
    const ids = whole.slice(0, range.limit - 1);
    const messages: MessageItem[] = [];
    for (const id of ids) {
      const { record, kept } = byId.get(id)!;
      if (record) messages.push(recordItem(record, kept !== undefined));
      else if (kept) messages.push(await keptItem(id, kept));
    }
    const next = whole.length > ids.length || horizon !== "" ? ids.at(-1) : undefined;
    return next === undefined ? { messages } : { messages, next };
  }

  async function keptItem(
    id: string,
    kept: KeptMessage & { id: string; size: number },
  ): Promise<MessageItem> {
    const opened = await mailbox?.open(kept.id);
    const heading = opened ? await readHeading(opened.content) : { subject: "", headerFrom: "" };
    return {
      id,
      receivedAt: iso(kept.receivedAt),
      reversePath: kept.reversePath,
      recipients: kept.recipients.map((forwardPath) => ({ forwardPath, outcome: "delivered" })),
      recipientCount: kept.recipients.length,
      ...heading,
      messageBytes: kept.size,
      outcome: "accepted",
      stored: true,
    };
  }

  /** The copies of a message; an id that names one copy gives that one. */
  async function copiesOf(id: string, max = copiesMax) {
    const found: { readonly id: string; readonly kept: KeptMessage & { readonly content: Content } }[] = [];
    if (!mailbox) return found;
    const ids =
      messageId(id) === id ? Array.from({ length: copiesMax }, (_, at) => copyId(id, at + 1)) : [id];
    for (const copy of ids) {
      const kept = await mailbox.open(copy);
      if (kept) found.push({ id: copy, kept });
      if (found.length === max) break;
    }
    return found;
  }

  async function find(id: string): Promise<MessageDetail | undefined> {
    const [trace, copies] = await Promise.all([traces.get(messageId(id)), copiesOf(id)]);
    const first = copies[0];
    const size = first?.kept.content.size ?? 0;
    const item = trace
      ? recordItem(trace, first !== undefined)
      : first && (await keptItem(messageId(id), { ...first.kept, id: first.id, size }));
    if (!item) return undefined;
    return {
      ...item,
      edits: trace?.edits ?? [],
      ...(trace ? { trace } : {}),
      copies: copies.map(({ id, kept }) => ({
        id,
        reversePath: kept.reversePath,
        recipients: kept.recipients,
        bytes: kept.content.size,
      })),
      ...(first ? { text: await readMessageText(first.kept.content) } : {}),
    };
  }

  return {
    list,
    find,
    async content(id) {
      return (await copiesOf(id, 1))[0]?.kept.content;
    },
  };
}

function recordItem(record: TraceRecord, stored: boolean): MessageItem {
  const decidedBy = decidingStep(record)?.decidedBy;
  return {
    id: record.id,
    receivedAt: iso(record.startedAt),
    origin: record.origin,
    reversePath: record.reversePath,
    recipients: record.recipients,
    recipientCount: record.recipients.length,
    headerFrom: record.headerFrom ?? "",
    subject: record.subject ?? "",
    ...(record.messageBytes === undefined ? {} : { messageBytes: record.messageBytes }),
    outcome: record.outcome,
    ...(record.reply ? { reply: record.reply } : {}),
    ...(decidedBy ? { decidedBy } : {}),
    stored,
  };
}

/** The transaction's id of a delivery's: `ID` or `ID.2`. */
function messageId(id: string): string {
  const dot = id.indexOf(".");
  return dot < 0 ? id : id.slice(0, dot);
}

function copyId(id: string, number: number): string {
  return number === 1 ? id : `${id}.${number}`;
}

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
