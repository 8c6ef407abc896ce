/** The effective config: every default filled in, every value checked. What users write is in gateway-config-input.ts. */
import type { Pipeline } from "../pipeline/mod.ts";
import type { CertificateChoice } from "./certificate-files.ts";
import type { NextHop } from "./next-hops.ts";

/** Where something listens. */
export interface SocketAddress {
  /** IP address or host name, IPv6 without brackets; of a unix socket "unix:/path", with port 0. */
  readonly host: string;
  readonly port: number;
}

/**
 * What a listener offers in EHLO whatever its routes keep; what is absent is computed. Where it promises what a next hop
 * does not take, the message is refused, but for DSN: its parameters are left out there (RFC 3461 5.2.2).
 */
export interface AdvertiseOverride {
  /** RFC 6152. Without it BODY= is refused, and content that is not ASCII is taken all the same. */
  readonly eightBitMime?: boolean | undefined;
  /** RFC 6531; not without 8BITMIME. */
  readonly smtputf8?: boolean | undefined;
  /** RFC 3461. */
  readonly dsn?: boolean | undefined;
  /** RFC 8689; offered under TLS only. */
  readonly requireTls?: boolean | undefined;
  /** Octets of one message (RFC 1870); at most `limits.messageBytesMax`. */
  readonly messageBytesMax?: number | undefined;
}

/** One SMTP listener. */
export interface ListenerConfig {
  /** Shown in traces; default the kind. */
  readonly name: string;
  /**
   * `relay` (25); `submission` (587, STARTTLS before MAIL) and `submissions` (465, implicit TLS), which add a missing
   * Date and Message-ID (RFC 6409 8); `lmtp` (RFC 2033, a unix socket or any port but 25), where each recipient has an
   * answer of its own and nobody logs in.
   */
  readonly kind: "relay" | "submission" | "submissions" | "lmtp";
  readonly address: SocketAddress;
  /**
   * PEM files, one pair or several; without them STARTTLS is not offered. They are read at the start, and again when they
   * change. TLS 1.2 at least.
   */
  readonly tls?: CertificateChoice;
  /** Whether AUTH is needed before MAIL. Default true for submission(s). */
  readonly authRequired: boolean;
  /** Wait before the greeting, in milliseconds; clients in trusted networks never wait. */
  readonly greetingDelayMs: number;
  /**
   * CIDR ranges whose clients may name any recipient here. Default: loopback when bound to loopback and neither
   * `proxyProtocol` nor `xclient`, `xforward` nor `upstreams` is set, else none: through a proxy on this machine everybody comes
   * from loopback.
   */
  readonly trustedNetworks: readonly string[];
  /**
   * CIDR ranges of proxies. Who connects from there must begin with a PROXY header (v1 or v2), also before implicit
   * TLS, and its client is the one that counts; nobody else may. Default none.
   */
  readonly proxyProtocol: readonly string[];
  /**
   * CIDR ranges of relays and proxies that may say by XCLIENT who their client is, and as whom it logged in: such a client
   * may relay. Default none.
   */
  readonly xclient: readonly string[];
  /**
   * CIDR ranges of servers that may say by XFORWARD of whom they had a message. It stands in the trace and the log, goes
   * on to a next hop with `forwardClient: "xforward"`, and changes nobody's rights. Default none.
   */
  readonly xforward: readonly string[];
  /**
   * CIDR ranges of one's own mail servers in front of this listener. From `data` on the client is the one that their
   * Received fields name; it gains no trust by that. Default none.
   */
  readonly upstreams: readonly string[];
  /**
   * What becomes of clients that speak before the greeting, or behind EHLO or HELO before PIPELINING was offered: the
   * fact EarlyTalk and a line in the log, or 554 5.5.1 and the end of the session too, but for clients in trusted
   * networks. Default `note`.
   */
  readonly earlyTalkers: "note" | "refuse";
  /**
   * What becomes of content with a bare CR, a bare LF or a NUL (RFC 5321 2.3.8): refused with 550 5.6.0, or each bare CR
   * and bare LF made a CRLF. Default `refuse`.
   */
  readonly bareNewlines: "refuse" | "normalise";
  /**
   * Whether paths of MAIL and RCPT are taken that old clients and scripts write against the grammar of RFC 5321 4.1.2:
   * without angle brackets or with two pairs, with blanks around the address, with a dot behind the domain, with dots
   * where a local part has none, beyond ASCII without SMTPUTF8. The next hop gets the address of the grammar that means
   * the same. Default false: 501 5.1.7 and 501 5.1.3, or 553 5.6.7.
   */
  readonly lenientAddresses: boolean;
  /** What EHLO offers in place of what is computed from the next hops. */
  readonly advertise?: AdvertiseOverride;
}

/** Bounds of the gateway. */
export interface Limits {
  /** Octets of one message (RFC 1870). Default 50 MB. */
  readonly messageBytesMax: number;
  /** Recipients of one transaction. Default 1,000 (RFC 5321 4.5.3.1.8 asks for at least 100). */
  readonly recipientsMax: number;
  /** SMTP sessions at once, of this process. Default 1,000; more get 421 4.3.2. */
  readonly sessionsMax: number;
  /**
   * SMTP sessions at once of one client address, or of one /64 of IPv6. Default 50; more get 421 4.7.0. Not for clients
   * in trusted networks.
   */
  readonly sessionsPerClientMax: number;
  /** Messages of one session. Default 1,000; the next MAIL gets 421 4.7.0. Not for clients in trusted networks. */
  readonly messagesPerSessionMax: number;
  /** Commands of a session between two messages, without the recipients. Default 200; the next gets 421 4.7.0. */
  readonly commandsPerMessageMax: number;
  /** Commands refused with 5xx between two messages, without recipients. Default 20; that one gets 421 4.7.0. */
  readonly failedCommandsMax: number;
  /** Recipients of a session that got 55x. Default 100; the next gets 421 4.7.0. Not for clients in trusted networks. */
  readonly unknownRecipientsMax: number;
  /** Failed AUTH tries of a session. Default 5; the last gets 421 4.7.0. */
  readonly authFailuresMax: number;
  /**
   * Failed AUTH tries of one client address, or of one /64 of IPv6, in `authFailuresKeptMs`. Default 100; the last and
   * every AUTH after it gets 421 4.7.0. Not for clients in trusted networks.
   */
  readonly authFailuresPerClientMax: number;
  /** How long an address' failed tries are counted, from the first on, in milliseconds. Default 1 hour. */
  readonly authFailuresKeptMs: number;
  /**
   * Wait before the answer to the second failed AUTH of a session or an address, in milliseconds; doubled each time, up
   * to 30 s. Default 1 s.
   */
  readonly authDelayMs: number;
  /** Octets of a command line. Default 16 KB (RFC 4954 4 asks for 12,288); a longer one gets 421 4.5.2. */
  readonly lineBytesMax: number;
  /** Silence after which a session ends, in milliseconds. Default 5 minutes (RFC 5321 4.5.3.2.7). */
  readonly idleMs: number;
  /**
   * From connection to 421 4.4.2, in milliseconds. Default 1 hour. An open transaction has `idleMs` more; content that
   * comes is bounded by `messageMs`, and a message that came whole is answered.
   */
  readonly sessionMs: number;
  /** From 354 to the final dot, in milliseconds. Default 1 hour; then 421 4.4.2. */
  readonly messageMs: number;
  /** Octets of content a second, as the mean of a minute; slower gets 421 4.4.2. Default 100; 0: any rate will do. */
  readonly contentBytesPerSecondMin: number;
  /**
   * Time that DNS may take of one message in all plugins, and of a session before its messages, in milliseconds: that in
   * which a query is out. Default 9 s, less than the 10 s of a hook that needs DNS; then it is as if DNS were silent.
   */
  readonly dnsMs: number;
}

/** Delivery status notifications (RFC 3461): whose senders are told, and what is given back. */
export interface DsnConfig {
  /**
   * `authenticated`: who logged in or comes from a trusted network; `spf-aligned`: these, and where SPF passes for the
   * domain of the reverse-path; `always`: everybody, also those whose address a stranger forged. A failure that nobody may
   * be told of leaves the recipient in the spool as undeliverable. Default `spf-aligned`.
   */
  readonly policy: "authenticated" | "spf-aligned" | "always";
  /** Octets of a message that a DSN gives back whole (RET=FULL); of a larger one the header section. Default 64 KB. */
  readonly contentBytesMax: number;
}

/** Whose session is in the trace command by command, with the next hop's: of two conditions both must hold. */
export interface DialogueRule {
  /** CIDR ranges that the client is in, as PROXY and XCLIENT name it. Absent: any client. */
  readonly client?: readonly string[];
  /** The reverse-path or a recipient as the client names it: "ann@example.com", or "*@example.com". Absent: any address. */
  readonly address?: readonly string[];
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
  /** Who answers look-ups: servers as "192.0.2.53:53", or one by its DoH URL. Absent: the servers of the system. */
  readonly dns?: { readonly servers: readonly string[] } | { readonly doh: string };
  readonly nextHops: { readonly [name: string]: NextHop };
  readonly pipeline: Pipeline;
  readonly limits: Limits;
  readonly onMixedVerdict: "quarantine" | "refuse" | "dsn";
  readonly onMixedTempfail: "all" | "spool";
  readonly dsn: DsnConfig;
  /** What to do with a recipient of another inline route group: 452, or spool the message. */
  readonly split: "later" | "spool";
  /** From the final dot to our reply, in milliseconds. Default 120 s. */
  readonly deadlineMs: number;
  readonly trace: {
    /** Entries of one message kept; the first third and the last two thirds. Default 300. */
    readonly entriesMax: number;
    readonly ageMaxMs: number;
    readonly bytesMax: number;
    /** Whose sessions are in the trace command by command; empty: nobody's. */
    readonly dialogue: readonly DialogueRule[];
  };
  /** SHA-256 of the effective config, 12 hex digits. */
  readonly hash: string;
}
