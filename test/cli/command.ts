/** Runs the commands as users do: a process in a folder of its own, with nothing set but what the test says. */
import assert from "node:assert/strict";
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

export const PACKAGE = fileURLToPath(new URL("../../", import.meta.url));
export const POSTERN = join(PACKAGE, "core/cli/postern.js");
const FACE = new URL("../../core/mod.ts", import.meta.url).href;
const PLUGINS = new URL("../../plugins/mod.ts", import.meta.url).href;
const COMMAND_MS_MAX = 60_000;
/** The user "nobody" of most systems: it has no rights, and need not be in the list of users. */
export const NOBODY = 65_534;

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a command is run beside its arguments. */
export interface CommandOptions {
  readonly cwd: string;
  readonly input?: string;
  readonly env?: { readonly [name: string]: string };
  /** Its user, which only root can choose. */
  readonly uid?: number;
  /** What to run it with; the arguments of postern follow. */
  readonly node?: readonly string[];
}

/** A new folder below the system's temporary one, gone when the file's tests are over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "postern-cli-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts a command. Its compile cache is the one of the tests' own user. */
export function startCommand(args: readonly string[], options: CommandOptions): ChildProcess {
  const { cwd, env = {}, uid, node = [process.execPath, POSTERN] } = options;
  const [program = "", ...before] = node;
  const spawned: SpawnOptions = {
    cwd,
    stdio: "pipe",
    timeout: COMMAND_MS_MAX,
    env: { PATH: process.env.PATH, HOME: cwd, ...env },
    ...(uid === undefined ? {} : { uid, gid: uid }),
  };
  return spawn(program, [...before, ...args], spawned);
}

/** Runs a command to its end. */
export async function runCommand(args: readonly string[], options: CommandOptions): Promise<Ended> {
  const child = startCommand(args, options);
  const said = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk) => (said.stdout += chunk));
  child.stderr?.on("data", (chunk) => (said.stderr += chunk));
  child.stdin?.on("error", () => {});
  child.stdin?.end(options.input ?? "");
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  return { code, ...said };
}

/** Fails unless a command ended with 1 and said these lines on stderr and nothing else. */
export function assertRefused(ended: Ended, want: readonly (RegExp | string)[]): void {
  const lines = ended.stderr.split("\n");
  assert.equal(lines.pop(), "", `the last line has no end: ${ended.stderr}`);
  assert.equal(lines.length, want.length, ended.stderr);
  for (const [index, expected] of want.entries()) {
    if (typeof expected === "string") assert.equal(lines[index], expected);
    else assert.match(lines[index] ?? "", expected);
  }
  assert.equal(ended.stdout, "");
  assert.equal(ended.code, 1, ended.stderr);
}

/** Writes a file below a folder. */
export function writeIn(folder: string, name: string, text: string): string {
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

/** The text of a config with `settings` as keys; line 4 is the first of them. */
export const configText = (
  settings: string,
): string => `import { defineGateway, definePlugin, mailbox, pipeline, smtp } from ${JSON.stringify(FACE)};
import { routes } from ${JSON.stringify(PLUGINS)};
export default defineGateway((env) => ({
  ${settings}
  pipeline: pipeline(routes([{ recipient: "*", nextHop: "backend" }])),
  nextHops: { backend: mailbox() },
}));
`;

/** Settings of a config that can be started beside others. */
export const QUIET = 'listeners: [{ address: "127.0.0.1:0" }], data: "data",';

/**
 * Undefined when the tests can run a command as a user without rights, else why not.
 *
 * @param folder is made readable for that user
 */
export async function noOtherUser(folder: string): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "only root can run a process as another user";
  chmodSync(folder, 0o755);
  const { code, stderr } = await runCommand(["version"], { cwd: folder, uid: NOBODY });
  return code === 0 ? undefined : `user ${NOBODY} can not run postern here: ${stderr.split("\n")[0]}`;
}

/** A folder that belongs to the user without rights. */
export function folderOfNobody(path: string): string {
  mkdirSync(path);
  chownSync(path, NOBODY, NOBODY);
  return path;
}
