/** `postern start`: checks what a user can get wrong, runs the gateway, and says where it listens. */
import { relative } from "node:path";
import { parseArgs } from "node:util";
import { formatSocketAddress, type GatewayConfig } from "../config/mod.ts";
import type { Running } from "./compose.ts";
import { openDataFolder } from "./data-folder.ts";
import { lockDataFolder } from "./data-lock.ts";
import { findConfig, loadConfig } from "./load-config.ts";
import { createLog } from "./log.ts";
import { packageVersion } from "./main.ts";
import { checkTlsFiles } from "./tls-files.ts";
import { untilStopped } from "./until-stopped.ts";

/** Beside the deadline of the last message: for clients that are in a transaction, and for letting go of everything. */
const CLOSE_SPARE_MS = 45_000;

/** Runs the gateway until SIGTERM or SIGINT; gives the exit code. */
export async function start(args: readonly string[]): Promise<number> {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { config: { type: "string" } },
  });
  const file = findConfig(values.config ?? positionals[0]);
  const config = await loadConfig(file);
  checkTlsFiles(config);
  const data = openDataFolder(config.data);
  const unlock = await lockDataFolder(data, config.data);
  const log = createLog(process.stdout.isTTY === true);
  const { compose, pluginNames } = await import("./compose.ts");
  const running = await compose(config, data, log);
  announce(config, file, running, pluginNames(config));
  const close = () => running.close().finally(unlock);
  return untilStopped(close, log, config.deadlineMs + CLOSE_SPARE_MS);
}

function announce(config: GatewayConfig, file: string, running: Running, plugins: readonly string[]): void {
  const smtp = running.smtp.map((listener) => formatSocketAddress(listener.address));
  const lines = [
    `postern ${packageVersion()}, ${relative(process.cwd(), file)} (${config.hash})`,
    ...running.smtp.map((_, index) => `  SMTP      ${smtp[index]} (${config.listeners[index]?.name})`),
    `  pipeline  ${plugins.join(" > ")}`,
    ...[...running.drivers].map(([name, driver]) => `  next hop  ${name}: ${driver.description}`),
    ...(running.http === undefined ? [] : [`  page      ${running.http.url}`]),
    `  try       npx postern send --to you@example.com${smtp[0] === "127.0.0.1:2525" ? "" : ` --server ${smtp[0]}`}`,
  ];
  process.stderr.write(`${lines.join("\n")}\n`);
}
