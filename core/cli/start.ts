/** `postern start`: checks what a user can get wrong, runs the gateway, and says where it listens. */
import { flushCompileCache } from "node:module";
import { formatSocketAddress, type GatewayConfig } from "../config/mod.ts";
import type { Log } from "../pipeline/mod.ts";
import type { Running } from "./compose.ts";
import { configArgument } from "./config-argument.ts";
import { folderFault, openDataFolder } from "./data-folder.ts";
import { lockDataFolder } from "./data-lock.ts";
import { loadConfig } from "./load-config.ts";
import { createLog } from "./log.ts";
import { packageVersion } from "./main.ts";
import { pluginNames } from "./plugin-names.ts";
import { shownFile } from "./shown-file.ts";
import { untilStopped } from "./until-stopped.ts";

/** Beside the deadline of the last message: for clients that are in a transaction, and for letting go of everything. */
const CLOSE_SPARE_MS = 45_000;

/** Runs the gateway until SIGTERM or SIGINT; gives the exit code. SIGHUP reads the PEM files of the listeners again. */
export async function start(args: readonly string[]): Promise<number> {
  const file = configArgument("start", args);
  const config = await loadConfig(file);
  const log = await createLog(process.stdout.isTTY === true);
  const starting = run(config, log);
  // Listens for signals first: mail can come, and a supervisor can stop us, before the banner is out.
  const stopped = untilStopped(
    () => starting.then((running) => running.close()),
    log,
    config.deadlineMs + CLOSE_SPARE_MS,
  );
  const running = await starting.catch(async (error: unknown) => {
    // What only tells faults is loaded when there is one, here and in load-config.ts: it would cost each start.
    throw (await import("./config-place.ts")).placeFaults(error, file);
  });
  // untilStopped keeps the signal from ending the process.
  process.on("SIGHUP", () => {
    for (const listener of running.smtp) void listener.reloadCertificates();
  });
  announce(config, file, running);
  // A gateway that is killed would leave nothing for the next start.
  flushCompileCache();
  return stopped;
}

/** All that can fail for want of a file, a right or a port. The lock of the data folder goes last. */
async function run(config: GatewayConfig, log: Log): Promise<Running> {
  // Who has none does not load what reads them before the lock is taken.
  if (config.listeners.some(({ tls }) => tls !== undefined))
    (await import("./tls-files.ts")).checkTlsFiles(config);
  const data = openDataFolder(config.data);
  const unlock = await lockDataFolder(data, config.data);
  try {
    const { compose } = await import("./compose.ts");
    const running = await compose(config, data, log);
    return { ...running, close: () => running.close().finally(unlock) };
  } catch (error) {
    unlock();
    throw folderFault(error, config.data);
  }
}

function announce(config: GatewayConfig, file: string, running: Running): void {
  const smtp = running.smtp.map((listener) => formatSocketAddress(listener.address));
  const lines = [
    `postern ${packageVersion()}, ${shownFile(file)} (${config.hash})`,
    ...config.listeners.map(
      ({ name, kind }, index) => `  ${kind === "lmtp" ? "LMTP" : "SMTP"}      ${smtp[index]} (${name})`,
    ),
    `  pipeline  ${pluginNames(config).join(" > ")}`,
    ...[...running.drivers].map(([name, driver]) => `  next hop  ${name}: ${driver.description}`),
    ...(running.http === undefined ? [] : [`  page      ${running.http.url}`]),
    ...tryLine(config, smtp),
  ];
  process.stderr.write(`${lines.join("\n")}\n`);
}

/** How to send a first message; nothing where no listener takes SMTP at a port, as `send` speaks no other. */
function tryLine(config: GatewayConfig, bound: readonly string[]): readonly string[] {
  const server = bound.find(
    (address, index) => config.listeners[index]?.kind !== "lmtp" && !address.startsWith("unix:"),
  );
  if (server === undefined) return [];
  const option = server === "127.0.0.1:2525" ? "" : ` --server ${server}`;
  return [`  try       npx postern send --to you@example.com${option}`];
}
