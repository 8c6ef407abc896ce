/** Why something can not listen, in a user's words. */
import { ConfigFaults, formatSocketAddress, type SocketAddress } from "../config/mod.ts";

/** Turns an error of listen(2) into a fault of the config at a path, which says what to do. */
export function listenFault(error: unknown, path: string, address: SocketAddress): ConfigFaults {
  const expected = `cannot listen on ${formatSocketAddress(address)}: ${wordsOf(error, address.port)}`;
  return error instanceof ConfigFaults ? error : new ConfigFaults([{ path, expected }]);
}

function wordsOf(error: unknown, port: number): string {
  switch ((error as NodeJS.ErrnoException)?.code) {
    case "EADDRINUSE":
      return "the port is in use; end the other program or choose another port";
    case "EACCES":
      return `this user has no right to port ${port}; run it with AmbientCapabilities=CAP_NET_BIND_SERVICE (systemd), or choose a port above 1023 such as 2525`;
    case "EADDRNOTAVAIL":
      return "this machine does not have the address; use one of its own, or 0.0.0.0 for all";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "the host name has no address; use an IP address";
    case "EMFILE":
    case "ENFILE":
      return "there are too many open files; raise LimitNOFILE (systemd) or ulimit -n";
    default:
      return error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
  }
}
