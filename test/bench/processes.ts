/** The processes of a measurement: started, asked and ended. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { LoadOrder, LoadResult } from "./load.ts";
import type { Usage } from "./usage-report.ts";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const START_MS_MAX = 20_000;
const END_MS_MAX = 10_000;

/** What is compared. */
export type SubjectName = "baseline" | "empty" | "plugins";

/** A server under measurement. */
export interface Subject {
  readonly port: number;
  usage(): Promise<Usage>;
  end(): Promise<void>;
}

/** Starts a server that relays to a port of this machine. `nodeOptions` go to its node, as "--cpu-prof". */
export async function startSubject(
  name: SubjectName,
  nextHopPort: number,
  nodeOptions: readonly string[] = [],
): Promise<Subject> {
  const args =
    name === "baseline"
      ? [here("baseline-forwarder.ts"), String(nextHopPort)]
      : [here("../../core/cli/postern.js"), "start", "--config", here(`configs/${name}.config.ts`)];
  return start(args, { POSTERN_UPSTREAM: `127.0.0.1:${nextHopPort}` }, nodeOptions);
}

/** Milliseconds from exec of node to the line that tells of the listeners, with the project's own config. */
export async function startMs(): Promise<number> {
  const env = { POSTERN_SMTP: "127.0.0.1:0", POSTERN_HTTP: "127.0.0.1:0" };
  const config = here("../../gateway.config.ts");
  const began = performance.now();
  const subject = await start([here("../../core/cli/postern.js"), "start", "--config", config], env, []);
  const elapsed = performance.now() - began;
  await subject.end();
  return elapsed;
}

async function start(
  args: readonly string[],
  env: { readonly [name: string]: string },
  nodeOptions: readonly string[],
): Promise<Subject> {
  const folder = mkdtempSync(join(tmpdir(), "postern-bench-"));
  // A file as a service manager's log is one: what the log costs belongs to the figures.
  const log = openSync(join(folder, "log"), "w");
  const child = spawn(process.execPath, ["--import", here("usage-report.ts"), ...nodeOptions, ...args], {
    stdio: ["ignore", log, "pipe", "ipc"],
    env: { ...process.env, POSTERN_DATA: join(folder, "data"), ...env },
  });
  closeSync(log);
  try {
    const port = await announcedPort(child);
    return {
      port,
      usage: () => ask<Usage>(child, "usage"),
      async end() {
        await ended(child);
        rmSync(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await ended(child);
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Waits for the line "SMTP 127.0.0.1:PORT" of a server. */
function announcedPort(child: ChildProcess): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let told = "";
  const late = setTimeout(() => reject(new Error(`a server did not start: ${told}`)), START_MS_MAX);
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    told = (told + text).slice(-4096);
    const match = /SMTP +127\.0\.0\.1:(\d+)/.exec(told);
    if (match) resolve(Number(match[1]));
  });
  child.once("exit", () => reject(new Error(`a server ended at its start: ${told}`)));
  return promise.finally(() => clearTimeout(late));
}

function ask<Answer>(child: ChildProcess, question: string | object): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const gone = () => reject(new Error("a process of the measurement ended"));
  child.once("message", (answer) => resolve(answer as Answer));
  child.once("exit", gone);
  child.send(question);
  return promise.finally(() => child.off("exit", gone));
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const late = setTimeout(() => child.kill("SIGKILL"), END_MS_MAX);
  child.once("exit", () => {
    clearTimeout(late);
    resolve();
  });
  child.kill("SIGTERM");
  return promise;
}

/** Source and sink of the messages. */
export interface Rig {
  readonly sinkPort: number;
  /** Messages that the sink took so far. */
  taken(): Promise<number>;
  load(order: LoadOrder): Promise<LoadResult>;
  end(): Promise<void>;
}

/** Starts source and sink. */
export async function startRig(): Promise<Rig> {
  const helper = (name: string) =>
    spawn(process.execPath, [here(name)], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const load = helper("load.ts");
  const sink = helper("sink.ts");
  const { promise, resolve } = Promise.withResolvers<{ port: number }>();
  sink.once("message", (message) => resolve(message as { port: number }));
  const { port } = await promise;
  return {
    sinkPort: port,
    taken: async () => (await ask<{ messages: number }>(sink, "count")).messages,
    load: (order) => ask<LoadResult>(load, order),
    async end() {
      await Promise.all([ended(load), ended(sink)]);
    },
  };
}
