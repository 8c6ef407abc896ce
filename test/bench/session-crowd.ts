/** Opens sessions, greets in each, and holds them: a process of its own, asked over IPC. */
import { connect, type Socket } from "node:net";

/** How many sessions there shall be; fewer than there are closes the others. */
export interface CrowdOrder {
  readonly port: number;
  readonly sessions: number;
}

/** What came of it. */
export interface CrowdResult {
  readonly open: number;
  /** Why not all are open. */
  readonly firstFault?: string;
}

/** Sessions that are being opened at the same time. */
const OPENING_MAX = 50;
const held: Socket[] = [];

async function crowd({ port, sessions }: CrowdOrder): Promise<CrowdResult> {
  let firstFault: string | undefined;
  let missing = sessions - held.length;
  const open = async (): Promise<void> => {
    while (missing > 0 && firstFault === undefined) {
      missing -= 1;
      try {
        held.push(await greeted(port));
      } catch (error) {
        firstFault ??= error instanceof Error ? error.message : String(error);
      }
    }
  };
  await Promise.all(Array.from({ length: OPENING_MAX }, open));
  await Promise.all(held.splice(sessions).map(closed));
  // One that was thrown out meanwhile is not open.
  const alive = held.filter(({ readyState }) => readyState === "open").length;
  return { open: alive, ...(firstFault === undefined ? {} : { firstFault }) };
}

/** A session whose EHLO was answered. */
function greeted(port: number): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let text = "";
  let isGreeted = false;
  const read = (chunk: unknown): void => {
    text += String(chunk);
    const last = /^(\d{3}) [^\n]*\n$/m.exec(text)?.[1];
    if (last === undefined) return;
    if (last !== (isGreeted ? "250" : "220")) reject(new Error(text.trim()));
    else if (isGreeted) {
      // What comes later ends the session, and is of no interest.
      socket.off("data", read).resume();
      resolve(socket);
    } else {
      isGreeted = true;
      text = "";
      socket.write("EHLO crowd.example\r\n");
    }
  };
  socket.setEncoding("latin1").on("data", read);
  socket.on("error", reject);
  socket.on("close", () => reject(new Error("the server closed the connection")));
  return promise;
}

function closed(socket: Socket): Promise<void> {
  if (socket.destroyed) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.once("close", () => resolve());
  socket.end("QUIT\r\n");
  return promise;
}

process.on("message", (order: CrowdOrder) => {
  void crowd(order).then((result) => process.send?.(result));
});
process.on("disconnect", () => process.exit());
