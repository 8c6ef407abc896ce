/**
 * Clients that say NOOP now and then and look at how long each answer takes, in a process of its own and asked over IPC.
 * They do not wait for one answer before the next NOOP: a server that stands still for a second is seen many times, not
 * once.
 */
import { connect, type Socket } from "node:net";
import { constants, setPriority } from "node:os";

/** What to do. */
export interface QuietOrder {
  readonly port: number;
  readonly forMs: number;
}

/** What was seen. */
export interface QuietResult {
  /** Of each NOOP, in milliseconds. */
  readonly tookMs: readonly number[];
  /** From connect to the answer to EHLO, of each session. */
  readonly openedMs: readonly number[];
  /** How late this process itself was for each NOOP. */
  readonly ownLateMs: readonly number[];
  /** NOOPs without an answer. */
  readonly lost: number;
  /** Sessions that could not be opened. */
  readonly notOpened: number;
}

const SESSIONS = 4;
const EVERY_MS = 20;
/** Then a session makes way for a new one: a server does not hear commands for ever. */
const NOOPS_PER_SESSION = 100;
/** For an answer after the last NOOP. */
const LAST_MS_MAX = 5_000;
const OPEN_MS_MAX = 10_000;

/** What one order gathers. */
interface Seen {
  readonly until: number;
  readonly tookMs: number[];
  readonly openedMs: number[];
  readonly ownLateMs: number[];
  lost: number;
  notOpened: number;
}

async function watch({ port, forMs }: QuietOrder): Promise<QuietResult> {
  const until = performance.now() + forMs;
  const seen: Seen = { until, tookMs: [], openedMs: [], ownLateMs: [], lost: 0, notOpened: 0 };
  await Promise.all(Array.from({ length: SESSIONS }, () => watchOne(port, seen)));
  const { tookMs, openedMs, ownLateMs, lost, notOpened } = seen;
  return { tookMs, openedMs, ownLateMs, lost, notOpened };
}

/** One session after the other. */
async function watchOne(port: number, seen: Seen): Promise<void> {
  while (performance.now() < seen.until) {
    const began = performance.now();
    const socket = await open(port).catch(() => undefined);
    if (socket === undefined) seen.notOpened += 1;
    else {
      seen.openedMs.push(performance.now() - began);
      seen.lost += await ask(socket, seen);
    }
  }
}

/** A session whose EHLO was answered. */
function open(port: number): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let text = "";
  const late = setTimeout(() => socket.destroy(), OPEN_MS_MAX);
  const read = (chunk: unknown): void => {
    text += String(chunk);
    if (!/^\d{3} [^\n]*\n$/m.test(text)) return;
    if (text.startsWith("250")) {
      socket.off("data", read);
      resolve(socket);
    } else if (text.startsWith("220")) socket.write("EHLO quiet.example\r\n");
    else socket.destroy();
    text = "";
  };
  socket.setEncoding("latin1").on("data", read);
  socket.on("error", () => {});
  socket.once("close", () => reject(new Error("the server closed the connection")));
  return promise.finally(() => clearTimeout(late));
}

/** NOOPs until the session has had its number of them; gives how many were not answered. */
function ask(socket: Socket, { until, tookMs, ownLateMs }: Seen): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const sent: number[] = [];
  let left = NOOPS_PER_SESSION;
  let late: NodeJS.Timeout | undefined;
  const say = (planned: number): void => {
    const now = performance.now();
    ownLateMs.push(now - planned);
    sent.push(now);
    socket.write("NOOP\r\n");
    left = now < until ? left - 1 : 0;
    if (left > 0) timer = setTimeout(say, EVERY_MS, now + EVERY_MS);
    else late = setTimeout(() => socket.destroy(), LAST_MS_MAX);
  };
  let timer = setTimeout(say, EVERY_MS, performance.now() + EVERY_MS);
  socket.on("data", (chunk: unknown) => {
    const now = performance.now();
    for (const line of String(chunk).split("\r\n")) {
      const at = line.startsWith("250") ? sent.shift() : undefined;
      if (at !== undefined) tookMs.push(now - at);
    }
    if (left === 0 && sent.length === 0) socket.end("QUIT\r\n");
  });
  socket.once("close", () => {
    clearTimeout(timer);
    clearTimeout(late);
    resolve(sent.length);
  });
  return promise;
}

try {
  // As on a machine of its own: what is measured is the server's time, not the wait for a processor here.
  setPriority(constants.priority.PRIORITY_HIGHEST);
} catch {
  // Root alone may.
}
process.on("message", (order: QuietOrder) => {
  void watch(order).then((result) => process.send?.(result));
});
process.on("disconnect", () => process.exit());
