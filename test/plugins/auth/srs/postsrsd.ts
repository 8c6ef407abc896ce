/** A postsrsd (Debian package, 1.x) that runs for a test: two tables of Postfix's tcp_table(5) on loopback. */
import { type ChildProcess, spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../../e2e/processes.ts";

const START_MS_MAX = 10_000;
const RETRY_MS = 20;

/** One that runs. Answers are an address, or "!" and why there is none. */
export interface Postsrsd {
  forward(address: string): Promise<string>;
  reverse(address: string): Promise<string>;
  stop(): Promise<void>;
}

/** Starts one. @param folder takes its file of secrets */
export async function startPostsrsd(
  folder: string,
  { domain, keys }: { readonly domain: string; readonly keys: readonly string[] },
): Promise<Postsrsd> {
  const secrets = join(folder, "secrets");
  await writeFile(secrets, keys.map((key) => `${key}\n`).join(""), { mode: 0o600 });
  const ports = [await freePort(), await freePort()] as const;
  const args = ["-4", `-s${secrets}`, `-d${domain}`, `-f${ports[0]}`, `-r${ports[1]}`];
  const child = spawn("/usr/sbin/postsrsd", args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk) => (said += chunk));
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const stop = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  try {
    const [forward, reverse] = [await tableAt(ports[0], child), await tableAt(ports[1], child)];
    return {
      forward: forward.get,
      reverse: reverse.get,
      async stop() {
        // It has a process for each connection, which ends with that.
        forward.close();
        reverse.close();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw new Error(`postsrsd does not answer: ${said}`, { cause: error });
  }
}

async function tableAt(port: number, child: ChildProcess) {
  const socket = await connected(port, child);
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  return {
    close: () => socket.destroy(),
    async get(address: string): Promise<string> {
      socket.write(`get ${encode(address)}\n`);
      const { value = "" } = await lines.next();
      const [, code, text = ""] = /^(\d{3}) (.*)$/.exec(value) ?? [];
      return code === "200" ? decode(text) : `!${value}`;
    },
  };
}

async function connected(port: number, child: ChildProcess): Promise<Socket> {
  for (let waitedMs = 0; ; waitedMs += RETRY_MS) {
    const socket = connect(port, "127.0.0.1");
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    if (isOpen) return socket;
    if (child.exitCode !== null || waitedMs > START_MS_MAX) throw new Error("nobody listens");
    await sleep(RETRY_MS);
  }
}

/** tcp_table(5): octets that are not visible, and "%", by their hex digits. */
const encode = (text: string): string =>
  [...Buffer.from(text)]
    .map((octet) =>
      octet > 0x20 && octet < 0x7f && octet !== 0x25
        ? String.fromCharCode(octet)
        : `%${octet.toString(16).padStart(2, "0")}`,
    )
    .join("");

const decode = (text: string): string => decodeURIComponent(text);
