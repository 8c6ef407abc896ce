/**
 * Every reply of the listener host in one table: verdicts of the engine by stage, and what the host says by itself
 * (RFC 5321 4.2, RFC 3463, RFC 5248). The octets of a reply are made here too.
 */
import type { Answer } from "../gateway/mod.ts";
import { makeReply, type Reply } from "../mail/mod.ts";

/** The command a reply answers. */
export type ReplyStage = "connect" | "ehlo" | "auth" | "mail" | "rcpt" | "data";

const WENT_WELL: { readonly [S in ReplyStage]: Reply } = {
  connect: { code: 220, enhanced: "", text: "" },
  ehlo: { code: 250, enhanced: "", text: "" },
  auth: { code: 235, enhanced: "2.7.0", text: "Authentication succeeded" },
  mail: { code: 250, enhanced: "2.1.0", text: "Sender ok" },
  rcpt: { code: 250, enhanced: "2.1.5", text: "Recipient ok" },
  data: { code: 250, enhanced: "2.0.0", text: "Message accepted" },
};

const REJECTED: { readonly [S in ReplyStage]: Reply } = {
  connect: { code: 554, enhanced: "5.7.1", text: "No service for you here" },
  ehlo: { code: 550, enhanced: "5.7.1", text: "Refused" },
  auth: { code: 535, enhanced: "5.7.8", text: "Authentication credentials invalid" },
  mail: { code: 550, enhanced: "5.7.1", text: "Sender refused" },
  rcpt: { code: 550, enhanced: "5.7.1", text: "Recipient refused" },
  data: { code: 554, enhanced: "5.7.1", text: "Message refused" },
};

/** Puts an answer of the engine into a reply. */
export function replyOf(stage: ReplyStage, answer: Answer): Reply {
  const base = baseOf(stage, answer);
  const code = answer.code ?? base.code;
  const enhanced = answer.enhanced === "" ? base.enhanced : answer.enhanced;
  return { code, enhanced: sameClass(code, enhanced), text: answer.text === "" ? base.text : answer.text };
}

function baseOf(stage: ReplyStage, answer: Answer): Reply {
  switch (answer.kind) {
    case "goOn":
    case "accepted":
      return WENT_WELL[stage];
    case "reject":
      return stage === "data" ? { ...REJECTED.data, code: dataRejectCode(answer.enhanced) } : REJECTED[stage];
    case "tempfail":
      return tempfailReply(stage, answer.enhanced);
    case "disconnect":
      return { code: 421, enhanced: "4.7.0", text: "Closing connection" };
  }
}

// 552 for size and storage, 550 for policy, addresses and content, 554 for the rest.
function dataRejectCode(enhanced: string): number {
  if (enhanced === "5.3.4" || enhanced === "5.2.2" || enhanced === "5.2.3") return 552;
  return /^5\.[1267]\./.test(enhanced) ? 550 : 554;
}

function tempfailReply(stage: ReplyStage, enhanced: string): Reply {
  if (stage === "auth") return { code: 454, enhanced: "4.7.0", text: "Temporary authentication failure" };
  const code = enhanced === "4.5.3" || enhanced === "4.3.1" ? 452 : 451;
  return { code, enhanced: "4.3.0", text: "Try again later" };
}

// A reply "450 5.1.1" contradicts itself: the code leads, the class of the enhanced code follows.
function sameClass(code: number, enhanced: string): string {
  if (enhanced === "" || code < 200 || (code >= 300 && code < 400)) return "";
  const cls = String(Math.floor(code / 100));
  return enhanced.startsWith(`${cls}.`) ? enhanced : `${cls}${enhanced.slice(1)}`;
}

/** What the host says by itself. */
export const REPLIES = {
  tooManySessions: makeReply(421, "3.2", "Too many sessions, try again later"),
  talksEarly: makeReply(554, "5.1", "You must wait for our replies"),
  xclientRefused: makeReply(550, "7.0", "XCLIENT not allowed for you"),
  xclientInTransaction: makeReply(503, "5.1", "XCLIENT not allowed in a transaction"),
  xforwardRefused: makeReply(550, "7.0", "XFORWARD not allowed for you"),
  xforwardInTransaction: makeReply(503, "5.1", "XFORWARD not allowed in a transaction"),
  tooManyOfClient: makeReply(421, "7.0", "Too many sessions from your network, try again later"),
  tooManyCommands: makeReply(421, "7.0", "Too many commands without a message, closing connection"),
  tooManyMessages: makeReply(421, "7.0", "Too many messages in this session, connect again"),
  tooManyUnknown: makeReply(421, "7.0", "Too many unknown recipients, closing connection"),
  sessionTooLong: makeReply(421, "4.2", "Session took too long, closing connection"),
  contentTooSlow: makeReply(421, "4.2", "Message comes too slowly, closing connection"),
  idle: makeReply(421, "4.2", "Idle for too long, closing connection"),
  stopping: makeReply(421, "3.2", "Service is stopping, try again later"),
  unavailable: makeReply(421, "3.0", "Internal error, try again later"),
  internal: makeReply(451, "3.0", "Internal error, try again later"),
  messageTooSlow: makeReply(421, "4.2", "Message took too long, closing connection"),
  lineTooLong: makeReply(421, "5.2", "Line too long"),
  bareLf: makeReply(500, "5.2", "Line must end in <CR><LF>"),
  tooManyBadLines: makeReply(421, "7.0", "Too many bad commands, closing connection"),
  flushed: makeReply(250, "0.0", "Ok"),
  bye: makeReply(221, "0.0", "Bye"),
  verify: makeReply(252, "5.0", "Send some mail, it will be tried"),
  noExpand: makeReply(502, "5.1", "Command not implemented"),
  help: makeReply(214, "0.0", "Commands: EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY STARTTLS AUTH QUIT"),
  heloSyntax: makeReply(501, "5.4", "Syntax: EHLO domain"),
  lhloSyntax: makeReply(501, "5.4", "Syntax: LHLO domain"),
  lmtpHelp: makeReply(214, "0.0", "Commands: LHLO MAIL RCPT DATA BDAT RSET NOOP VRFY STARTTLS QUIT"),
  tlsNeeded: makeReply(530, "7.0", "Must issue a STARTTLS command first"),
  authNeeded: makeReply(530, "7.0", "Authentication required"),
  authNeedsTls: makeReply(538, "7.11", "Encryption required: STARTTLS first"),
  authOff: makeReply(502, "5.1", "AUTH not available"),
  authAgain: makeReply(503, "5.1", "Already authenticated"),
  authInTransaction: makeReply(503, "5.1", "AUTH not allowed in a transaction"),
  authMechanism: makeReply(504, "5.4", "Authentication mechanism not supported"),
  authSyntax: makeReply(501, "5.2", "Authentication exchange malformed"),
  authCancelled: makeReply(501, "7.0", "Authentication cancelled"),
  authTooOften: makeReply(421, "7.0", "Too many failed authentications"),
  authTooOftenOfClient: makeReply(
    421,
    "7.0",
    "Too many failed authentications from your network, try again later",
  ),
  mailSyntax: makeReply(501, "1.7", "Syntax: MAIL FROM:<address>"),
  rcptSyntax: makeReply(501, "1.3", "Syntax: RCPT TO:<address>"),
  nestedMail: makeReply(503, "5.1", "Transaction already started"),
  needMail: makeReply(503, "5.1", "MAIL first"),
  needRcpt: makeReply(503, "5.1", "RCPT first"),
  noRecipients: makeReply(554, "5.1", "No valid recipients"),
  tooManyRecipients: makeReply(452, "5.3", "Too many recipients"),
  chunksBegun: makeReply(503, "5.1", "Message already begun with BDAT"),
  bdatSyntax: makeReply(421, "5.2", "Syntax: BDAT octets [LAST], closing connection"),
  noBinary: makeReply(555, "5.4", "BINARYMIME not offered"),
  extensionGone: makeReply(451, "3.3", "Extension not available now, connect again"),
  unknownParameter: makeReply(555, "5.4", "Parameter not recognized"),
  badParameter: makeReply(501, "5.4", "Parameter malformed"),
  needsSmtputf8: makeReply(553, "6.7", "Non-ASCII address needs SMTPUTF8"),
  tooLarge: makeReply(552, "3.4", "Message too large"),
  startData: makeReply(354, "", "End data with <CR><LF>.<CR><LF>"),
} as const satisfies { readonly [name: string]: Reply };

/** By the codes that smtp-server itself says after the greeting. */
const LIBRARY_DETAILS: { readonly [code: number]: string } = {
  220: "0.0",
  421: "7.0",
  451: "3.0",
  500: "5.2",
  501: "5.4",
  503: "5.1",
};

/** A reply of smtp-server, with the enhanced code that RFC 2034 4 asks for. */
export function libraryReply(code: number, text: string): Reply {
  return makeReply(code, LIBRARY_DETAILS[code] ?? "", text.replace(/^Error: /, ""));
}

/** RFC 3030 4.2: to a chunk that another one follows. */
export function chunkTaken(octets: number): Reply {
  return makeReply(250, "0.0", `${octets} octets received`);
}

const PLAIN = /^[\x20-\x7e]*$/;
const LINE_MAX = 480;
const LINES_MAX = 50;

/** The octets of a reply as text: code and enhanced code on each line, ASCII, without controls, each line bounded (RFC 5321 4.5.3.1.5). */
export function formatReply({ code, enhanced, text }: Reply): string {
  const lead = enhanced === "" ? "" : `${enhanced} `;
  // As nearly all are.
  if (text.length <= LINE_MAX && PLAIN.test(text)) return `${code} ${lead}${text}\r\n`;
  const lines = text.split(/\r\n|\n/, LINES_MAX);
  // Joined, as a text that is added up keeps each of its parts for as long as it waits to be sent.
  return lines
    .map((line, i) => {
      const shown = line.replace(/[^\x20-\x7e]/g, "?").slice(0, LINE_MAX);
      return `${code}${i === lines.length - 1 ? " " : "-"}${lead}${shown}\r\n`;
    })
    .join("");
}
