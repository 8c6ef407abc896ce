/** A gateway that runs as a process, and what it has said so far. */
import type { ChildProcess } from "node:child_process";
import { type CommandOptions, startCommand } from "./command.ts";

/** A command that runs on. */
export interface Started {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  stdout(): string;
  stderr(): string;
  /** Resolves with the match when stdout and stderr together say it, after `from` characters. */
  says(pattern: RegExp, from?: number): Promise<RegExpExecArray>;
  /** SIGTERM, and the exit code. */
  stop(): Promise<number | null>;
}

const SAY_MS_MAX = 60_000;
/** The banner's last line. */
export const READY = /SMTP {6}(\S+) [\s\S]*? {2}try .*\r?\n/;

/** Starts a command that does not end by itself. */
export function started(args: readonly string[], options: CommandOptions): Started {
  const child = startCommand(args, options);
  let all = "";
  const said = { stdout: "", stderr: "" };
  const waiting = new Set<() => void>();
  for (const from of ["stdout", "stderr"] as const) {
    child[from]?.on("data", (chunk) => {
      said[from] += chunk;
      all += chunk;
      for (const look of waiting) look();
    });
  }
  let ended = false;
  const exited = new Promise<number | null>((resolve) => {
    child.on("close", (code) => {
      ended = true;
      resolve(code);
      for (const look of waiting) look();
    });
  });
  return {
    child,
    exited,
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    says(pattern, from = 0) {
      const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>();
      const timer = setTimeout(() => {
        child.kill("SIGKILL");
        reject(new Error(`it did not say ${pattern}: ${all}`));
      }, SAY_MS_MAX);
      const look = (): void => {
        const match = pattern.exec(all.slice(from));
        if (match !== null) resolve(match);
        else if (ended) reject(new Error(`it ended without saying ${pattern}: ${all}`));
      };
      waiting.add(look);
      look();
      return promise.finally(() => {
        clearTimeout(timer);
        waiting.delete(look);
      });
    },
    stop() {
      child.kill("SIGTERM");
      return exited;
    },
  };
}

/** Starts `postern start` and waits for its banner. */
export async function startedGateway(
  options: CommandOptions,
  args: readonly string[] = ["start"],
): Promise<Started & { readonly server: string }> {
  const gateway = started(args, options);
  const [, server = ""] = await gateway.says(READY);
  return { ...gateway, server };
}
