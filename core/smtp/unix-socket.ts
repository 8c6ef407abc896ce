/**
 * The socket file of a listener on a unix socket. Made so that nobody but its owner and its group may connect, whatever
 * the umask is. One that a dead process left is replaced; one that is answered is another server's and stays. Which
 * group it has is the folder's to say (set-group-ID), and who comes to it at all.
 */
import { lstatSync, statSync, unlinkSync } from "node:fs";
import { connect, type Server } from "node:net";
import { dirname } from "node:path";
import type { SocketAddress } from "../config/mod.ts";

/** Takes all from others. The execute bits that it leaves mean nothing for a socket. */
const SOCKET_UMASK = 0o007;

/** The path of a unix socket; undefined for an address of TCP. */
export function socketPathOf({ host }: SocketAddress): string | undefined {
  return host.startsWith("unix:") ? host.slice(5) : undefined;
}

/**
 * Makes the place free for listen(2). Rejects with EADDRINUSE where something is there that is not
 * a dead socket, and with ENOENT where the folder is not.
 */
export async function clearStaleSocket(path: string): Promise<void> {
  // Node's bind(2) would say EACCES of a folder that is not there.
  statSync(dirname(path));
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw inUse(path, "there is a file that is no socket");
  // Silence, no right to ask and a full queue are no proof that nobody is there.
  if ((await errorOfConnecting(path)) !== "ECONNREFUSED") throw inUse(path, "another server answers there");
  unlinkSync(path);
}

/** Binds a server; Node removes the file when the server is closed. Errors are the server's, as of any listen(). */
export function listenOnSocket(server: Server, path: string, backlog: number, done: () => void): void {
  // Between bind(2) and a later chmod(2) there would be a moment for everybody.
  const before = process.umask(SOCKET_UMASK);
  try {
    server.listen({ path, backlog }, done);
  } finally {
    process.umask(before);
  }
}

/** The code of the error that a connection ends with; undefined where it is taken. */
function errorOfConnecting(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on("connect", () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code));
  });
}

function inUse(path: string, why: string): Error {
  return Object.assign(new Error(`listen EADDRINUSE: ${why}: ${path}`), { code: "EADDRINUSE" });
}
