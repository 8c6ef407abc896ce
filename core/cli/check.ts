/** `postern check`: what the compiler and the start would say of a config, without starting it. */
import { formatSocketAddress, type GatewayConfig, type NextHop } from "../config/mod.ts";
import { compileConfig } from "./compile-config.ts";
import { configArgument } from "./config-argument.ts";
import { placeFaults } from "./config-place.ts";
import { loadConfig } from "./load-config.ts";
import { pluginNames } from "./plugin-names.ts";
import { shownFile } from "./shown-file.ts";
import { checkTlsFiles } from "./tls-files.ts";
import { UserError } from "./user-error.ts";

/** Prints all that is wrong, a line each, with file and line where they are known; gives the exit code. */
export async function check(args: readonly string[]): Promise<number> {
  const file = configArgument("check", args);
  const types = compileConfig(file);
  for (const line of types.faults) process.stderr.write(`${line}\n`);
  const config = await loadConfig(file);
  try {
    checkTlsFiles(config);
  } catch (error) {
    throw placeFaults(error, file);
  }
  if (types.failure !== undefined) throw new UserError(types.failure);
  if (types.faults.length > 0) return 1;
  process.stdout.write(`${describe(config, file, types.words)}\n`);
  return 0;
}

/** What was found in order, so that who reads it sees what the gateway would do. */
function describe(config: GatewayConfig, file: string, types: string): string {
  const { domains } = config;
  const lines = [
    `ok: ${shownFile(file)} (${config.hash})`,
    `  types     ${types}`,
    ...config.listeners.map((listener) => {
      const { name, address, trustedNetworks: trusted } = listener;
      const who =
        trusted.length === 0 ? "only who logged in" : `who logged in or is in ${trusted.join(", ")}`;
      return `  SMTP      ${formatSocketAddress(address)} (${name}); ${who} may relay`;
    }),
    ...(config.http === undefined ? [] : [`  page      ${formatSocketAddress(config.http.address)}`]),
    `  domains   ${domains.length === 0 ? "none" : domains.join(", ")}`,
    `  pipeline  ${pluginNames(config).join(" > ")}`,
    ...Object.entries(config.nextHops).map(([name, hop]) => `  next hop  ${name}: ${nextHopWords(hop)}`),
  ];
  return lines.join("\n");
}

function nextHopWords(hop: NextHop): string {
  if (hop.kind === "mailbox") return `mailbox ${hop.folder}`;
  return `${hop.kind} ${hop.servers.map(formatSocketAddress).join(", ")}`;
}
