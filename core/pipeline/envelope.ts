/** The envelope of a transaction (RFC 5321 2.3.1), the client, and the session as plugins see them. */
import type { Address, ReversePath } from "../mail/mod.ts";

/** Where a message entered or re-entered the gateway. */
export type Origin = "smtp" | "lmtp" | "http" | "email" | "dsn" | "release" | "local";

/** Who connects, as known after PROXY or XCLIENT; from `data` on, behind a listed upstream, who connected to that one. */
export interface Client {
  /** Address in its shortest form; "" where the host does not know it. */
  readonly ip: string;
  /** TCP port of the client, 0 when unknown. */
  readonly port: number;
  /** In a trusted network of the config. */
  readonly trusted: boolean;
  /** Of a client that a Received field names: the address of the upstream that connects here. Absent: it does itself. */
  readonly via?: string;
  /** It is an upstream of the listener: until `data` the client behind it is not known, and there none is named. */
  readonly isUpstream?: true;
}

/**
 * Of whom a listed server in front had the message, as it said by XFORWARD (Postfix's XFORWARD_README). For traces, logs
 * and next hops, and never for a decision: no plugin sees it. What is absent is not known.
 */
export interface ForwardedClient {
  /** Absent: nobody's, it began at that server. Then there are no others but `ident` and `source`. */
  readonly ip?: string;
  /** Absent: not known. */
  readonly port?: number;
  /** By reverse DNS. Absent: not known. */
  readonly name?: string;
  /** Of any kind, as ESMTP. */
  readonly protocol?: string;
  /** How it greeted that server. */
  readonly ehlo?: string;
  /** What the message is called there. */
  readonly ident?: string;
  /** Whether it was said to come from outside. Absent: not said. */
  readonly source?: "LOCAL" | "REMOTE";
}

/** The gateway that a plugin runs in. */
export interface GatewayInfo {
  /** Its own name: in the greeting and in Received fields. */
  readonly hostName: string;
  /** Whether the config's `domains` has a domain, given in A-labels and lower case. */
  readonly serves: (domainAscii: string) => boolean;
}

/** The listener that took the session. */
export interface ListenerInfo {
  readonly name: string;
  readonly kind: "relay" | "submission" | "submissions" | "lmtp" | "http" | "email";
  /** Address and port it is bound to, as text. */
  readonly address: string;
}

/** The TLS of a session. */
export interface TlsInfo {
  /** As "TLSv1.3". */
  readonly protocol: string;
  /** IANA or OpenSSL name of the cipher suite. */
  readonly cipher: string;
  /** The name the client asked for, if any. */
  readonly serverName?: string;
}

/** Parameters of MAIL FROM that the gateway understands; absent means not given. */
export interface MailParameters {
  /** SIZE=, octets (RFC 1870). */
  readonly size?: number;
  /** BODY= (RFC 6152). */
  readonly body?: "7BIT" | "8BITMIME";
  /** SMTPUTF8 (RFC 6531). */
  readonly smtputf8?: boolean;
  /** RET= (RFC 3461 4.3). */
  readonly ret?: "FULL" | "HDRS";
  /** ENVID=, xtext decoded (RFC 3461 4.4). */
  readonly envid?: string;
  /** REQUIRETLS (RFC 8689). */
  readonly requireTls?: boolean;
}

/** Parameters of RCPT TO; absent means not given. */
export interface RcptParameters {
  /** NOTIFY= (RFC 3461 4.1). */
  readonly notify?: readonly ("NEVER" | "SUCCESS" | "FAILURE" | "DELAY")[];
  /** ORCPT=, as `type;address` with xtext decoded (RFC 3461 4.2). */
  readonly orcpt?: string;
}

/** One recipient of a transaction, as plugins see it. The object is its identity. */
export interface Recipient {
  /** The forward-path now, after rewriting. */
  readonly forwardPath: Address;
  /** The forward-path as the client gave it. */
  readonly original: Address;
  readonly parameters: RcptParameters;
}

/** The envelope without its recipients, which come one by one. */
export interface Envelope {
  readonly reversePath: ReversePath;
  readonly parameters: MailParameters;
}
