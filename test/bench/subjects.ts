/** The servers under measurement, each in processes of its own that relay to a port of this machine. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPostfixSubject } from "./postfix-subject.ts";
import { ask, ended, here } from "./processes.ts";
import type { Live, LoopDelay, Usage } from "./usage-report.ts";

const START_MS_MAX = 20_000;
const POSTERN = here("../../core/cli/postern.js");

/**
 * What is compared. `sessions` and `strangers` are the gateway with one setting more, for what needs it; those of `auth`
 * stand in configs/ too.
 */
export type SubjectName =
  | "baseline"
  | "empty"
  | "plugins"
  | "postfix"
  | "sessions"
  | "strangers"
  | "auth"
  | "auth-without"
  | "auth-variants";

type Environment = { readonly [name: string]: string };

/** A server under measurement. */
export interface Subject {
  readonly port: number;
  usage(): Promise<Usage>;
  end(): Promise<void>;
}

/** One that runs on Node. */
export interface NodeSubject extends Subject {
  /** Its data folder; the baseline has none. */
  readonly data: string;
  /** Of its event loop, since it was asked before. */
  loopDelay(): Promise<LoopDelay>;
  /** Needs "--expose-gc" among its options. */
  live(): Promise<Live>;
}

/** Starts a server. `nodeOptions` go to its node, as "--cpu-prof"; Postfix has none, nor variables. */
export async function startSubject(
  name: SubjectName,
  nextHopPort: number,
  nodeOptions: readonly string[] = [],
  env: Environment = {},
): Promise<Subject> {
  return name === "postfix"
    ? startPostfixSubject(nextHopPort)
    : startNodeSubject(name, nextHopPort, nodeOptions, env);
}

/** {@link startSubject} for one that runs on Node. */
export function startNodeSubject(
  name: Exclude<SubjectName, "postfix">,
  nextHopPort: number,
  nodeOptions: readonly string[] = [],
  env: Environment = {},
): Promise<NodeSubject> {
  const args =
    name === "baseline"
      ? [here("baseline-forwarder.ts"), String(nextHopPort)]
      : [POSTERN, "start", "--config", here(`configs/${name}.config.ts`)];
  return start(args, { ...env, POSTERN_UPSTREAM: `127.0.0.1:${nextHopPort}` }, nodeOptions);
}

/** Milliseconds from exec of node to the line that tells of the listeners, with the project's own config. */
export async function startMs(): Promise<number> {
  const env = { POSTERN_SMTP: "127.0.0.1:0", POSTERN_HTTP: "127.0.0.1:0" };
  const config = here("../../gateway.config.ts");
  const began = performance.now();
  const subject = await start([POSTERN, "start", "--config", config], env, []);
  const elapsed = performance.now() - began;
  await subject.end();
  return elapsed;
}

async function start(
  args: readonly string[],
  env: Environment,
  nodeOptions: readonly string[],
): Promise<NodeSubject> {
  const folder = mkdtempSync(join(tmpdir(), "postern-bench-"));
  // A file as a service manager's log is one: what the log costs belongs to the figures.
  const log = openSync(join(folder, "log"), "w");
  const data = join(folder, "data");
  const child = spawn(process.execPath, ["--import", here("usage-report.ts"), ...nodeOptions, ...args], {
    stdio: ["ignore", log, "pipe", "ipc"],
    env: { ...process.env, POSTERN_DATA: data, ...env },
  });
  closeSync(log);
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true });
  // A measurement that is broken off leaves nothing behind either.
  process.once("exit", removeFolder);
  const end = async (): Promise<void> => {
    await ended(child);
    process.off("exit", removeFolder);
    removeFolder();
  };
  try {
    const port = await announcedPort(child);
    return {
      port,
      data,
      usage: () => ask<Usage>(child, "usage"),
      loopDelay: () => ask<LoopDelay>(child, "loop"),
      live: () => ask<Live>(child, "live"),
      end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Waits for the line "SMTP 127.0.0.1:PORT" of a server, or "LMTP". */
function announcedPort(child: ChildProcess): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let told = "";
  const late = setTimeout(() => reject(new Error(`a server did not start: ${told}`)), START_MS_MAX);
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    told = (told + text).slice(-4096);
    const match = /[SL]MTP +127\.0\.0\.1:(\d+)/.exec(told);
    if (match) resolve(Number(match[1]));
  });
  child.once("exit", () => reject(new Error(`a server ended at its start: ${told}`)));
  return promise.finally(() => clearTimeout(late));
}
