/** What all sessions of a listener share. */
import type { GatewayConfig, ListenerConfig } from "../config/mod.ts";
import type { GatewayConnection } from "./gateway-connection.ts";
import type { ListenSmtpOptions, SessionCount, SessionOpener } from "./listener-options.ts";

/** Whether a peer may say by XCLIENT who its client is, and by XFORWARD of whom it had a message. */
export interface PeerRights {
  readonly xclient: boolean;
  readonly xforward: boolean;
}

/** One for each listener. */
export interface ListenerContext {
  readonly config: GatewayConfig;
  readonly listener: ListenerConfig;
  readonly gateway: SessionOpener;
  readonly options: ListenSmtpOptions;
  /** Shared by the listeners of a gateway. */
  readonly sessions: SessionCount;
  /** Whether an address is in a trusted network of the listener. */
  readonly trusts: (ip: string) => boolean;
  readonly peerMay: (ip: string) => PeerRights;
  /** Connections whose socket is not closed yet. */
  readonly connections: Set<GatewayConnection>;
  /** Set by close(): sessions end with their transaction. */
  draining: boolean;
}
