/** `postern dev`: runs the gateway in a child process, and again when the config or what it imports changes. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { configArgument } from "./config-argument.ts";

const SIGNALS = { SIGTERM: "SIGTERM", SIGINT: "SIGINT", SIGHUP: "SIGTERM" } as const;

/** Runs until the child ends; gives its exit code. Node's own watch mode follows the imports. */
export async function dev(args: readonly string[]): Promise<number> {
  const file = configArgument("dev", args);
  const main = fileURLToPath(new URL("./postern.js", import.meta.url));
  // A group of its own: a terminal sends Ctrl-C to its whole group, and the gateway would get it twice, which ends it
  // at once. A terminal that goes away ends this command, so that no gateway is left behind on the port.
  const child = spawn(process.execPath, ["--watch", "--watch-preserve-output", main, "start", file], {
    stdio: ["ignore", "inherit", "inherit"],
    detached: true,
  });
  for (const [signal, passed] of Object.entries(SIGNALS)) process.on(signal, () => child.kill(passed));
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.on("error", reject);
  child.on("exit", (code) => resolve(code ?? 1));
  return promise;
}
