/** `postern dev`: runs the gateway in a child process, and again when the config or what it imports changes. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { findConfig } from "./load-config.ts";

/** Runs until the child ends; gives its exit code. Node's own watch mode follows the imports. */
export async function dev(args: readonly string[]): Promise<number> {
  const file = findConfig(args[0]);
  const main = fileURLToPath(new URL("./postern.js", import.meta.url));
  const child = spawn(process.execPath, ["--watch", "--watch-preserve-output", main, "start", file], {
    stdio: "inherit",
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => child.kill(signal));
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.on("error", reject);
  child.on("exit", (code) => resolve(code ?? 0));
  return promise;
}
