/**
 * Connects to the first of several addresses of one host that answers (RFC 8305 5): the next one is tried when one
 * failed, or did not answer for a while, and those under way go on. Looks nothing up.
 */
import { connect, type Socket } from "node:net";

/** Where to connect, and for how long it is tried. */
export interface ConnectFirstOptions {
  /** In the order to try them; at least one. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** For all of them together. */
  readonly timeoutMs: number;
}

/** RFC 8305 8: the delay between two attempts. */
const ATTEMPT_DELAY_MS = 250;

/** The first socket that is connected, and its address; rejects with the faults of all. Leaves no other socket open. */
export function connectFirst(
  options: ConnectFirstOptions,
  signal: AbortSignal,
): Promise<{ readonly socket: Socket; readonly address: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ socket: Socket; address: string }>();
  const { addresses, port, timeoutMs } = options;
  const running = new Set<Socket>();
  const faults: string[] = [];
  let next = 0;
  let delay: NodeJS.Timeout | undefined;
  const stop = (winner: Socket | undefined): void => {
    clearTimeout(delay);
    clearTimeout(late);
    signal.removeEventListener("abort", abort);
    next = addresses.length;
    for (const socket of running) if (socket !== winner) socket.destroy();
    running.clear();
  };
  const giveUp = (why: string): void => {
    stop(undefined);
    reject(new Error(why));
  };
  const tryNext = (): void => {
    clearTimeout(delay);
    const address = addresses[next++];
    if (address === undefined) return;
    const socket = connect({ host: address, port, noDelay: true });
    running.add(socket);
    // It stays: until its new owner listens, an error without a listener would end the process.
    socket.on("error", (error) => {
      if (!running.delete(socket)) return;
      faults.push(error.message);
      if (next < addresses.length) tryNext();
      else if (running.size === 0) giveUp(faults.join(", "));
    });
    socket.once("connect", () => {
      if (!running.has(socket)) return;
      stop(socket);
      resolve({ socket, address });
    });
    if (next < addresses.length) delay = setTimeout(tryNext, ATTEMPT_DELAY_MS);
  };
  const abort = (): void => giveUp("the deadline is over");
  const late = setTimeout(() => giveUp("the connection was not there in time"), timeoutMs);
  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  else tryNext();
  return promise;
}
