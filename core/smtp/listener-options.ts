/** What a listener needs of its surroundings. */
import type { GatewaySession, SessionStart } from "../gateway/mod.ts";
import type { Log } from "../pipeline/mod.ts";

/** The part of the engine a listener uses. */
export interface SessionOpener {
  openSession(start: SessionStart): GatewaySession;
}

/** Sessions that are open now. */
export interface SessionCount {
  count: number;
}

/** What differs from a plain listener. */
export interface ListenSmtpOptions {
  readonly log: Log;
  /** Shared by all listeners of a gateway, so that `sessionsMax` bounds them together. Default: this listener's own. */
  readonly sessions?: SessionCount;
  /** Whether a plugin can authenticate; AUTH is offered only then, and only under TLS. Default false. */
  readonly authOffered?: boolean;
  /** EHLO keywords that depend on what the routes keep. Default: none of them. */
  readonly advertise?: { readonly smtputf8?: boolean };
  /** How long the octets of one message may take from 354 to the final dot, in milliseconds. Default 1 hour. */
  readonly messageMs?: number;
  /**
   * How long clients may take to end their transactions after close(), in milliseconds. Default 30 s. A message that
   * came whole is answered whatever this says; the engine's deadline bounds that.
   */
  readonly drainMs?: number;
}
