/**
 * How long a next hop may be silent in each phase (RFC 5321 4.5.3.2). A transaction as a whole is bounded by its
 * caller's AbortSignal, not here.
 */

/** Longest silence in each phase, in ms. */
export interface ReplyTimeouts {
  readonly greetingMs: number;
  /** MAIL, and every command that has no time of its own: EHLO, STARTTLS, AUTH, RSET. */
  readonly commandMs: number;
  readonly rcptMs: number;
  /** Until 354. */
  readonly dataMs: number;
  /** Without progress while content is sent. */
  readonly blockMs: number;
  /** Between the end of the content and the answer to it. */
  readonly finalMs: number;
}

const minuteMs = 60_000;

/** RFC 5321 4.5.3.2.1 to 4.5.3.2.6. */
const rfcTimeouts: ReplyTimeouts = {
  greetingMs: 5 * minuteMs,
  commandMs: 5 * minuteMs,
  rcptMs: 5 * minuteMs,
  dataMs: 2 * minuteMs,
  blockMs: 3 * minuteMs,
  finalMs: 10 * minuteMs,
};

/** The times of the RFC, none above `capMs`. */
export function replyTimeouts(capMs: number | undefined): ReplyTimeouts {
  if (capMs === undefined) return rfcTimeouts;
  return {
    greetingMs: Math.min(capMs, rfcTimeouts.greetingMs),
    commandMs: Math.min(capMs, rfcTimeouts.commandMs),
    rcptMs: Math.min(capMs, rfcTimeouts.rcptMs),
    dataMs: Math.min(capMs, rfcTimeouts.dataMs),
    blockMs: Math.min(capMs, rfcTimeouts.blockMs),
    finalMs: Math.min(capMs, rfcTimeouts.finalMs),
  };
}
