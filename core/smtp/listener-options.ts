/** What a listener needs of its surroundings. */
import type { Advertised, GatewaySession, SessionStart } from "../gateway/mod.ts";
import type { Clock, Log, Store } from "../pipeline/mod.ts";

/** The part of the engine a listener uses. */
export interface SessionOpener {
  openSession(start: SessionStart): GatewaySession;
}

/** Sessions that are open now. A new one has only `count: 0`; the rest is kept by session-count.ts. */
export interface SessionCount {
  count: number;
  /** By client address, while one of its sessions is open. */
  clients?: Map<string, { count: number; told: boolean }>;
  /** Whether the log knows that there is no place. */
  told?: boolean;
}

/** What differs from a plain listener. */
export interface ListenSmtpOptions {
  readonly log: Log;
  /** Shared by all listeners of a gateway, so that `sessionsMax` bounds them together. Default: this listener's own. */
  readonly sessions?: SessionCount;
  /** Whether a plugin can authenticate; AUTH is offered only then, and only under TLS. Default false. */
  readonly authOffered?: boolean;
  /** Whether SCRAM-SHA-256 is one of the mechanisms. Default false. */
  readonly scramOffered?: boolean;
  /** Where failed AUTH is counted by client address. Default: only by session. */
  readonly store?: Store;
  /** Lets answers to failed AUTH wait. Default: the system's. */
  readonly clock?: Pick<Clock, "sleep">;
  /** EHLO keywords that depend on what the routes keep; the host may change it in place. Default: 8BITMIME alone. */
  readonly advertise?: Advertised;
  /** How long the octets of one message may take from 354 to the final dot, in milliseconds. Default `limits.messageMs`. */
  readonly messageMs?: number;
  /** How often the PEM files are looked at, in milliseconds. Default 30 s. */
  readonly certificatePollMs?: number;
  /** How long a proxy's PROXY header may take, in milliseconds. Default 5 s. */
  readonly proxyHeaderMs?: number;
  /** Over which time the lowest rate of content is a mean, in milliseconds. Default 1 minute. */
  readonly rateWindowMs?: number;
  /**
   * How long clients may take to end their transactions after close(), in milliseconds. Default 30 s. A message that
   * came whole is answered whatever this says; the engine's deadline bounds that.
   */
  readonly drainMs?: number;
}
