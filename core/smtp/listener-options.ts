/** What a listener needs of its surroundings. */
import type { GatewaySession, SessionStart } from "../gateway/mod.ts";
import type { Log } from "../pipeline/mod.ts";

/** The part of the engine a listener uses. */
export interface SessionOpener {
  openSession(start: SessionStart): GatewaySession;
}

export interface ListenSmtpOptions {
  readonly log: Log;
  /** Whether a plugin can authenticate; AUTH is offered only then, and only under TLS. Default false. */
  readonly authOffered?: boolean;
  /** EHLO keywords that depend on what the routes keep. Default: none of them. */
  readonly advertise?: { readonly smtputf8?: boolean };
  /** How long transactions may go on after close(), in milliseconds. Default 30 s. */
  readonly drainMs?: number;
}
