/**
 * Every reply of the listener host in one table: verdicts of the engine by stage, and what the host says by itself
 * (RFC 5321 4.2, RFC 3463, RFC 5248). The octets of a reply are made here too.
 */
import type { Answer } from "../gateway/mod.ts";
import type { Reply } from "../mail/mod.ts";

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

const reply = (code: number, enhanced: string, text: string): Reply => ({ code, enhanced, text });

/** What the host says by itself. */
export const REPLIES = {
  tooManySessions: reply(421, "4.3.2", "Too many sessions, try again later"),
  idle: reply(421, "4.4.2", "Idle for too long, closing connection"),
  stopping: reply(421, "4.3.2", "Service is stopping, try again later"),
  unavailable: reply(421, "4.3.0", "Internal error, try again later"),
  internal: reply(451, "4.3.0", "Internal error, try again later"),
  messageTooSlow: reply(421, "4.4.2", "Message took too long, closing connection"),
  lineTooLong: reply(421, "4.5.2", "Line too long"),
  bareLf: reply(500, "5.5.2", "Line must end in <CR><LF>"),
  tooManyBadLines: reply(421, "4.7.0", "Too many bad commands, closing connection"),
  flushed: reply(250, "2.0.0", "Ok"),
  bye: reply(221, "2.0.0", "Bye"),
  verify: reply(252, "2.5.0", "Send some mail, it will be tried"),
  noExpand: reply(502, "5.5.1", "Command not implemented"),
  help: reply(214, "2.0.0", "Commands: EHLO HELO MAIL RCPT DATA RSET NOOP VRFY STARTTLS AUTH QUIT"),
  heloSyntax: reply(501, "5.5.4", "Syntax: EHLO domain"),
  authNeeded: reply(530, "5.7.0", "Authentication required"),
  authNeedsTls: reply(538, "5.7.11", "Encryption required: STARTTLS first"),
  authOff: reply(502, "5.5.1", "AUTH not available"),
  authAgain: reply(503, "5.5.1", "Already authenticated"),
  authInTransaction: reply(503, "5.5.1", "AUTH not allowed in a transaction"),
  authMechanism: reply(504, "5.5.4", "Authentication mechanism not supported"),
  authSyntax: reply(501, "5.5.2", "Authentication exchange malformed"),
  authCancelled: reply(501, "5.7.0", "Authentication cancelled"),
  authTooOften: reply(421, "4.7.0", "Too many failed authentications"),
  mailSyntax: reply(501, "5.1.7", "Syntax: MAIL FROM:<address>"),
  rcptSyntax: reply(501, "5.1.3", "Syntax: RCPT TO:<address>"),
  nestedMail: reply(503, "5.5.1", "Transaction already started"),
  needMail: reply(503, "5.5.1", "MAIL first"),
  needRcpt: reply(503, "5.5.1", "RCPT first"),
  noRecipients: reply(554, "5.5.1", "No valid recipients"),
  tooManyRecipients: reply(452, "4.5.3", "Too many recipients"),
  unknownParameter: reply(555, "5.5.4", "Parameter not recognized"),
  badParameter: reply(501, "5.5.4", "Parameter malformed"),
  needsSmtputf8: reply(553, "5.6.7", "Non-ASCII address needs SMTPUTF8"),
  tooLarge: reply(552, "5.3.4", "Message too large"),
  startData: reply(354, "", "End data with <CR><LF>.<CR><LF>"),
} as const satisfies { readonly [name: string]: Reply };

const LINE_MAX = 480;
const LINES_MAX = 50;

/** The octets of a reply as text: code and enhanced code on each line, ASCII, without controls, each line bounded (RFC 5321 4.5.3.1.5). */
export function formatReply({ code, enhanced, text }: Reply): string {
  const lead = enhanced === "" ? "" : `${enhanced} `;
  const lines = text.split(/\r\n|\n/, LINES_MAX);
  let out = "";
  for (let i = 0; i < lines.length; i += 1) {
    const line = (lines[i] ?? "").replace(/[^\x20-\x7e]/g, "?").slice(0, LINE_MAX);
    out += `${code}${i === lines.length - 1 ? " " : "-"}${lead}${line}\r\n`;
  }
  return out;
}
