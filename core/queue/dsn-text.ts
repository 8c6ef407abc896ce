/**
 * What a DSN says to people: to whom the message did not go, or did, and what the server said, in plain words. It is a
 * text of its own; machines read the fields of dsn-fields.ts. Words of others are quoted, without characters that a
 * reader does not see.
 */
import { mailDate } from "../gateway/mod.ts";
import { hasHiddenCharacter, pathText } from "../mail/mod.ts";
import { isAsciiText, knownAddress, remoteName, replyLine, type StatusFacts } from "./dsn-fields.ts";
import type { DsnKind, DsnRecipient } from "./dsn-types.ts";

/** Recipients that the text names; the fields name all. */
export const DSN_NAMED_MAX = 50;

const LINE_MAX = 72;
const SUBJECT_MAX = 200;
/** Characters of a word that is not parted: no line is longer than this and its indentation. */
const WORD_MAX = 400;

/** The Subject of each kind. */
export const DSN_SUBJECTS: { readonly [K in DsnKind]: string } = {
  failed: "Your message could not be delivered",
  delayed: "Your message is delayed",
  delivered: "Your message was delivered",
  relayed: "Your message was passed on",
};

const OPENINGS: { readonly [K in DsnKind]: string } = {
  failed: "Your message could not be delivered to the recipients below, and no further attempt is made.",
  delayed:
    "Your message has not been delivered yet to the recipients below. You need not send it again: attempts go on.",
  delivered: "You asked to be told: your message was delivered to the recipients below.",
  relayed:
    "You asked to be told: your message was passed on for the recipients below, to a server that does not tell whether it was delivered. You may hear no more of it.",
};

/** The text, its lines ended by CRLF. @param subject of the original, "" when it has none */
export function dsnText(
  { hostName, message, recipients, kind }: Omit<StatusFacts, "utf8">,
  subject: string,
): string {
  const more = recipients.length - DSN_NAMED_MAX;
  const lines = [
    ...wrapped(`This is the mail system of ${hostName}.`, ""),
    "",
    ...wrapped(OPENINGS[kind], ""),
    "",
    ...(subject === "" ? [] : wrapped(`Subject: ${shown(subject.slice(0, SUBJECT_MAX))}`, "")),
    `Received: ${mailDate(message.receivedAt)}`,
    `Reference: ${message.id}`,
    ...recipients.slice(0, DSN_NAMED_MAX).flatMap((one) => ["", ...recipientLines(one, kind, hostName)]),
    ...(more > 0 ? ["", `And ${more} more; all of them are in the report that comes with this text.`] : []),
  ];
  return lines.map((line) => `${line}\r\n`).join("");
}

function recipientLines(recipient: DsnRecipient, kind: DsnKind, hostName: string): readonly string[] {
  const { reply, server, failure, retryUntil } = recipient;
  const name = remoteName(server);
  const speaker =
    server === undefined ? "This mail system" : name === undefined ? "The next server" : `The server ${name}`;
  return [
    ...wrapped(`<${shown(addressText(recipient, hostName))}>`, ""),
    ...(reply === undefined ? [] : wrapped(`${speaker} said: ${shown(replyLine(reply))}`, "    ")),
    ...(failure === "lost"
      ? wrapped("It is not known whether that server took the message: it may have arrived.", "    ")
      : []),
    ...(kind === "delayed" && retryUntil !== undefined
      ? wrapped(`Attempts go on until ${mailDate(retryUntil)}.`, "    ")
      : []),
  ];
}

/** A person reads U-labels where the client wrote them. */
function addressText(recipient: DsnRecipient, hostName: string): string {
  const address = knownAddress(recipient, hostName);
  return isAsciiText(address.text) ? pathText(address) : address.text;
}

/** The text in one line, with a mark for each character that is not seen. */
function shown(text: string): string {
  let out = "";
  for (const character of text.replace(/[\s\u0085]+/g, " "))
    out += hasHiddenCharacter(character) ? "\ufffd" : character;
  return out.toWellFormed();
}

function wrapped(text: string, indentation: string): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").flatMap(parted)) {
    if (line !== "" && indentation.length + line.length + word.length >= LINE_MAX) {
      lines.push(indentation + line);
      line = word;
    } else line += `${line === "" ? "" : " "}${word}`;
  }
  return [...lines, indentation + line];
}

function parted(word: string): readonly string[] {
  return word.length <= WORD_MAX ? [word] : (word.match(/.{1,400}/gsu) ?? []);
}
