/** Next hops as plain descriptions; each host maps a kind to a driver. */
import type { Duration } from "../pipeline/mod.ts";
import { parseSocketAddress } from "./socket-address.ts";

/** How much TLS a next hop gets. `verified` checks the name of the certificate, `required` only encrypts. */
export type TlsPolicy = "none" | "opportunistic" | "required" | "verified";

/** A server reached by SMTP. */
export interface SmtpNextHop {
  readonly kind: "smtp";
  /** Tried in order until one answers. */
  readonly servers: readonly { readonly host: string; readonly port: number }[];
  /** Only `inline` until there is a durable spool. */
  readonly mode: "inline" | "queue";
  /** Default: `verified` off loopback and private networks, `opportunistic` on them, and never clear text with `auth`. */
  readonly tls?: TlsPolicy;
  /** TLS from the first octet (port 465). */
  readonly implicitTls: boolean;
  /** Credentials for AUTH (RFC 4954), never sent in clear text; absent: no AUTH. */
  readonly auth?: { readonly user: string; readonly password: string };
  /** Whether the next hop's words reach our client; the codes always do. */
  readonly passReplyText: boolean;
  readonly connectTimeout: Duration;
  /** For each reply, and for progress while sending. */
  readonly replyTimeout: Duration;
  /** Kept and running connections together. */
  readonly connectionsMax: number;
}

/** The built-in mailbox: files in the data folder, seen on the page. */
export interface MailboxNextHop {
  readonly kind: "mailbox";
  /** Folder, relative to the data folder. */
  readonly folder: string;
}

/** A next hop as a config describes it: plain data. Each host maps its `kind` to a driver of its own. */
export type NextHop = SmtpNextHop | MailboxNextHop;

/** What `smtp({...})` takes: one server by `host` and `port`, or several by `servers`; the rest has defaults. */
export interface SmtpOptions extends Partial<Omit<SmtpNextHop, "kind" | "servers">> {
  /** A host name or an address literal without brackets; absent: `servers` names them. */
  readonly host?: string;
  /** Default 25, or 465 with `implicitTls`. */
  readonly port?: number;
  /** "host:port", tried in order. */
  readonly servers?: readonly string[];
}

/**
 * A next hop reached by SMTP: `smtp("mail.example:25")`, `smtp("[2001:db8::1]")`, `smtp({ host, port, auth })`. It never throws: a
 * wrong value stays as it was written, and `resolveConfig` tells where it stands.
 */
export function smtp(to: string | SmtpOptions): SmtpNextHop {
  const { host, port, servers, ...rest } = typeof to === "string" ? { servers: [to] } : to;
  const portDefault = rest.implicitTls === true ? 465 : 25;
  const named = host === undefined ? [] : [{ host, port: port ?? portDefault }];
  const listed = (servers ?? []).map(
    (text) => parseSocketAddress(text, portDefault) ?? { host: text, port: Number.NaN },
  );
  return {
    kind: "smtp",
    mode: "inline",
    implicitTls: false,
    passReplyText: true,
    connectTimeout: "10s",
    replyTimeout: "60s",
    connectionsMax: 20,
    ...rest,
    servers: [...named, ...listed],
  };
}

/** The built-in mailbox; `folder` (default "mailbox") is relative to the data folder. */
export function mailbox(options: { readonly folder?: string } = {}): MailboxNextHop {
  return { kind: "mailbox", folder: "mailbox", ...options };
}
