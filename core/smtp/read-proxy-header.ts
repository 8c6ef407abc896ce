/** Takes the header of the PROXY protocol off a socket before anything else reads it, TLS included. */
import type { Socket } from "node:net";
import { type ProxyHeader, parseProxyHeader } from "./proxy-header.ts";

const HEADER_MS = 5000;

/** Why a header was not read. */
export type ProxyFault = "malformed" | "tooSlow" | "closed";

/**
 * Reads the header; what came behind it stays in the socket. Never rejects. The socket is closed without a word where
 * it gives a fault: who is not a proxy has no business here, and what it speaks is not known.
 *
 * @param headerMs how long the header may take, in milliseconds
 */
export function readProxyHeader(
  socket: Socket,
  done: (result: ProxyHeader | ProxyFault) => void,
  headerMs = HEADER_MS,
): void {
  let came: Buffer = Buffer.alloc(0);
  const finish = (result: ProxyHeader | ProxyFault): void => {
    clearTimeout(timer);
    socket.off("readable", read).off("close", closed).off("end", closed);
    if (typeof result === "string") socket.destroy();
    done(result);
  };
  const read = (): void => {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) {
      came = came.length === 0 ? chunk : Buffer.concat([came, chunk]);
      const header = parseProxyHeader(came);
      if (header === "more") continue;
      if (typeof header !== "string" && came.length > header.bytes)
        socket.unshift(came.subarray(header.bytes));
      finish(header);
      return;
    }
  };
  const closed = (): void => finish("closed");
  const timer = setTimeout(finish, headerMs, "tooSlow");
  socket.on("readable", read).on("close", closed).on("end", closed);
}
