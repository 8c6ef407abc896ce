/**
 * What a next hop says, made fit to pass on: code and enhanced code consistent (RFC 2034, RFC 3463), 421 turned into
 * 451, words without controls and bounded. Does not decide what a reply means for a delivery beyond its first digit.
 */
import type { RecipientResult } from "../gateway/mod.ts";
import { makeReply, type Reply } from "../mail/mod.ts";

const textMax = 512;
const enhancedPattern = /^([245])\.(\d{1,3})\.(\d{1,3})(?: |$)/;

/** Reads a reply whose lines are parted by "\n"; one that is not well-formed reads as 451 4.5.0 (RFC 5321 4.2). */
export function readReply(raw: string): Reply {
  // Most replies are one line of printable ASCII.
  const simple = /^([2345]\d\d) (?:([245])\.(\d{1,3})\.(\d{1,3}) )?([\x20-\x7e]{0,500})$/.exec(raw);
  if (simple && simple[1] !== "421") {
    const [, code = "", , subject, detail, text = ""] = simple;
    const cls = code[0]!;
    const enhanced = subject === undefined ? "0.0" : `${subject}.${detail}`;
    return {
      code: Number(code),
      enhanced: cls === "3" && subject === undefined ? "" : `${cls}.${enhanced}`,
      text: text.trim(),
    };
  }
  const code = codeOf(raw);
  const first = Math.floor(code / 100);
  if (!isCode(raw, code) || (first !== 2 && first !== 3 && first !== 4 && first !== 5)) return unreadable;
  let enhanced = "";
  const lines: string[] = [];
  // Four times the bound is enough to fill it, with codes on each line.
  for (const line of raw.slice(0, 4 * textMax).split("\n")) {
    let text = line.slice(4);
    const match = enhancedPattern.exec(text);
    if (match) {
      if (enhanced === "") enhanced = `${first}.${match[2]}.${match[3]}`;
      text = text.slice(match[0].length);
    }
    lines.push(text.replace(/[\x00-\x1f\x7f-\x9f]/g, "").replace(/[^\x20-\x7e]/g, "?"));
  }
  // RFC 3463 2: x.0.0 where nothing more is known. A 421 is about the next hop's connection, not our client's.
  return {
    code: code === 421 ? 451 : code,
    enhanced: enhanced || (first === 3 ? "" : `${first}.0.0`),
    text: lines.join("\n").slice(0, textMax).trim(),
  };
}

/** What stands for a reply that can not be read; who said it may be out of step, so its connection is given up. */
export const unreadable: Reply = {
  code: 451,
  enhanced: "4.5.0",
  text: "The next hop gave an answer that can not be read",
};

/** Whether all lines of a reply have this code (RFC 5321 4.2.1): one that says two things says nothing. */
export function isCode(raw: string, code: number): boolean {
  const digits = String(code);
  for (let at = 0; ; ) {
    if (!raw.startsWith(digits, at) || codeOf(raw.slice(at, at + 4)) !== code) return false;
    at = raw.indexOf("\n", at) + 1;
    if (at === 0) return true;
  }
}

/** Whether a reply is about us as a client of the next hop: authentication is wanted or was refused (RFC 4954 6). */
export function isAboutUs(reply: Reply): boolean {
  return reply.code === 530 || reply.code === 535 || reply.enhanced === "5.7.8" || reply.enhanced === "4.7.8";
}

/** The result of a recipient that got this final or RCPT reply. */
export function resultOf(reply: Reply, passReplyText: boolean): RecipientResult {
  const first = Math.floor(reply.code / 100);
  const status = first === 2 ? "delivered" : first === 5 ? "rejected" : "tempfailed";
  // A positive intermediate reply where none belongs leaves nothing decided (RFC 5321 4.2.1).
  const known = first === 3 ? { code: 451, enhanced: "4.5.0", text: genericText.tempfailed } : reply;
  return { status, reply: passReplyText && known.text ? known : { ...known, text: genericText[status] } };
}

const genericText = {
  delivered: "Accepted by the next hop",
  rejected: "Refused by the next hop",
  tempfailed: "Deferred by the next hop",
} as const;

function codeOf(line: string): number {
  return /^[2-5]\d\d(?:[ -]|$|\n)/.test(line) ? Number(line.slice(0, 3)) : 0;
}

/** Our own replies of this folder, all tempfailed or rejected. */
export const relayReplies = {
  unreachable: makeReply(451, "4.1", "The next hop can not be reached now"),
  lost: makeReply(451, "4.2", "The connection to the next hop was lost"),
  aboutUs: makeReply(451, "3.5", "The next hop can not be used now"),
  busy: makeReply(451, "4.5", "Too many messages for the next hop now"),
  notSent: makeReply(451, "4.0", "Not sent with the other recipients, try again"),
  noContent: makeReply(451, "3.0", "The message can not be read now"),
  noEightBit: makeReply(554, "6.3", "The next hop does not take 8-bit content"),
  noUtf8: makeReply(550, "6.7", "The next hop does not take internationalized mail"),
  tooBig: makeReply(552, "3.4", "Message size exceeds fixed limit"),
  noRequireTls: makeReply(550, "7.30", "The next hop does not support REQUIRETLS"),
  badAddress: makeReply(553, "1.3", "The address can not be sent"),
} as const satisfies Record<string, Reply>;

/** Our own words are not the next hop's: they are never hidden. */
export const ownReplies: ReadonlySet<Reply> = new Set(Object.values(relayReplies));
