/**
 * What the memory spool keeps of a message: the JSON of it as a durable engine would write it, its octets, and a row for
 * each recipient. Copies go in and copies come out, so that no caller holds what the spool holds.
 */
import {
  SpoolFault,
  type SpoolFilter,
  type SpoolMessage,
  type SpoolRecipient,
  type SpoolState,
  type StoredMessage,
} from "../gateway/mod.ts";
import { type Address, addressKey, type Content, memoryContent, type Reply } from "../mail/mod.ts";

/** A stored message. */
export interface StoredRows {
  readonly id: string;
  readonly reversePath: string;
  readonly receivedAt: number;
  /** All but octets and recipients. */
  readonly json: string;
  readonly traceField: Uint8Array;
  readonly content: Uint8Array;
  /** The replacement of each edit. */
  readonly replacements: readonly Uint8Array[];
  readonly bytes: number;
  readonly rows: Map<number, Row>;
}

/** A recipient in the spool. */
export interface Row {
  readonly message: StoredRows;
  readonly id: string;
  readonly recipient: number;
  readonly forwardPath: string;
  readonly given: Omit<SpoolRecipient, "state" | "reason" | "lastReply" | "destination" | "nextAt">;
  destination: string;
  state: SpoolState;
  attempts: number;
  nextAt: number;
  lapsed: boolean;
  lastReply: Reply | undefined;
  reason: string | undefined;
  by: { readonly who: string; readonly did: "hold" | "release"; readonly at: number } | undefined;
  /** Present just while leased. */
  lease: { readonly token: string; readonly owner: string; expiresAt: number } | undefined;
}

/** Octets that a message takes, by what it says of itself. */
export const takenBytes = ({ content, traceField, edits }: SpoolMessage): number =>
  edits.reduce((sum, { replacement }) => sum + replacement.size, content.size + traceField.length);

/** Reads a message in, whole. Rejects when it is not what it says. */
export async function copyMessage(given: SpoolMessage, signal: AbortSignal | undefined): Promise<StoredRows> {
  const { content, traceField, edits, recipients, ...rest } = given;
  if (recipients.length === 0) throw new SpoolFault("EINVAL", "a message without recipients");
  const replacements: Uint8Array[] = [];
  for (const { replacement } of edits) replacements.push(await copyContent(replacement, signal));
  const message: StoredRows = {
    id: given.id,
    reversePath: given.reversePath ? addressKey(given.reversePath) : "",
    receivedAt: given.receivedAt,
    json: JSON.stringify({ ...rest, edits: edits.map(({ replacement: _, ...edit }) => edit) }),
    traceField: traceField.slice(),
    content: await copyContent(content, signal),
    replacements,
    bytes: takenBytes(given),
    rows: new Map(),
  };
  const own = JSON.parse(JSON.stringify(recipients)) as readonly SpoolRecipient[];
  own.forEach((each, recipient) => {
    const { state, reason, lastReply, destination, nextAt, ...kept } = each;
    message.rows.set(recipient, {
      message,
      id: given.id,
      recipient,
      forwardPath: addressKey(each.forwardPath as Address),
      given: kept,
      destination,
      state,
      attempts: 0,
      nextAt,
      lapsed: false,
      lastReply,
      reason,
      by: undefined,
      lease: undefined,
    });
  });
  return message;
}

/** A message as it was put, its contents opened anew. */
export function openMessage(message: StoredRows): StoredMessage {
  const read = JSON.parse(message.json) as StoredMessage;
  return {
    ...read,
    traceField: message.traceField.slice(),
    content: memoryContent(message.content),
    edits: read.edits.map((edit, i) => ({ ...edit, replacement: memoryContent(message.replacements[i]!) })),
  };
}

/** Whether a recipient meets all conditions. */
export function meets(row: Row, filter: SpoolFilter): boolean {
  const { id, recipient, state, destination, reversePath, forwardPath, receivedBefore } = filter;
  return (
    (id === undefined || row.id === id) &&
    (recipient === undefined || row.recipient === recipient) &&
    (state === undefined || row.state === state) &&
    (destination === undefined || row.destination === destination) &&
    (reversePath === undefined || isMeant(row.message.reversePath, reversePath)) &&
    (forwardPath === undefined || isMeant(row.forwardPath, forwardPath)) &&
    (receivedBefore === undefined || row.message.receivedAt < receivedBefore)
  );
}

const isMeant = (path: string, meant: string): boolean =>
  meant.startsWith("@")
    ? path.endsWith(meant) && path.lastIndexOf("@") === path.length - meant.length
    : path === meant;

/** The octets, copied as they are streamed: a content that is longer or shorter than it said is not the message. */
async function copyContent(content: Content, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const whole = new Uint8Array(content.size);
  let at = 0;
  for await (const chunk of content.read()) {
    signal?.throwIfAborted();
    if (at + chunk.length > whole.length) throw new SpoolFault("EINVAL", "content is longer than its size");
    whole.set(chunk, at);
    at += chunk.length;
  }
  if (at < whole.length) throw new SpoolFault("EINVAL", "content is shorter than its size");
  return whole;
}
