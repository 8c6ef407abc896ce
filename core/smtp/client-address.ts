/** Who the client of a connection is: the TCP peer, or whom a proxy speaks for. All policy is for this one. */
import type { ClientName, FactValue } from "../pipeline/mod.ts";
import type { ProxyHeader } from "./proxy-header.ts";

/** A client as the engine is told of it. */
export interface ClientAddress {
  /** "" where it is not known; such a client is in no trusted network. */
  readonly ip: string;
  /** 0 where it is not known. */
  readonly port: number;
}

/** What a peer says by XCLIENT of its client, beside the address. */
export interface SaidOfClient {
  /** How the client greeted the peer. */
  readonly helo?: string | undefined;
  /** By which of EHLO and HELO it did. */
  readonly proto?: "ESMTP" | "SMTP" | undefined;
  readonly name?: FactValue<typeof ClientName> | undefined;
  /** Who it logged in as at the peer. */
  readonly login?: string | undefined;
}

/** A client that nobody can name. */
export const UNKNOWN_CLIENT: ClientAddress = { ip: "", port: 0 };

/** What a connection is made with: smtp-server's options, and what they have no word for. */
export interface ConnectionOptions {
  readonly id?: string | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly clientUnknown?: boolean;
  /** Octets that came before the client's own. */
  readonly headerBytes?: number;
}

/**
 * What a PROXY header makes of a connection.
 *
 * @param peerTrusted whether the proxy itself is in a trusted network
 */
export function optionsOfHeader(header: ProxyHeader, peerTrusted: boolean): ConnectionOptions {
  const headerBytes = header.bytes;
  if (header.kind === "proxied") {
    return {
      ...{ headerBytes, remoteAddress: header.source.ip, remotePort: header.source.port },
      ...{ localAddress: header.destination.ip, localPort: header.destination.port },
    };
  }
  // The protocol has both counted as connections of the proxy. But a client that can not be named may be anybody, and
  // must not have the trust that its proxy has.
  return { headerBytes, clientUnknown: header.kind === "unknown" && peerTrusted };
}

/** An address with its port as traces show it; "" where it is not known. */
export function hostPort(host: string, port: number): string {
  return host === "" ? "" : host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
