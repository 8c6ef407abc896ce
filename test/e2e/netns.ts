/**
 * Two network namespaces of Linux joined by a cable of their own (RFC 5737 addresses, seen nowhere else): the one way
 * to reach a listener off loopback without a network. Needs root. remove() takes both away, with all that is in them.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Taken } from "./processes.ts";

const COMMAND_MS_MAX = 20_000;
const SINK = fileURLToPath(new URL("sink-process.ts", import.meta.url));

/** One namespace. */
export interface Namespace {
  /** Its address on the cable; it has a loopback too. */
  readonly address: string;
  /** What to run a command with, so that it runs inside. */
  readonly prefix: readonly string[];
}

/** Both ends of the cable. */
export interface Namespaces {
  readonly gateway: Namespace;
  readonly client: Namespace;
  remove(): void;
}

/** Why there can be no namespaces here, or false; found out by making some. */
export function namespacesMissing(): string | false {
  if (process.getuid?.() !== 0) return "network namespaces need root";
  try {
    makeNamespaces().remove();
    return false;
  } catch (error) {
    const { code, stderr } = error as { code?: string; stderr?: string };
    if (code === "ENOENT") return "ip is not installed (Debian package iproute2)";
    return `network namespaces are not permitted: ${(stderr ?? String(error)).trim().split("\n")[0]}`;
  }
}

/** Makes both; whoever calls it must call remove(). */
export function makeNamespaces(): Namespaces {
  const [gateway, client] = [`postern-g-${process.pid}`, `postern-c-${process.pid}`];
  const remove = (): void => {
    for (const name of [gateway, client]) {
      try {
        ip(`netns delete ${name}`);
      } catch {
        // It was not made, or is gone.
      }
    }
  };
  try {
    for (const name of [gateway, client]) {
      ip(`netns add ${name}`);
      ip(`-n ${name} link set lo up`);
    }
    ip(`link add cable netns ${gateway} type veth peer name cable netns ${client}`);
    for (const [name, address] of [
      [gateway, "192.0.2.1"],
      [client, "192.0.2.2"],
    ]) {
      ip(`-n ${name} address add ${address}/24 dev cable`);
      ip(`-n ${name} link set cable up`);
    }
  } catch (error) {
    remove();
    throw error;
  }
  const inside = (name: string, address: string): Namespace => ({
    address,
    prefix: ["ip", "netns", "exec", name],
  });
  return { gateway: inside(gateway, "192.0.2.1"), client: inside(client, "192.0.2.2"), remove };
}

/** A sink on the loopback of a namespace. */
export interface SinkInside {
  readonly address: string;
  ledger(): readonly Taken[];
  content(taken: Taken): Buffer;
  clear(): void;
  stop(): Promise<void>;
}

/** Starts a sink inside; it records below `folder`. */
export async function startSinkInside(namespace: Namespace, folder: string): Promise<SinkInside> {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "ledger");
  writeFileSync(file, "");
  const child = spawnInside(namespace, [SINK, folder]);
  const port = await new Promise<string>((resolve, reject) => {
    child.stdout?.once("data", (chunk: Buffer) => resolve(chunk.toString().trim()));
    child.once("close", (code) => reject(new Error(`the sink ended with ${code}`)));
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  return {
    address: `127.0.0.1:${port}`,
    ledger: () => {
      const lines = readFileSync(file, "utf8").split("\n");
      return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Taken);
    },
    content: (taken) => readFileSync(join(folder, taken.file)),
    clear: () => writeFileSync(file, ""),
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Runs a file with this Node inside; the caller ends it. */
export function spawnInside(namespace: Namespace, args: readonly string[]): ChildProcess {
  const [command = "", ...rest] = [...namespace.prefix, process.execPath, ...args];
  return spawn(command, rest, { stdio: ["pipe", "pipe", "inherit"] });
}

function ip(command: string): void {
  execFileSync("ip", command.split(" "), { timeout: COMMAND_MS_MAX, encoding: "utf8", stdio: "pipe" });
}
