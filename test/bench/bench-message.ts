/** The messages that are sent: an ordinary header section and lines of text, with the final dot. */

const HEADER = [
  "Received: from client.example (client.example [192.0.2.7])",
  "\tby load.example with ESMTPS id 4f2c91;",
  "\tTue, 3 Mar 2026 10:11:12 +0000",
  "From: Ann Example <ann@sender.example>",
  "To: Bob Example <bob@rcpt.example>",
  "Subject: Notes of the meeting, and what is left to do",
  "Date: Tue, 3 Mar 2026 10:11:10 +0000",
  "Message-ID: <20260303101110.4f2c91@sender.example>",
  "MIME-Version: 1.0",
  "Content-Type: text/plain; charset=utf-8",
  "",
  "",
].join("\r\n");
const LINE = `${"The quick brown fox jumps over the lazy dog. ".repeat(2).slice(0, 74)}\r\n`;
/** A dot, stuffed (RFC 5321 4.5.2). */
const DOT_LINE = "..\r\n";

/** What the body is made of: lines of text, or lines that are a dot and nothing else ("..CRLF" as it is sent). */
export type BodyKind = "text" | "dots";

/** A message of as many octets as sent, at least its header section, and the end of data after it. */
export function benchMessage(messageBytes: number, body: BodyKind = "text"): Buffer {
  const room = Math.max(4, messageBytes - HEADER.length);
  const lines = body === "dots" ? dotsOf(room) : textOf(room);
  return Buffer.from(`${HEADER}${lines}.\r\n`, "latin1");
}

function textOf(room: number): string {
  const lines = LINE.repeat(Math.ceil(room / LINE.length)).slice(0, room - 2);
  return `${lines.replace(/\r$/, " ")}\r\n`;
}

/** The last line is as long as it must be. */
function dotsOf(room: number): string {
  const whole = Math.floor(room / DOT_LINE.length) - 1;
  const rest = "x".repeat(room % DOT_LINE.length);
  return `${DOT_LINE.repeat(whole)}..${rest}\r\n`;
}
