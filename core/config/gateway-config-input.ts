/** A config as users write it: all but the pipeline has a default. config-schema.ts checks the same at start. */
import type { Duration, Pipeline } from "../pipeline/mod.ts";
import type { CertificateChoice } from "./certificate-files.ts";
import type { Size } from "./duration.ts";
import type { AdvertiseOverride, DsnConfig, GatewayConfig, ListenerConfig } from "./gateway-config.ts";
import type { NextHop } from "./next-hops.ts";

/** Environment variables, or what stands for them where there is no process. */
export type Environment = { readonly [name: string]: string | undefined };

/** "127.0.0.1:2525", "[::1]:25", or a port on 127.0.0.1; of a listener "unix:/path" too. */
export type AddressInput = string | number;

/** One SMTP listener. */
export interface ListenerInput {
  /** Shown in traces; default the kind. */
  readonly name?: string;
  /** Default `relay`. */
  readonly kind?: ListenerConfig["kind"];
  readonly address: AddressInput;
  /** PEM files, one pair or several with their names. `submission` and `submissions` need them. */
  readonly tls?: CertificateChoice;
  /** Default true for submission and submissions, false for relay. */
  readonly authRequired?: boolean;
  /** Default 100 ms for relay, none for submission(s). */
  readonly greetingDelay?: Duration;
  /** CIDR ranges. Default: loopback when bound to loopback and no proxy or upstream is listed here, else none. */
  readonly trustedNetworks?: readonly string[];
  /** CIDR ranges of proxies that send the PROXY header, v1 or v2. Default none. */
  readonly proxyProtocol?: readonly string[];
  /** CIDR ranges of relays and proxies that may say by XCLIENT who their client is, and as whom it logged in. Default none. */
  readonly xclient?: readonly string[];
  /** CIDR ranges of servers that may say by XFORWARD of whom they had a message: for trace, log and next hop. Default none. */
  readonly xforward?: readonly string[];
  /** CIDR ranges of one's own mail servers in front, whose Received field names the client. Default none. */
  readonly upstreams?: readonly string[];
  /** Clients that do not wait for our replies. Default `note`: the fact EarlyTalk, and a line in the log. */
  readonly earlyTalkers?: ListenerConfig["earlyTalkers"];
  /** Default `refuse`. `normalise` is for clients that cannot be mended; never on a listener that strangers reach. */
  readonly bareNewlines?: ListenerConfig["bareNewlines"];
  /** Default false. True: paths of MAIL and RCPT that are written against the grammar in harmless ways are mended. */
  readonly lenientAddresses?: boolean;
  /** What EHLO offers, where it is not to be what all next hops of the config keep by their last EHLO. */
  readonly advertise?: Omit<AdvertiseOverride, "messageBytesMax"> & {
    /** Octets of one message (RFC 1870), at most `limits.messageBytesMax`. Default: what all next hops take. */
    readonly messageBytesMax?: Size;
  };
}

/** Whose session is in the trace command by command. At least one of both; where both stand, both must hold. */
export interface DialogueRuleInput {
  /** CIDR ranges of the client, one or a list. Absent: any client. */
  readonly client?: string | readonly string[];
  /** Reverse-path or recipient, "ann@example.com" or "*@example.com", one or a list. Absent: any address. */
  readonly address?: string | readonly string[];
}

/** The words for servers of DNS beside DoH, of the compiler and of the start. */
export type OneOfBoth = "either 'servers' or 'doh': of both, one would never be asked";

/** The part of a config that does not depend on the pipeline's type. */
export interface GatewaySettingsInput {
  /** Our name in greetings, EHLO and trace fields; default the machine's name. */
  readonly hostName?: string;
  /** Default one relay listener on 127.0.0.1:2525. */
  readonly listeners?: readonly ListenerInput[];
  /** The page and the API; absent or false: none. `hostNames` are the Host values answered. */
  readonly http?:
    | AddressInput
    | false
    | { readonly address: AddressInput; readonly hostNames?: readonly string[] };
  /** The data folder; default ".postern". */
  readonly data?: string;
  /** Mail domains served here: a list, or one text with commas. */
  readonly domains?: string | readonly string[] | undefined;
  /** Where `<postmaster>` and postmaster@ each domain go; absent: routed as they are. */
  readonly postmaster?: string;
  /**
   * Who answers look-ups: IP addresses, with a port or 53; or a server by HTTPS (RFC 8484), the way of hosts without a
   * resolver of their own. Default: the servers of the system.
   */
  readonly dns?:
    | { readonly servers: readonly string[]; readonly doh?: OneOfBoth }
    | { readonly doh: string; readonly servers?: OneOfBoth };
  /** Where mail goes, by the names that routes use. Absent: none, and a route that names one stops the start. */
  readonly nextHops?: { readonly [name: string]: NextHop };
  /** Bounds of a session and a message; each absent one has its default (`Limits`). */
  readonly limits?: {
    readonly messageBytesMax?: Size;
    readonly recipientsMax?: number;
    readonly sessionsMax?: number;
    readonly sessionsPerClientMax?: number;
    readonly messagesPerSessionMax?: number;
    readonly commandsPerMessageMax?: number;
    readonly failedCommandsMax?: number;
    readonly unknownRecipientsMax?: number;
    readonly authFailuresMax?: number;
    readonly authFailuresPerClientMax?: number;
    readonly authFailuresKept?: Duration;
    readonly authDelay?: Duration;
    readonly lineBytesMax?: Size;
    readonly idle?: Duration;
    readonly session?: Duration;
    readonly message?: Duration;
    readonly contentBytesPerSecondMin?: number;
    readonly dns?: Duration;
  };
  /** Default `refuse`: the sender hears of it at once; `quarantine` and `dsn` need a durable spool. */
  readonly onMixedVerdict?: GatewayConfig["onMixedVerdict"];
  /** Default `all`; `spool` needs a durable spool. */
  readonly onMixedTempfail?: GatewayConfig["onMixedTempfail"];
  /** Whose senders hear of failures and delays, and how much they get back. Default `spf-aligned`, and 64 KB. */
  readonly dsn?:
    | DsnConfig["policy"]
    | { readonly policy?: DsnConfig["policy"]; readonly contentBytesMax?: Size };
  /** Default `later`; `spool` needs a durable spool. */
  readonly split?: GatewayConfig["split"];
  /** From the final dot to our reply. Default 120 s. */
  readonly deadline?: Duration;
  /** Defaults: 300 entries, 7 days, 256 MB, nobody's dialogue. */
  readonly trace?: {
    readonly entriesMax?: number;
    readonly ageMax?: Duration;
    readonly bytesMax?: Size;
    /**
     * Whose sessions are in the trace command by command, with those of the next hops: who is to be looked at while
     * something is wrong. Secrets and content never are.
     */
    readonly dialogue?: readonly DialogueRuleInput[];
  };
}

/** The words for a pipeline in which nothing routes, of the compiler and of the start. */
export type RoutesMissing = "the pipeline has no plugin that routes: add routes(...)";

/** A whole config. `Routes` is inferred from the pipeline; where it is false the compiler says so. */
export interface GatewayConfigInput<Routes extends boolean = true> extends GatewaySettingsInput {
  readonly pipeline: Pipeline<Routes> & ([Routes] extends [false] ? RoutesMissing : unknown);
}
