/** Next hops as plain descriptions; each host maps a kind to a driver. */
import type { Duration } from "../pipeline/mod.ts";
import type { RetryOptions } from "./retry-policy.ts";
import { isUnixSocket, parseSocketAddress } from "./socket-address.ts";

/** How much TLS a next hop gets. `verified` checks the name of the certificate, `required` only encrypts. */
export type TlsPolicy = "none" | "opportunistic" | "required" | "verified";

/** TLS to a server whose certificate is one of these, whoever signed it and whatever name it has. */
export interface TlsPins {
  /** SHA-256 of the certificate, 64 hexadecimal digits, with colons or without. */
  readonly fingerprints: readonly string[];
}

/** A server reached by SMTP or LMTP. */
export interface SmtpNextHop {
  readonly kind: "smtp";
  /** `lmtp` (RFC 2033): each recipient has an answer of its own after the content. Default `smtp`. */
  readonly protocol?: "smtp" | "lmtp";
  /** Tried in order until one answers. The host of a unix socket is "unix:/path", its port 0. */
  readonly servers: readonly { readonly host: string; readonly port: number }[];
  /**
   * New connections are shared among the servers by these whole numbers, one for each server and 1 for those left out;
   * one of 0 is only tried when all others fail. Absent: the first server that answers gets all.
   */
  readonly weights?: readonly number[];
  /** `queue`: 250 once the message is safe here, delivered afterwards; hosts without a durable spool know `inline` alone. */
  readonly mode: "inline" | "queue";
  /** Default: `verified` off loopback and private networks, `opportunistic` on them, and never clear text with `auth`. */
  readonly tls?: TlsPolicy | TlsPins;
  /** TLS from the first octet (port 465). */
  readonly implicitTls: boolean;
  /** Credentials for AUTH (RFC 4954), never sent in clear text; absent: no AUTH. */
  readonly auth?: { readonly user: string; readonly password: string };
  /** Whether the next hop's words reach our client; the codes always do. */
  readonly passReplyText: boolean;
  readonly connectTimeout: Duration;
  /**
   * Caps the silence before each reply, and without progress while sending. Default: the times of RFC 5321 4.5.3.2,
   * from 2 minutes for DATA to 10 for the answer to the content.
   */
  readonly replyTimeout?: Duration;
  /** Kept and running connections together. */
  readonly connectionsMax: number;
  /** A connection says QUIT after so many messages. Default 1,000. */
  readonly messagesPerConnectionMax?: number;
  /** A connection says QUIT with the first message after this time. Default 5 minutes. */
  readonly connectionLifeTime?: Duration;
  /** When queued mail is tried again. Default: after 5 minutes, then twice as long each time up to 4 hours, for 5 days. */
  readonly retry?: RetryOptions;
  /** Messages to this next hop each second, all servers together; those over it wait their turn. Default: no bound. */
  readonly messagesPerSecondMax?: number;
  /**
   * Tells a next hop that offers it who our client is, with the extension of Postfix of that name: `xclient` in our
   * place (the next hop must list us), `xforward` for its log. Default: nothing is told.
   */
  readonly forwardClient?: "xclient" | "xforward";
}

/**
 * The hosts that DNS names for the domain of each recipient (RFC 5321 5.1). An inline transaction has recipients of one
 * domain.
 */
export interface MxNextHop {
  readonly kind: "mx";
  /** `queue`: 250 once the message is safe here, delivered afterwards; hosts without a durable spool know `inline` alone. */
  readonly mode: "inline" | "queue";
  /** The port of all hosts: 25, where nobody says otherwise. */
  readonly port: number;
  /**
   * Default `opportunistic`. `verified` asks for a certificate that is valid for the name of the host; who answers for
   * DNS still names the host (no DNSSEC), so that mail with REQUIRETLS goes only to a host that is the domain itself.
   */
  readonly tls: TlsPolicy;
  /** Whether the hosts' words reach our client; the codes always do. */
  readonly passReplyText: boolean;
  readonly connectTimeout: Duration;
  /** Caps the silence before each reply. Default: the times of RFC 5321 4.5.3.2. */
  readonly replyTimeout?: Duration;
  /** Kept and running connections together, to the hosts of one domain. */
  readonly connectionsMax: number;
  /** A connection says QUIT after so many messages. Default 1,000. */
  readonly messagesPerConnectionMax?: number;
  /** A connection says QUIT with the first message after this time. Default 5 minutes. */
  readonly connectionLifeTime?: Duration;
  /** When queued mail is tried again. Default: after 5 minutes, then twice as long each time up to 4 hours, for 5 days. */
  readonly retry?: RetryOptions;
  /**
   * Whether DNS may lead to addresses that are not public: loopback, private networks, those of a link. By default they
   * are never connected to, as whoever has a domain could reach the servers behind this gateway with them.
   */
  readonly allowPrivateAddresses: boolean;
}

/** The built-in mailbox: files in the data folder, seen on the page. */
export interface MailboxNextHop {
  readonly kind: "mailbox";
  /** Folder, relative to the data folder. */
  readonly folder: string;
}

/** A next hop as a config describes it: plain data. Each host maps its `kind` to a driver of its own. */
export type NextHop = SmtpNextHop | MxNextHop | MailboxNextHop;

/** What `smtp({...})` takes: one server by `host` and `port`, or several by `servers`; the rest has defaults. */
export interface SmtpOptions extends Partial<Omit<SmtpNextHop, "kind" | "protocol" | "servers">> {
  /** A host name, an address literal without brackets, or "unix:/path"; absent: `servers` names them. */
  readonly host?: string;
  /** Default 25, 465 with `implicitTls`, 24 of `lmtp`. */
  readonly port?: number;
  /** "host:port" or "unix:/path", tried in order. */
  readonly servers?: readonly string[];
}

/**
 * A next hop reached by SMTP: `smtp("mail.example:25")`, `smtp("[2001:db8::1]")`, `smtp("unix:/run/smtp.sock")`,
 * `smtp({ host, port, auth })`. It never throws: a wrong value stays as it was written, and `resolveConfig` tells where
 * it stands.
 */
export function smtp(to: string | SmtpOptions): SmtpNextHop {
  const options = typeof to === "string" ? { servers: [to] } : to;
  return nextHopOf(options, options.implicitTls === true ? 465 : 25);
}

/**
 * A next hop reached by LMTP (RFC 2033), as a mail store is: `lmtp("store.example:24")`, `lmtp("unix:/run/lmtp")`. It
 * answers for each recipient after the content, so that some may have a message and others not.
 */
export function lmtp(to: string | SmtpOptions): SmtpNextHop {
  const options = typeof to === "string" ? { servers: [to] } : to;
  return { ...nextHopOf(options, 24), protocol: "lmtp" };
}

function nextHopOf(options: SmtpOptions, portDefault: number): SmtpNextHop {
  const { host, port, servers, ...rest } = options;
  const named = host === undefined ? [] : [{ host, port: isUnixSocket(host) ? 0 : (port ?? portDefault) }];
  const listed = (servers ?? []).map((text) =>
    isUnixSocket(text)
      ? { host: text, port: 0 }
      : (parseSocketAddress(text, portDefault) ?? { host: text, port: Number.NaN }),
  );
  return {
    kind: "smtp",
    mode: "inline",
    implicitTls: false,
    passReplyText: true,
    connectTimeout: "10s",
    connectionsMax: 20,
    ...rest,
    servers: [...named, ...listed],
  };
}

/**
 * A next hop that is looked up for each domain: `mx()`, `mx({ tls: "verified" })`. It never throws, as `smtp()`.
 */
export function mx(options: Partial<Omit<MxNextHop, "kind">> = {}): MxNextHop {
  return {
    kind: "mx",
    mode: "inline",
    port: 25,
    tls: "opportunistic",
    passReplyText: true,
    connectTimeout: "10s",
    connectionsMax: 20,
    allowPrivateAddresses: false,
    ...options,
  };
}

/** The built-in mailbox; `folder` (default "mailbox") is relative to the data folder. */
export function mailbox(options: { readonly folder?: string } = {}): MailboxNextHop {
  return { kind: "mailbox", folder: "mailbox", ...options };
}
