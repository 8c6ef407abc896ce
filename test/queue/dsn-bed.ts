/** What the tests of DSNs share: a message that somebody sent, its recipients, and the DSN as octets and as a tree. */
import assert from "node:assert/strict";
import type { SpoolMessage, StoredMessage } from "../../core/gateway/mod.ts";
import { Message, makeReply, memoryContent, type Part, type Reply } from "../../core/mail/mod.ts";
import { composeDsn, type DsnRequest } from "../../core/queue/dsn-message.ts";
import type { DsnRecipient } from "../../core/queue/dsn-types.ts";
import { address, bytes, message, octetsOf } from "../gateway/spool-fixtures.ts";

/** 2026-01-05 10:00 UTC. */
export const RECEIVED = Date.UTC(2026, 0, 5, 10, 0, 0);
export const NOW = RECEIVED + 3_600_000;
export const BOUNDARY = "=_boundary";

export const ORIGINAL = [
  "From: Ann <ann@example.com>",
  "To: bob@example.org",
  "Subject: Lunch",
  "Message-ID: <1@example.com>",
  "",
  "At noon?",
  "",
].join("\r\n");

/** The message as it was stored: from ann@example.com, received at RECEIVED. */
export function stored(changes: Partial<StoredMessage> = {}): StoredMessage {
  const { recipients: _, ...made } = message(1, {
    id: "0original00000",
    receivedAt: RECEIVED,
    ehlo: "client.example",
    traceField: bytes("Received: from client.example by mx.example.net; Mon, 5 Jan 2026 10:00:00 +0000\r\n"),
    content: memoryContent(bytes(ORIGINAL)),
  });
  return { ...made, ...changes };
}

/** A recipient whom the server at 192.0.2.7 refused. */
export function refused(forwardPath: string, changes: Partial<DsnRecipient> = {}): DsnRecipient {
  return {
    recipient: 0,
    forwardPath: address(forwardPath),
    original: address(forwardPath),
    parameters: {},
    reply: makeReply(550, "1.1", "No such user here"),
    server: "192.0.2.7:25",
    failure: "reply",
    attemptedAt: NOW - 1_000,
    ...changes,
  };
}

/** A recipient of whom no server said anything; `reply` is our own. */
export function ownWords(forwardPath: string, reply?: Reply): DsnRecipient {
  const { server: _, reply: __, ...rest } = refused(forwardPath);
  return { ...rest, ...(reply ? { reply } : {}) };
}

/** A request for a DSN of bob@example.org's refusal. */
export function request(changes: Partial<DsnRequest> = {}): DsnRequest {
  return {
    hostName: "mx.example.net",
    from: "postmaster@example.net",
    id: "0dsn0000000000",
    now: NOW,
    boundary: BOUNDARY,
    config: "0123456789ab",
    contentBytesMax: 65_536,
    message: stored(),
    recipients: [refused("bob@example.org")],
    kind: "failed",
    ...changes,
  };
}

/** A DSN, its octets as Latin-1, and its parts by our own walk. */
export interface Made {
  readonly dsn: SpoolMessage;
  readonly octets: Uint8Array;
  readonly text: string;
  readonly parts: readonly Part[];
  readonly message: Message;
}

/** Makes one and checks what holds for each: fit for SMTP, and a report of whole parts. */
export async function compose(changes: Partial<DsnRequest> = {}): Promise<Made> {
  const dsn = await composeDsn(request(changes));
  const octets = await octetsOf(dsn.content);
  assert.equal(octets.length, dsn.content.size);
  const text = Buffer.from(octets).toString("latin1");
  assert.doesNotMatch(text, /\0|\r(?!\n)|(?<!\r)\n/, "line ends are CRLF, and there is no NUL");
  assert.ok(text.split("\r\n").every((line) => line.length <= 998));
  assert.equal(dsn.parameters.body === "8BITMIME" || /^[\x00-\x7f]*$/.test(text), true, "8-bit is announced");
  const whole = await Message.load(memoryContent(octets));
  const root = await whole.structure();
  assert.equal(root.contentType, "multipart/report");
  assert.equal(root.parameters.get("report-type"), "delivery-status");
  assert.equal(root.incomplete, false);
  return { dsn, octets, text, parts: root.children, message: whole };
}

/** The body of a part, decoded, as UTF-8. */
export async function bodyOf(part: Part | undefined): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of part?.readDecoded() ?? []) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

/** The blocks of the status part: each a list of "Name: value", unfolded. */
export async function blocksOf({ parts }: Made): Promise<readonly (readonly string[])[]> {
  const body = await bodyOf(parts[1]);
  return body
    .replace(/\r\n(?=[ \t])/g, "")
    .split("\r\n\r\n")
    .map((block) => block.split("\r\n").filter((line) => line !== ""));
}
