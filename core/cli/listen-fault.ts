/** Why something can not listen, in a user's words. */
import { formatSocketAddress, type SocketAddress } from "../config/mod.ts";
import { UserError } from "./user-error.ts";

/** Turns an error of listen(2) into one line that says what to do; other errors are given back as they are. */
export function listenFault(error: unknown, path: string, address: SocketAddress): unknown {
  const at = `${path}: cannot listen on ${formatSocketAddress(address)}:`;
  switch ((error as NodeJS.ErrnoException)?.code) {
    case "EADDRINUSE":
      return new UserError(`${at} the port is in use; end the other program or choose another port`);
    case "EACCES":
      return new UserError(
        `${at} this user has no right to ports below 1024; run it with AmbientCapabilities=CAP_NET_BIND_SERVICE (systemd), or choose a port such as 2525`,
      );
    case "EADDRNOTAVAIL":
      return new UserError(
        `${at} this machine does not have the address; use one of its own, or 0.0.0.0 for all`,
      );
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new UserError(`${at} the host name has no address; use an IP address`);
    default:
      return error instanceof UserError
        ? error
        : new UserError(`${at} ${error instanceof Error ? error.message.split("\n")[0] : String(error)}`);
  }
}
