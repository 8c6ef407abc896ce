/** What the engine is told of a TLS session. */
import type { TLSSocket } from "node:tls";
import type { TlsInfo } from "../pipeline/mod.ts";

/** Reads it from a socket whose handshake is done. */
export function tlsInfoOf(socket: TLSSocket): TlsInfo {
  const serverName = socket.servername;
  return {
    protocol: socket.getProtocol() ?? "",
    cipher: socket.getCipher()?.name ?? "",
    ...(typeof serverName === "string" && serverName !== "" ? { serverName } : {}),
  };
}
