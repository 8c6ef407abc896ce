/** The processes of an e2e test: the gateway as a user starts it, and the sink behind it. Each is ended by its own id. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const POSTERN = fileURLToPath(new URL("../../core/cli/postern.js", import.meta.url));
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SINK = fileURLToPath(new URL("sink-process.ts", import.meta.url));
const START_MS_MAX = 30_000;

/** A message that the sink took. */
export interface Taken {
  readonly file: string;
  readonly sha256: string;
  readonly reversePath: string;
  readonly recipients: readonly string[];
  readonly bytes: number;
}

/** A sink that runs. */
export interface Sink {
  readonly port: number;
  readonly address: string;
  /** All that it took, in order. */
  ledger(): readonly Taken[];
  /** The octets of one message. */
  content(taken: Taken): Buffer;
  /** Forgets what it took. */
  clear(): void;
  stop(): Promise<void>;
}

/** A gateway that runs. */
export interface GatewayProcess {
  readonly pid: number;
  readonly port: number;
  /** From spawn to the line that says where it listens. */
  readonly startMs: number;
  readonly exited: Promise<number | null>;
  readonly output: () => string;
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, and the exit code. */
  stop(): Promise<number | null>;
}

/** A new folder below the system's temporary one, and its removal. */
export async function temporaryFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "postern-e2e-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** A port that was free a moment ago. */
export async function freePort(host = "127.0.0.1"): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, host, resolve);
  });
  const { port } = server.address() as { port: number };
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

/** Starts a sink that records below `folder`; `delayMs` before its last answer to each message; `port` 0 is a free one. */
export async function startSink(
  folder: string,
  options: { readonly delayMs?: number; readonly port?: number } = {},
): Promise<Sink> {
  await mkdir(folder, { recursive: true });
  writeFileSync(join(folder, "ledger"), "");
  const args = Object.entries(options).map(([name, value]) => `${name}=${value}`);
  const child = spawn(process.execPath, [SINK, folder, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const exited = exitOf(child);
  const port = Number(await firstMatch(child, /^(\d+)\n/));
  return {
    port,
    address: `127.0.0.1:${port}`,
    ledger: () =>
      readFileSync(join(folder, "ledger"), "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Taken),
    content: (taken) => readFileSync(join(folder, taken.file)),
    clear: () => writeFileSync(join(folder, "ledger"), ""),
    async stop() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

/** What a gateway is started with. */
export interface GatewayOptions {
  /** Holds the data folder. */
  readonly folder: string;
  /** A config's file; absent: the default config of the package. */
  readonly config?: string;
  readonly env?: { readonly [name: string]: string };
  /** What to run it with, such as `ip netns exec`; the arguments of postern follow. */
  readonly prefix?: readonly string[];
}

/** Starts `postern start` and waits until it listens. */
export async function startGateway(options: GatewayOptions): Promise<GatewayProcess> {
  const { folder, config, env = {}, prefix = [] } = options;
  const [command, ...args] = [...prefix, process.execPath, POSTERN, "start", ...(config ? [config] : [])];
  const begun = performance.now();
  const child = spawn(command ?? "", args, {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env.PATH,
      POSTERN_SMTP: "127.0.0.1:0",
      POSTERN_HTTP: "127.0.0.1:0",
      POSTERN_DATA: join(folder, "data"),
      ...env,
    },
  });
  let output = "";
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString("utf8")).slice(-1_000_000);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const exited = exitOf(child);
  const port = Number(await firstMatch(child, /SMTP {6}\S+:(\d+) /, "stderr"));
  const startMs = performance.now() - begun;
  return {
    pid: child.pid ?? 0,
    port,
    startMs,
    exited,
    output: () => output,
    kill: (signal) => void child.kill(signal),
    stop() {
      child.kill("SIGTERM");
      return exited;
    },
  };
}

/**
 * Writes a config that only routes, so that it adds nothing to a message but the trace field.
 * `settings` are more of its keys as JavaScript, which win; `route` is the one entry of routes().
 */
export async function routesOnlyConfig(
  folder: string,
  { settings = "", route = '{ recipient: "*", nextHop: "backend" }' } = {},
): Promise<string> {
  const file = join(folder, `${randomUUID()}.config.mjs`);
  const face = new URL("../../core/mod.ts", import.meta.url).href;
  const plugins = new URL("../../plugins/mod.ts", import.meta.url).href;
  await writeFile(
    file,
    `import { defineGateway, definePlugin, lmtp, mailbox, mx, pipeline, smtp } from ${JSON.stringify(face)};
import { routes } from ${JSON.stringify(plugins)};
export default defineGateway((env) => ({
  hostName: "gateway.example",
  listeners: [{ address: env.POSTERN_SMTP, greetingDelay: 0 }],
  data: env.POSTERN_DATA,
  domains: env.POSTERN_DOMAINS,
  pipeline: pipeline(routes([${route}])),
  nextHops: { backend: env.POSTERN_UPSTREAM ? smtp(env.POSTERN_UPSTREAM) : mailbox() },
  ${settings}
}));
`,
  );
  return file;
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.on("close", (code) => resolve(code)));
}

/** The first group of a pattern in what a process says; an error with all it said when it ends or takes too long. */
function firstMatch(
  child: ChildProcess,
  pattern: RegExp,
  from: "stdout" | "stderr" = "stdout",
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let said = "";
  const timer = setTimeout(() => {
    child.kill("SIGKILL");
    reject(new Error(`it did not say ${pattern} within ${START_MS_MAX} ms: ${said}`));
  }, START_MS_MAX);
  child[from]?.on("data", (chunk: Buffer) => {
    said += chunk.toString("utf8");
    const found = pattern.exec(said);
    if (found) resolve(found[1] ?? "");
  });
  child.on("error", reject);
  child.on("close", (code) => reject(new Error(`it ended with ${code} and said: ${said}`)));
  return promise.finally(() => clearTimeout(timer));
}
