/** `postern check`: what the compiler and the start would say of a config, without starting it. */
import { type DialogueRule, formatSocketAddress, type GatewayConfig, type NextHop } from "../config/mod.ts";
import { compilePipeline } from "../pipeline/mod.ts";
import { authMechanisms } from "./auth-mechanisms.ts";
import { compileConfig } from "./compile-config.ts";
import { configArgument } from "./config-argument.ts";
import { placeFaults } from "./config-place.ts";
import type { FoundKey } from "./dkim-check.ts";
import { loadConfig } from "./load-config.ts";
import { pluginNames } from "./plugin-names.ts";
import { shownFile } from "./shown-file.ts";
import type { FoundCertificate } from "./tls-files.ts";
import { UserError } from "./user-error.ts";

/** Prints all that is wrong, a line each, with file and line where they are known; gives the exit code. */
export async function check(args: readonly string[]): Promise<number> {
  const file = configArgument("check", args);
  const types = compileConfig(file);
  for (const line of types.faults) process.stderr.write(`${line}\n`);
  const config = await loadConfig(file);
  let certificates: readonly FoundCertificate[] = [];
  let keys: readonly FoundKey[] = [];
  try {
    keys = await findKeys(config);
    // What reads them brings the whole listener with it.
    if (config.listeners.some(({ tls }) => tls !== undefined))
      certificates = (await import("./tls-files.ts")).checkTlsFiles(config);
  } catch (error) {
    throw placeFaults(error, file);
  }
  if (types.failure !== undefined) throw new UserError(types.failure);
  if (types.faults.length > 0) return 1;
  for (const { warnings } of [...certificates, ...keys])
    for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
  process.stdout.write(`${describe(config, file, types.words, certificates, keys)}\n`);
  return 0;
}

/** What plugins try of the host, and their keys for signatures. Who has none of that does not load what tries it. */
async function findKeys(config: GatewayConfig): Promise<readonly FoundKey[]> {
  const { slots } = compilePipeline(config.pipeline);
  if (slots.every(({ definition }) => !definition.selfTest && !definition.publishedKeys)) return [];
  return (await import("./dkim-check.ts")).findKeys(config);
}

/** What was found in order, so that who reads it sees what the gateway would do. */
function describe(
  config: GatewayConfig,
  file: string,
  types: string,
  certificates: readonly FoundCertificate[],
  keys: readonly FoundKey[],
): string {
  const { domains } = config;
  const mechanisms = authMechanisms(config);
  const lines = [
    `ok: ${shownFile(file)} (${config.hash})`,
    `  types     ${types}`,
    ...config.listeners.flatMap((listener, index) => {
      const { name, address, kind } = listener;
      const protocol = kind === "lmtp" ? "LMTP" : "SMTP";
      return [
        `  ${protocol}      ${formatSocketAddress(address)} (${name}); ${whoRelays(listener)} may relay`,
        ...(listener.upstreams.length === 0
          ? []
          : [`  clients   behind ${listener.upstreams.join(", ")}: those of the Received field`]),
        ...certificates.filter((one) => one.listener === index).map(({ shown }) => `  TLS       ${shown}`),
      ];
    }),
    ...(config.http === undefined ? [] : [`  page      ${formatSocketAddress(config.http.address)}`]),
    ...(config.dns === undefined
      ? []
      : [`  dns       ${"doh" in config.dns ? config.dns.doh : config.dns.servers.join(", ")}`]),
    `  domains   ${domains.length === 0 ? "none" : domains.join(", ")}`,
    `  pipeline  ${pluginNames(config).join(" > ")}`,
    ...(mechanisms.length === 0 ? [] : [`  AUTH      ${mechanisms.join(", ")}, under TLS only`]),
    ...keys.map(({ shown }) => `  DKIM      ${shown}`),
    ...Object.entries(config.nextHops).map(([name, hop]) => `  next hop  ${name}: ${nextHopWords(hop)}`),
    ...config.trace.dialogue.map((rule) => `  dialogue  in the trace: ${dialogueWords(rule)}`),
  ];
  return lines.join("\n");
}

function whoRelays(listener: GatewayConfig["listeners"][number]): string {
  const { kind, trustedNetworks: trusted, xclient } = listener;
  const vouched = xclient.length === 0 ? "" : ` or is said to have by XCLIENT of ${xclient.join(", ")}`;
  // By LMTP nobody logs in, but before a peer that says so.
  const logged = kind === "lmtp" && vouched === "" ? "" : `who logged in${vouched}`;
  if (trusted.length === 0) return logged === "" ? "nobody" : `only ${logged}`;
  return `${logged === "" ? "who" : `${logged} or`} is in ${trusted.join(", ")}`;
}

function dialogueWords({ client, address }: DialogueRule): string {
  const who = client === undefined ? "any client" : `clients in ${client.join(", ")}`;
  return address === undefined ? who : `${who}, mail from or to ${address.join(", ")}`;
}

function nextHopWords(hop: NextHop): string {
  if (hop.kind === "mailbox") return `mailbox ${hop.folder}`;
  if (hop.kind === "mx") {
    const reach = hop.allowPrivateAddresses ? ", also to private addresses" : "";
    return `mx, the hosts of each domain at port ${hop.port} (TLS ${hop.tls}${reach})`;
  }
  return `${hop.kind} ${hop.servers.map(formatSocketAddress).join(", ")}`;
}
