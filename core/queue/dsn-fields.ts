/**
 * The fields of message/delivery-status (RFC 3464 2) and, where an address is not ASCII, of message/global-delivery-status
 * (RFC 6533 4): one block about the message and one for each recipient. What servers said and clients named goes through
 * `formatField` or `utf8Field`, so that none of it can end a field or a block.
 */
import { mailDate, type StoredMessage } from "../gateway/mod.ts";
import {
  type Address,
  addressOctets,
  domainToAscii,
  formatField,
  hasHiddenCharacter,
  pathText,
  type Reply,
} from "../mail/mod.ts";
import type { DsnKind, DsnRecipient } from "./dsn-types.ts";

const encoder = new TextEncoder();
/** Characters of a field that is written in UTF-8, which is not folded: three octets each still make no line of 998. */
const UTF8_VALUE_MAX = 320;
const controls = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;

/** The octets of a field in UTF-8 (RFC 6532 3.2), with CRLF at its end. Only for short values, as addresses. */
export function utf8Field(name: string, value: string): Uint8Array {
  return encoder.encode(
    `${name}: ${value.toWellFormed().slice(0, UTF8_VALUE_MAX).replace(controls, " ").trim()}\r\n`,
  );
}

/** Whether a text has nothing but ASCII. */
export const isAsciiText = (text: string): boolean => !/[^\0-\x7f]/.test(text);

/**
 * The recipient as the sender may know it: as it was when the message was accepted (RFC 3464 2.3.2). What our own aliases
 * and rewrites made of it is nobody else's business (RFC 3464 4.2).
 */
export function knownAddress({ original }: Pick<DsnRecipient, "original">, hostName: string): Address {
  if (original.domain !== "") return original;
  // RFC 5321 4.5.1: <postmaster>.
  return { ...original, text: `${original.text}@${hostName}`, domain: hostName, domainAscii: hostName };
}

/** The server in the form of RFC 3464 2.1.2, `dns`; undefined for what has no such name, as a unix socket. */
export function remoteName(server: string | undefined): string | undefined {
  const parts = /^(?:\[([^\]]{1,64})\]|([^:/]{1,255})):\d{1,5}$/.exec(server ?? "");
  const host = parts?.[1] ?? parts?.[2];
  if (host === undefined) return undefined;
  const octets = addressOctets(host);
  if (octets) return octets.length === 4 ? `[${host}]` : `[IPv6:${host}]`;
  return domainToAscii(host);
}

/** The status code of RFC 3463: the reply's own, where its class is one that the kind may have (RFC 3464 2.3.4). */
export function statusOf(kind: DsnKind, reply: Reply | undefined): string {
  // A recipient given up after 4xx replies has failed with them.
  const classes = { failed: "54", delayed: "4", delivered: "2", relayed: "2" }[kind];
  const { enhanced = "", code = 0 } = reply ?? {};
  if (/^[245]\.\d{1,3}\.\d{1,3}$/.test(enhanced) && classes.includes(enhanced.charAt(0))) return enhanced;
  const own = String(Math.floor(code / 100));
  return `${classes.includes(own) ? own : classes.charAt(0)}.0.0`;
}

/** A reply as one line, in the words of who gave it. */
export function replyLine({ code, enhanced, text }: Reply): string {
  return `${code} ${enhanced === "" ? "" : `${enhanced} `}${text}`;
}

/** What the fields tell. */
export interface StatusFacts {
  readonly hostName: string;
  readonly message: Pick<StoredMessage, "id" | "receivedAt" | "parameters" | "identity" | "client" | "ehlo">;
  readonly recipients: readonly DsnRecipient[];
  readonly kind: DsnKind;
  /** Whether to write message/global-delivery-status. */
  readonly utf8: boolean;
}

/** The octets of the body of the part. */
export function statusFields(facts: StatusFacts): readonly Uint8Array[] {
  const { hostName, message, recipients } = facts;
  const { envid } = message.parameters;
  const sender = senderName(message);
  const fields: Uint8Array[] = [
    ...(isEnvelopeId(envid) ? [formatField("Original-Envelope-Id", envid)] : []),
    formatField("Reporting-MTA", `dns; ${hostName}`),
    ...(sender === undefined ? [] : [formatField("Received-From-MTA", `dns; ${sender}`)]),
    formatField("Arrival-Date", mailDate(message.receivedAt)),
  ];
  for (const recipient of recipients)
    fields.push(encoder.encode("\r\n"), ...recipientFields(facts, recipient));
  return fields;
}

/** RFC 3461 4.4: printable ASCII; a field without a value would be none. */
function isEnvelopeId(envid: string | undefined): envid is string {
  return envid !== undefined && /^[ -~]+$/.test(envid) && envid.trim() !== "";
}

/** The name that the server gave from which the message came. That of a user's own machine is kept to ourselves. */
function senderName({ identity, client, ehlo }: StatusFacts["message"]): string | undefined {
  return identity === undefined && client.ip !== "" ? domainToAscii(ehlo) : undefined;
}

function recipientFields(
  { hostName, message, kind, utf8 }: StatusFacts,
  recipient: DsnRecipient,
): readonly Uint8Array[] {
  const { reply, server, attemptedAt, retryUntil } = recipient;
  const address = pathText(knownAddress(recipient, hostName));
  const remote = remoteName(server);
  return [
    ...originalRecipient(recipient.parameters.orcpt, utf8),
    isAsciiText(address)
      ? formatField("Final-Recipient", `rfc822; ${address}`)
      : utf8Field("Final-Recipient", `utf-8; ${address}`),
    formatField("Action", kind),
    formatField("Status", statusOf(kind, reply)),
    ...(remote === undefined ? [] : [formatField("Remote-MTA", `dns; ${remote}`)]),
    ...(reply === undefined
      ? []
      : [
          formatField(
            "Diagnostic-Code",
            `${server === undefined ? "x-postern" : "smtp"}; ${replyLine(reply)}`,
          ),
        ]),
    formatField("Last-Attempt-Date", mailDate(attemptedAt)),
    formatField("Final-Log-ID", message.id),
    ...(kind === "delayed" && retryUntil !== undefined
      ? [formatField("Will-Retry-Until", mailDate(retryUntil))]
      : []),
  ];
}

/** ORCPT as the client gave it, and only then (RFC 3464 2.3.1). */
function originalRecipient(orcpt: string | undefined, utf8: boolean): readonly Uint8Array[] {
  const [, type, address] = /^([A-Za-z0-9!#$%&'*\-/?^_`{|}~]{1,64});(.+)$/s.exec(orcpt ?? "") ?? [];
  if (type === undefined || address === undefined) return [];
  const decoded = utf8 && type.toLowerCase() === "utf-8" ? from7Bit(address) : address;
  const value = `${type}; ${decoded}`;
  return [
    utf8 && !isAsciiText(value)
      ? utf8Field("Original-Recipient", value)
      : formatField("Original-Recipient", value),
  ];
}

/** The address behind "\x{E9}" and the like (RFC 6533 3), or as it is where that would hide something. */
function from7Bit(address: string): string {
  const decoded = address.replace(/\\x\{([0-9A-F]{2,6})\}/g, (written, hex: string) => {
    const point = Number.parseInt(hex, 16);
    return point > 0x7f && point <= 0x10ffff ? String.fromCodePoint(point) : written;
  });
  return hasHiddenCharacter(decoded) ? address : decoded;
}
