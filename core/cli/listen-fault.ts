/** Why something can not listen, in a user's words. */
import { ConfigFaults, formatSocketAddress, type SocketAddress } from "../config/mod.ts";

/** Turns an error of listen(2) into a fault of the config at a path, which says what to do. */
export function listenFault(error: unknown, path: string, address: SocketAddress): ConfigFaults {
  const words = address.host.startsWith("unix:") ? socketWordsOf(error) : wordsOf(error, address.port);
  const expected = `cannot listen on ${formatSocketAddress(address)}: ${words}`;
  return error instanceof ConfigFaults ? error : new ConfigFaults([{ path, expected }]);
}

function socketWordsOf(error: unknown): string {
  switch ((error as NodeJS.ErrnoException)?.code) {
    case "EADDRINUSE":
      return "another server answers there, or there is a file that is no socket; end the one, move the other, or choose another path";
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return "this user has no right to make a file there; choose a folder of its own, such as RuntimeDirectory= (systemd) gives";
    case "ENOENT":
    case "ENOTDIR":
      return "there is no such folder; make it first, or choose another path";
    default:
      return wordsOf(error, 0);
  }
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
