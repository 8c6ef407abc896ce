/**
 * What a next hop says, made fit to pass on: code and enhanced code consistent (RFC 2034, RFC 3463), 421 turned into
 * 451, words without controls and bounded. Does not decide what a reply means for a delivery beyond its first digit.
 */
import type { RecipientResult } from "../gateway/mod.ts";
import type { Reply } from "../mail/mod.ts";

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
  const last = raw.slice(raw.lastIndexOf("\n") + 1);
  const first = Math.floor(code / 100);
  if (code !== codeOf(last) || (first !== 2 && first !== 3 && first !== 4 && first !== 5))
    return { code: 451, enhanced: "4.5.0", text: "The next hop gave an answer that can not be read" };
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
  unreachable: { code: 451, enhanced: "4.4.1", text: "The next hop can not be reached now" },
  lost: { code: 451, enhanced: "4.4.2", text: "The connection to the next hop was lost" },
  aboutUs: { code: 451, enhanced: "4.3.5", text: "The next hop can not be used now" },
  busy: { code: 451, enhanced: "4.4.5", text: "Too many messages for the next hop now" },
  notSent: { code: 451, enhanced: "4.4.0", text: "Not sent with the other recipients, try again" },
  noContent: { code: 451, enhanced: "4.3.0", text: "The message can not be read now" },
  noEightBit: { code: 554, enhanced: "5.6.3", text: "The next hop does not take 8-bit content" },
  noUtf8: { code: 550, enhanced: "5.6.7", text: "The next hop does not take internationalized addresses" },
  noRequireTls: { code: 550, enhanced: "5.7.30", text: "The next hop does not support REQUIRETLS" },
  badAddress: { code: 553, enhanced: "5.1.3", text: "The address can not be sent" },
} as const satisfies Record<string, Reply>;
