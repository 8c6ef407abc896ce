/** Finds and imports a config file, and resolves it for the Node host. */
import { existsSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { basename, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import {
  ConfigFaults,
  formatFault,
  type GatewayConfig,
  type LoadedConfig,
  resolveConfig,
} from "../config/mod.ts";
import type { Capability } from "../pipeline/mod.ts";
import { UserError } from "./user-error.ts";

const NODE_CAPABILITIES: ReadonlySet<Capability> = new Set([
  "clientIp",
  "ehlo",
  "tls",
  "auth",
  "dns",
  "fetch",
  "tcp",
  "files",
  "rewriteBody",
  "manyRecipients",
]);

/** The config's file, absolute; the default is gateway.config.ts, or .js, in the working folder. */
export function findConfig(named: string | undefined): string {
  const file = named ?? ["gateway.config.ts", "gateway.config.js"].find((name) => existsSync(name));
  if (file === undefined)
    throw new UserError("found no gateway.config.ts in this folder: copy the one of postern, or name a file");
  if (!existsSync(file)) throw new UserError(`${file}: no such file`);
  return resolve(file);
}

/**
 * Loads and checks a config.
 *
 * @throws UserError with a line for each fault, beginning with the file's name
 */
export async function loadConfig(file: string): Promise<GatewayConfig> {
  const shown = relative(process.cwd(), file);
  const loaded = await importConfig(file, shown);
  try {
    return await resolveConfig(loaded, process.env, {
      capabilities: NODE_CAPABILITIES,
      hostName: hostname(),
    });
  } catch (error) {
    if (error instanceof ConfigFaults) {
      throw new UserError(error.faults.map((fault) => `${shown}: ${formatFault(fault)}`).join("\n"));
    }
    throw new UserError(`${placeOf(error, file, shown)}: ${messageOf(error)}`);
  }
}

async function importConfig(file: string, shown: string): Promise<LoadedConfig> {
  let module: { readonly default?: LoadedConfig };
  try {
    module = await import(pathToFileURL(file).href);
  } catch (error) {
    throw new UserError(missingImport(error) ?? `${placeOf(error, file, shown)}: ${messageOf(error)}`);
  }
  if (module.default === undefined)
    throw new UserError(`${shown}: found no default export, expected export default defineGateway(...)`);
  return module.default;
}

/** Where and what, for an import that leads nowhere; its error has no line, so the importing file is searched for it. */
function missingImport(error: unknown): string | undefined {
  const { code, message = "" } = (error ?? {}) as { code?: string; message?: string };
  const match = /^Cannot find (package|module) '([^']+)' imported from (.+)$/m.exec(message);
  if (code !== "ERR_MODULE_NOT_FOUND" || match === null) return undefined;
  const [, kind, name = "", importer = ""] = match;
  const wanted = kind === "package" ? name : basename(name);
  const lines = existsSync(importer) ? readFileSync(importer, "utf8").split("\n") : [];
  const at = lines.findIndex((line) => /\b(from|import)\b/.test(line) && line.includes(wanted)) + 1;
  const place = `${relative(process.cwd(), importer)}${at > 0 ? `:${at}` : ""}`;
  return kind === "package"
    ? `${place}: cannot find the package ${JSON.stringify(name)}; npm install ${name}, or correct the import`
    : `${place}: cannot find the file ${JSON.stringify(relative(process.cwd(), name))}; correct the import`;
}

/** "gateway.config.ts:12" where the error's stack names a line of the config, else the file alone. */
function placeOf(error: unknown, file: string, shown: string): string {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  for (const name of [pathToFileURL(file).href, file]) {
    const at = stack.indexOf(`${name}:`);
    const line = at < 0 ? null : /^\d+/.exec(stack.slice(at + name.length + 1));
    if (line !== null) return `${shown}:${line[0]}`;
  }
  return shown;
}

function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text
    .replaceAll(/file:\/\/\S+/g, (url) =>
      URL.canParse(url) ? relative(process.cwd(), fileURLToPath(url)) : url,
    )
    .replaceAll(/\s*\n\s*/g, " ")
    .trim();
}
