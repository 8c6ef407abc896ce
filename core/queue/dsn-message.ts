/**
 * Makes a delivery status notification: a multipart/report (RFC 6522) of a text for people, the fields for machines and
 * what is given back of the original (RFC 3461 6.2, RFC 3464, RFC 6533). It is a message of the origin `dsn` from the null
 * reverse-path, which goes through `route` and `delivery` as any other and is signed there. Whether there is to be one is
 * decided in dsn-decision.ts.
 */
import { mailDate, type SpoolMessage, type StoredMessage } from "../gateway/mod.ts";
import {
  type Address,
  encodeQuotedPrintable,
  formatField,
  formatFoldedField,
  type HeaderView,
  joinContents,
  Message,
  memoryContent,
  pathText,
} from "../mail/mod.ts";
import { isAsciiText, knownAddress, statusFields, utf8Field } from "./dsn-fields.ts";
import { type OriginalPart, originalPart } from "./dsn-original.ts";
import { DSN_SUBJECTS, dsnText } from "./dsn-text.ts";
import type { DsnKind, DsnRecipient } from "./dsn-types.ts";

/** What a DSN is made of. */
export interface DsnRequest {
  /** Our name, in the fields and in Message-ID. */
  readonly hostName: string;
  /** Who people may answer to, as "postmaster@example.com". */
  readonly from: string;
  /** The trace id of the DSN. */
  readonly id: string;
  /** Epoch milliseconds. */
  readonly now: number;
  /** Nobody could have guessed it: the original may hold any line that can be foreseen. */
  readonly boundary: string;
  /** Hash of the config that makes it. */
  readonly config: string;
  /** Octets of an original that is given back whole. */
  readonly contentBytesMax: number;
  /** The original; its reverse-path is not null. */
  readonly message: StoredMessage;
  /** At least one. */
  readonly recipients: readonly DsnRecipient[];
  readonly kind: DsnKind;
}

const encoder = new TextEncoder();
/** What may stand in References without a second thought (RFC 5322 3.6.4). */
const MESSAGE_ID = /^<[!-;=?A-~]{1,250}@[!-;=?A-~]{1,250}>$/;

/**
 * Makes the DSN, ready to be stored. Its content is read from that of the original, which must be there until then.
 *
 * @throws RangeError when the reverse-path of the original is null; what the original's content throws
 */
export async function composeDsn(request: DsnRequest): Promise<SpoolMessage> {
  const { message, recipients, kind, hostName, id, now, config } = request;
  const { reversePath } = message;
  if (reversePath === null) throw new RangeError("no DSN goes to the null reverse-path");
  const original = await Message.load(message.content);
  const returned = await originalPart(message, original, kind, request.contentBytesMax);
  const utf8 = recipients.some((one) => !isAsciiText(pathText(knownAddress(one, hostName))));
  const content = joinContents([
    ...headerFields(request, reversePath, original.header).map(memoryContent),
    ...textPart(request, original.header.text("Subject") ?? ""),
    ...statusPart(request, utf8),
    ...(returned === undefined ? [] : part(request.boundary, returned)),
    memoryContent(encoder.encode(`\r\n--${request.boundary}--\r\n`)),
  ]);
  const needsUtf8 = !isAsciiText(pathText(reversePath));
  const needsEightBit = utf8 || needsUtf8 || returned?.transferEncoding === "8bit";
  return {
    id,
    origin: "dsn",
    receivedAt: now,
    // No listener took it, and no client gave it: it is ours, and has the rights of our own mail.
    listener: { name: "dsn", kind: "relay", address: "" },
    client: { ip: "", port: 0, trusted: true },
    ehlo: "",
    reversePath: null,
    parameters: {
      ...(needsEightBit ? { body: "8BITMIME" as const } : {}),
      ...(needsUtf8 ? { smtputf8: true } : {}),
      // RFC 8689 5: it is kept as safe as the message that it tells of.
      ...(message.parameters.requireTls === true ? { requireTls: true } : {}),
    },
    traceField: formatFoldedField("Received", [`by ${hostName} (Postern) id ${id};`, mailDate(now)]),
    content,
    edits: [],
    facts: {},
    trace: [
      { at: 0, event: "dsn", detail: `${kind}: message ${message.id}, recipients: ${recipients.length}` },
    ],
    config,
    recipients: [
      {
        forwardPath: reversePath,
        original: reversePath,
        parameters: {},
        lineage: [],
        stage: "route",
        facts: {},
        destination: "",
        state: "due",
        nextAt: now,
      },
    ],
  };
}

function headerFields(
  { from, id, now, hostName, kind, boundary }: DsnRequest,
  to: Address,
  original: HeaderView,
): readonly Uint8Array[] {
  const path = pathText(to);
  const about = original.get("Message-ID") ?? "";
  return [
    formatField("From", `Mail Delivery System <${from}>`),
    isAsciiText(path) ? formatField("To", path) : utf8Field("To", path),
    formatField("Date", mailDate(now)),
    formatField("Subject", DSN_SUBJECTS[kind]),
    formatField("Message-ID", `<${id}@${hostName}>`),
    ...(MESSAGE_ID.test(about) ? [formatField("In-Reply-To", about), formatField("References", about)] : []),
    // RFC 3834 5: no robot is to answer.
    formatField("Auto-Submitted", "auto-replied"),
    formatField("MIME-Version", "1.0"),
    formatFoldedField("Content-Type", [
      "multipart/report; report-type=delivery-status;",
      `boundary="${boundary}"`,
    ]),
  ];
}

function textPart(request: DsnRequest, subject: string) {
  const text = dsnText(request, subject);
  const plain = isAsciiText(text);
  const octets = encoder.encode(text);
  return part(request.boundary, {
    contentType: `text/plain; charset=${plain ? "us-ascii" : "utf-8"}`,
    transferEncoding: plain ? "7bit" : "quoted-printable",
    content: memoryContent(plain ? octets : encodeQuotedPrintable(octets)),
  });
}

function statusPart(request: DsnRequest, utf8: boolean) {
  return part(request.boundary, {
    contentType: utf8 ? "message/global-delivery-status" : "message/delivery-status",
    transferEncoding: utf8 ? "8bit" : "7bit",
    content: joinContents(statusFields({ ...request, utf8 }).map(memoryContent)),
  });
}

/** A part with the delimiter before it; the line end before that is the delimiter's (RFC 2046 5.1.1). */
function part(boundary: string, { contentType, transferEncoding, content }: OriginalPart) {
  const encoding = transferEncoding === "7bit" ? "" : `Content-Transfer-Encoding: ${transferEncoding}\r\n`;
  return [
    memoryContent(encoder.encode(`\r\n--${boundary}\r\nContent-Type: ${contentType}\r\n${encoding}\r\n`)),
    content,
  ];
}
