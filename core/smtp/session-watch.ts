/**
 * Ends sessions that last too long, and content that comes too slowly (slowloris). One timer a listener looks at all
 * of its sessions, so that a session costs no timer of its own and an octet costs nothing.
 */
import type { Limits } from "../config/mod.ts";
import type { LimitReached } from "./limits.ts";
import { REPLIES } from "./replies.ts";

const LOOK_MS = 1000;
/** A client must keep the lowest rate as the mean of this. */
const RATE_WINDOW_MS = 60_000;

/** What the watch sees of a session. */
export interface WatchedSession {
  /** By performance.now(). */
  readonly startedAt: number;
  readonly inTransaction: boolean;
  /** Whether we owe the client something: then no time counts against it. */
  readonly weOwe: boolean;
  /** Whether octets that come are content. */
  readonly receivingContent: boolean;
  /** Octets that came in all. */
  readonly octetsRead: number;
  /** Kept by the watch: where the present window began. */
  rateWindow: { since: number; octets: number } | undefined;
}

/** What a session has done too long or too slowly, if anything. @param now by performance.now() */
export function lookAtSession(
  session: WatchedSession,
  limits: Limits,
  now: number,
  rateWindowMs = RATE_WINDOW_MS,
): LimitReached | undefined {
  if (session.weOwe) {
    session.rateWindow = undefined;
    return undefined;
  }
  if (session.receivingContent) return lookAtRate(session, limits, now, rateWindowMs);
  session.rateWindow = undefined;
  const age = now - session.startedAt - (session.inTransaction ? limits.idleMs : 0);
  return age >= limits.sessionMs ? { limit: "sessionMs", reply: REPLIES.sessionTooLong } : undefined;
}

function lookAtRate(
  session: WatchedSession,
  limits: Limits,
  now: number,
  rateWindowMs: number,
): LimitReached | undefined {
  const octets = session.octetsRead;
  const window = session.rateWindow;
  if (window !== undefined && now - window.since < rateWindowMs) return undefined;
  session.rateWindow = { since: now, octets };
  if (window === undefined) return undefined;
  const rate = ((octets - window.octets) * 1000) / (now - window.since);
  return rate < limits.contentBytesPerSecondMin
    ? { limit: "contentBytesPerSecondMin", reply: REPLIES.contentTooSlow }
    : undefined;
}

/** A session that can be ended. */
export interface EndableSession extends WatchedSession {
  limitReached(reached: LimitReached): void;
}

/** Looks at all sessions now and then until the function that it gives is called. */
export function watchSessions(
  sessions: ReadonlySet<EndableSession>,
  limits: Limits,
  rateWindowMs = RATE_WINDOW_MS,
): () => void {
  const look = (): void => {
    const now = performance.now();
    for (const session of sessions) {
      const reached = lookAtSession(session, limits, now, rateWindowMs);
      if (reached !== undefined) session.limitReached(reached);
    }
  };
  const timer = setInterval(look, Math.min(LOOK_MS, rateWindowMs)).unref();
  return () => clearInterval(timer);
}
