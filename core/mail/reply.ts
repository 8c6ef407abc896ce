/**
 * Replies (RFC 5321 4.2) with enhanced status codes (RFC 3463, RFC 5248). Every reply the gateway gives by itself has
 * a named constructor here; the class of the enhanced code derives from the reply code, so "450 5.x.x" can not be
 * written. Which reply is given when is decided elsewhere.
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

/** The same reply with ` (ref ID)` at the end of its last line, by which its trace is found. */
export function withRef(reply: Reply, id: string): Reply {
  return { ...reply, text: reply.text === "" ? `(ref ${id})` : `${reply.text} (ref ${id})` };
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

// --- Success and continuation ---

/** The greeting of a session (RFC 5321 4.2.2). */
export const ready = (hostName: string, text = "ESMTP ready") => makeReply(220, "", `${hostName} ${text}`);
/** To STARTTLS, before the handshake (RFC 3207 4). */
export const readyForTls = () => makeReply(220, "0.0", "Ready to start TLS");
/** To QUIT. */
export const goodbye = () => makeReply(221, "0.0", "Goodbye");
/** To NOOP, RSET and the like. */
export const ok = (text = "OK") => makeReply(250, "0.0", text);
/** To MAIL. */
export const senderOk = () => makeReply(250, "1.0", "Sender OK");
/** To RCPT. */
export const recipientOk = () => makeReply(250, "1.5", "Recipient OK");
/** To the final dot: the message is delivered or durably kept. */
export const accepted = (text = "Message accepted") => makeReply(250, "6.0", text);
/** To VRFY, which tells nothing (RFC 5321 3.5.3). */
export const cannotVerify = () => makeReply(252, "5.0", "Cannot verify, send some mail");
/** To a finished AUTH (RFC 4954 6). */
export const authSucceeded = () => makeReply(235, "7.0", "Authentication successful");
/** To AUTH where the mechanism goes on (RFC 4954 4). @param challenge in Base64 */
export const authContinue = (challenge = "") => makeReply(334, "", challenge);
/** To DATA. */
export const startData = () => makeReply(354, "", "End data with <CRLF>.<CRLF>");

// --- Commands ---

/** A command that is not known. */
export const commandUnknown = () => makeReply(500, "5.1", "Command not recognized");
/** A command line past its limit (RFC 5321 4.5.3.1.4). */
export const lineTooLong = () => makeReply(500, "5.6", "Line too long");
/** Arguments that do not parse. */
export const syntax = (text = "Syntax error in arguments") => makeReply(501, "5.2", text);
/** A reverse-path that does not parse (RFC 3463 3.2, X.1.7). */
export const senderSyntax = (fault = "bad sender address syntax") =>
  makeReply(501, "1.7", `Sender address: ${fault}`);
/** A forward-path that does not parse (RFC 3463 3.2, X.1.3). */
export const recipientSyntax = (fault = "bad recipient address syntax") =>
  makeReply(501, "1.3", `Recipient address: ${fault}`);
/** A command that is known and not offered. */
export const commandNotImplemented = () => makeReply(502, "5.1", "Command not implemented");
/** A command out of order. */
export const badSequence = (text = "Bad sequence of commands") => makeReply(503, "5.1", text);
/** A parameter of MAIL or RCPT that is not offered (RFC 5321 4.1.1.11). */
export const parameterUnknown = (name = "") =>
  makeReply(
    555,
    "5.4",
    name === "" ? "Parameter not recognized" : `Parameter not recognized: ${name.slice(0, 40)}`,
  );
/** Too many commands that failed: the session ends. */
export const tooManyErrors = () => makeReply(421, "7.0", "Too many errors, closing connection");

// --- Recipients and routes ---

/** No such recipient here. */
export const recipientUnknown = () => makeReply(550, "1.1", "Recipient unknown");
/** No such domain. */
export const domainUnknown = () => makeReply(550, "1.2", "Domain unknown");
/** A recipient that is not ours, named by a client that may not relay. */
export const noRelay = () => makeReply(550, "7.1", "Relaying denied");
/** A recipient for which no route is configured (RFC 3463 3.5, X.4.4). */
export const noRoute = () => makeReply(550, "4.4", "No route to recipient");
/** More recipients than one transaction takes; the client sends the rest apart (RFC 5321 4.5.3.1.10). */
export const tooManyRecipients = () => makeReply(452, "5.3", "Too many recipients");
/** A recipient that this transaction can not carry beside the earlier ones; the client sends it apart. */
export const sendApart = () => makeReply(452, "5.3", "Send this recipient in a separate transaction");
/** DATA with no recipient accepted (RFC 5321 3.3). */
export const noRecipients = () => makeReply(554, "5.1", "No valid recipients");

// --- Content ---

/** A message larger than `messageBytesMax` (RFC 1870 6.1). */
export const messageTooLarge = () => makeReply(552, "3.4", "Message size exceeds limit");
/** A bare CR, a bare LF or a NUL in the content (RFC 5321 2.3.8). */
export const bareNewline = () => makeReply(550, "6.0", "Bare CR, bare LF or NUL in message");
/** A header section past its limit. */
export const headerTooLarge = () => makeReply(552, "3.4", "Header section exceeds limit");
/** A message that came by here too often (RFC 5321 6.3). */
export const loop = () => makeReply(554, "4.6", "Too many hops, mail loop detected");
/** Refused by policy. */
export const refused = (text = "Message refused by policy") => makeReply(550, "7.1", text);

// --- TLS and authentication ---

/** STARTTLS is demanded first (RFC 3207 4). */
export const tlsRequired = () => makeReply(530, "7.0", "Must issue a STARTTLS command first");
/** STARTTLS that can not be done now (RFC 3207 4). */
export const tlsUnavailable = () => makeReply(454, "7.0", "TLS not available due to temporary reason");
/** AUTH is demanded first (RFC 4954 6). */
export const authRequired = () => makeReply(530, "7.0", "Authentication required");
/** Credentials that are not right (RFC 4954 6). */
export const authFailed = () => makeReply(535, "7.8", "Authentication credentials invalid");
/** Credentials that can not be checked now (RFC 4954 6). */
export const authUnavailable = () => makeReply(454, "7.0", "Temporary authentication failure");
/** A mechanism that is not offered (RFC 4954 4). */
export const authMechanismUnknown = () => makeReply(504, "5.4", "Authentication mechanism not supported");
/** A mechanism that sends passwords in the clear, without TLS (RFC 4954 6). */
export const authNeedsTls = () =>
  makeReply(538, "7.11", "Encryption required for this authentication mechanism");
/** The client broke the exchange off with "*" (RFC 4954 4). */
export const authCancelled = () => makeReply(501, "7.0", "Authentication cancelled");
/** An authenticated client that sends as somebody else. */
export const notYourAddress = () => makeReply(550, "7.1", "Sender address not permitted for this user");

// --- The gateway itself ---

/** Something failed here; the cause is in the trace and the log only. */
export const localError = () => makeReply(451, "3.0", "Temporary failure, try again later");
/** A configuration that can not serve this message now, such as a missing spool. */
export const configurationError = () => makeReply(451, "3.5", "System not able to accept this message now");
/** No room for messages (RFC 3463 3.4, X.3.1). */
export const systemFull = () => makeReply(452, "3.1", "Insufficient system storage");
/** More sessions than allowed: the session ends. */
export const tooManySessions = () => makeReply(421, "3.2", "Too many connections, try again later");
/** The gateway stops: the session ends. */
export const shuttingDown = () => makeReply(421, "3.2", "Service shutting down, try again later");
/** A client that was silent too long: the session ends. */
export const idleTimeout = () => makeReply(421, "4.2", "Idle timeout, closing connection");
/** The next hop does not answer. */
export const nextHopDown = () => makeReply(451, "4.1", "Next hop not available, try again later");
/** The deadline of the whole transaction passed. */
export const deadlinePassed = () => makeReply(451, "4.7", "Processing took too long, try again later");
