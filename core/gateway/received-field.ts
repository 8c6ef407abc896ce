/** The trace field that every gateway adds on top (RFC 5321 4.4, RFC 3848 for the `with` word). */

/** What the field tells. */
export interface ReceivedFacts {
  readonly ehlo: string;
  readonly ip: string;
  /** The client's name, confirmed by reverse DNS; absent or "" where it is not known. */
  readonly name?: string;
  readonly by: string;
  readonly id: string;
  readonly origin: string;
  readonly extended: boolean;
  readonly tls: boolean;
  readonly authenticated: boolean;
  readonly utf8: boolean;
  /** Named only when it is the one recipient, so that no recipient learns of another. */
  readonly forwardPath?: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const encoder = new TextEncoder();

let lastSecond = Number.NaN;
let lastDate = "";

/** Date and time of RFC 5322 3.3, in UTC. */
export function mailDate(epochMs: number): string {
  const second = Math.floor(epochMs / 1000);
  if (second !== lastSecond) {
    lastDate = dateOf(epochMs);
    lastSecond = second;
  }
  return lastDate;
}

function dateOf(epochMs: number): string {
  const d = new Date(epochMs);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${DAYS[d.getUTCDay()]}, ${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]} ${d.getUTCFullYear()} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())} +0000`;
}

function protocol(facts: ReceivedFacts): string {
  if (facts.origin !== "smtp" && facts.origin !== "lmtp") return facts.origin.toUpperCase();
  const base = facts.origin === "lmtp" ? "LMTP" : facts.extended ? "ESMTP" : "SMTP";
  if (base === "SMTP") return base;
  // RFC 6531 4.3 and RFC 3848: UTF8SMTPSA and the like.
  const word = facts.utf8 ? (base === "LMTP" ? "UTF8LMTP" : "UTF8SMTP") : base;
  return `${word}${facts.tls ? "S" : ""}${facts.authenticated ? "A" : ""}`;
}

/** A word for the field: what is not an ordinary character of a host name or address is left out. */
const word = (text: string): string =>
  /^[A-Za-z0-9.:_[\]-]{0,255}$/.test(text) ? text : text.replace(/[^\p{L}\p{N}.:_[\]-]/gu, "").slice(0, 255);

/** The field as bytes, ending in CRLF. */
export function receivedField(facts: ReceivedFacts): Uint8Array {
  const literal = facts.ip.includes(":") ? `[IPv6:${word(facts.ip)}]` : `[${word(facts.ip)}]`;
  const helo = word(facts.ehlo);
  const name = facts.name ? word(facts.name) : "";
  // TCP-info of RFC 5321 4.4: what was found out, beside what the client said.
  const tcp = name === "" ? literal : `${name} ${literal}`;
  const from = facts.ip ? `from ${helo || literal} (${tcp})` : `from ${helo || "unknown"}`;
  const to =
    facts.forwardPath && /^[\x21-\x3b\x3d\x3f-\x7e]{1,320}$/.test(facts.forwardPath)
      ? `\r\n\tfor <${facts.forwardPath}>`
      : "";
  return encoder.encode(
    `Received: ${from}\r\n\tby ${facts.by} (Postern) with ${protocol(facts)} id ${facts.id}${to};\r\n\t${mailDate(facts.at)}\r\n`,
  );
}
