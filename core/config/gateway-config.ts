/** The effective config: every default filled in, every value checked. What users write is in gateway-config-input.ts. */
import type { Pipeline } from "../pipeline/mod.ts";
import type { NextHop } from "./next-hops.ts";

/** Where something listens. */
export interface SocketAddress {
  /** IP address or host name, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** One SMTP listener. */
export interface ListenerConfig {
  /** Shown in traces; default the kind. */
  readonly name: string;
  /** `relay` (25), `submission` (587, STARTTLS), `submissions` (465, implicit TLS). */
  readonly kind: "relay" | "submission" | "submissions";
  readonly address: SocketAddress;
  /** PEM files; without them STARTTLS is not offered. */
  readonly tls?: { readonly keyFile: string; readonly certFile: string };
  /** Whether AUTH is needed before MAIL. Default true for submission(s). */
  readonly authRequired: boolean;
  /** Wait before the greeting, in milliseconds; clients in trusted networks never wait. */
  readonly greetingDelayMs: number;
  /** CIDR ranges whose clients may name any recipient here. Default: loopback when bound to loopback, else none. */
  readonly trustedNetworks: readonly string[];
}

/** Bounds of the gateway. */
export interface Limits {
  /** Octets of one message (RFC 1870). Default 50 MB. */
  readonly messageBytesMax: number;
  /** Recipients of one transaction. Default 1,000 (RFC 5321 4.5.3.1.8 asks for at least 100). */
  readonly recipientsMax: number;
  /** SMTP sessions at once. Default 1,000. */
  readonly sessionsMax: number;
  /** Silence after which a session ends, in milliseconds. Default 5 minutes (RFC 5321 4.5.3.2.7). */
  readonly idleMs: number;
}

/** The whole of a gateway's config, as the engine and the hosts use it. */
export interface GatewayConfig {
  /** Our name in greetings, EHLO and trace fields. */
  readonly hostName: string;
  readonly listeners: readonly ListenerConfig[];
  /** The page and the API; undefined: none. */
  readonly http?: { readonly address: SocketAddress; readonly hostNames: readonly string[] };
  /** The data folder. */
  readonly data: string;
  /** Mail domains served here, as lower-case A-labels. */
  readonly domains: readonly string[];
  /** Where `<postmaster>` and postmaster@ each domain go: an address, or undefined to route them as they are. */
  readonly postmaster?: string;
  readonly nextHops: { readonly [name: string]: NextHop };
  readonly pipeline: Pipeline;
  readonly limits: Limits;
  readonly onMixedVerdict: "quarantine" | "refuse" | "dsn";
  readonly onMixedTempfail: "all" | "spool";
  /** What to do with a recipient of another inline route group: 452, or spool the message. */
  readonly split: "later" | "spool";
  /** From the final dot to our reply, in milliseconds. Default 120 s. */
  readonly deadlineMs: number;
  readonly trace: {
    /** Entries of one message kept; the first third and the last two thirds. Default 300. */
    readonly entriesMax: number;
    readonly ageMaxMs: number;
    readonly bytesMax: number;
  };
  /** SHA-256 of the effective config, 12 hex digits. */
  readonly hash: string;
}
