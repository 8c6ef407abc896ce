/**
 * Replies (RFC 5321 4.2) with enhanced status codes (RFC 3463, RFC 5248). All replies are made by `makeReply`: the class
 * of the enhanced code derives from the reply code, so that "450 5.x.x" can not be written. Which reply is given when is
 * decided elsewhere.
 */

/** A reply of SMTP or LMTP. */
export interface Reply {
  /** Three digits. */
  readonly code: number;
  /** Enhanced status code, or "" where RFC 2034 gives none (220, 221 greeting, 3xx). */
  readonly enhanced: string;
  /** One line of text, or several parted by "\n". Without controls otherwise. */
  readonly text: string;
}

/** Characters of text in one reply, after which it is cut: a next hop's words can not grow without end. */
export const replyTextMax = 2_000;

// RFC 5321 4.5.3.1.5: 512 octets with the code and CRLF; "250-5.999.999 " and CRLF take 16 of them.
const lineMax = 490;
const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]+/g;

/**
 * A reply of any code. Controls in the text become spaces, and text past `replyTextMax` is cut.
 *
 * @param code 200 to 599
 * @param detail subject and detail of the enhanced code ("1.1" gives "5.1.1" with a 550), or "" for no enhanced code
 * @throws RangeError when code or detail is not of that form: a fault of the caller
 */
export function makeReply(code: number, detail: string, text: string): Reply {
  if (!Number.isInteger(code) || code < 200 || code > 599) throw new RangeError(`no reply code: ${code}`);
  if (detail !== "" && !/^\d{1,3}\.\d{1,3}$/.test(detail))
    throw new RangeError(`no subject and detail: ${detail}`);
  // RFC 2034 4: enhanced codes stand in 2xx, 4xx and 5xx replies only.
  const enhanced = detail === "" || (code >= 300 && code < 400) ? "" : `${Math.floor(code / 100)}.${detail}`;
  return { code, enhanced, text: text.slice(0, replyTextMax).replace(controls, " ") };
}

/** The reply on the wire, with the enhanced code on each line (RFC 2034 4) and CRLF at each line's end. */
export function formatReply(reply: Reply): string {
  const lines = reply.text.split("\n").flatMap(cutLine);
  const prefix = reply.enhanced === "" ? "" : `${reply.enhanced} `;
  return lines
    .map((line, n) => `${reply.code}${n < lines.length - 1 ? "-" : " "}${prefix}${line}\r\n`)
    .join("");
}

function cutLine(line: string): string[] {
  const safe = line.replace(controls, " ");
  // Not ASCII takes up to three octets a UTF-16 unit.
  const max = /^[ -~]*$/.test(safe) ? lineMax : Math.floor(lineMax / 3);
  if (safe.length <= max) return [safe];
  const pieces: string[] = [];
  for (let at = 0; at < safe.length; at += max) pieces.push(safe.slice(at, at + max));
  return pieces;
}

// Replies that hosts without a dialogue of their own give (core/edge). Those of the listener are in core/smtp.

/** To the final dot: the message is delivered or durably kept. */
export const accepted = (text = "Message accepted") => makeReply(250, "6.0", text);
/** A reverse-path that does not parse (RFC 3463 3.2, X.1.7). */
export const senderSyntax = (fault = "bad sender address syntax") =>
  makeReply(501, "1.7", `Sender address: ${fault}`);
/** A forward-path that does not parse (RFC 3463 3.2, X.1.3). */
export const recipientSyntax = (fault = "bad recipient address syntax") =>
  makeReply(501, "1.3", `Recipient address: ${fault}`);
/** A message larger than `messageBytesMax` (RFC 1870 6.1). */
export const messageTooLarge = () => makeReply(552, "3.4", "Message size exceeds limit");
/** Something failed here; the cause is in the trace and the log only. */
export const localError = () => makeReply(451, "3.0", "Temporary failure, try again later");
/** A configuration that can not serve this message now, such as a missing spool. */
export const configurationError = () => makeReply(451, "3.5", "System not able to accept this message now");
/** The next hop does not answer. */
export const nextHopDown = () => makeReply(451, "4.1", "Next hop not available, try again later");
/** The deadline of the whole transaction passed. */
export const deadlinePassed = () => makeReply(451, "4.7", "Processing took too long, try again later");
