/** Finds and imports a config file, and resolves it for the Node host. */
import { existsSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ConfigFaults, type GatewayConfig, type LoadedConfig, resolveConfig } from "../config/mod.ts";
import type { Capability } from "../pipeline/mod.ts";
import { shownFile } from "./shown-file.ts";
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
const EXTENSIONS = [".ts", ".mts", ".js", ".mjs"];
/** A config may ask others while it loads; one that waits for ever must not keep the gateway from saying so. */
const LOAD_MS_MAX = 30_000;

/** The config's file, absolute; the default is gateway.config.ts, or .js, in the working folder. */
export function findConfig(named: string | undefined): string {
  const file = named ?? ["gateway.config.ts", "gateway.config.js"].find((name) => existsSync(name));
  if (file === undefined)
    throw new UserError("found no gateway.config.ts in this folder; copy the one of postern, or name a file");
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined)
    throw new UserError(`${file}: no such file, expected a config such as gateway.config.ts`);
  if (!found.isFile())
    throw new UserError(`${file}: is no file, expected a config such as gateway.config.ts`);
  if (!EXTENSIONS.includes(extname(file)))
    throw new UserError(
      `${file}: found no TypeScript or JavaScript module, expected ${EXTENSIONS.join(", ")}`,
    );
  return resolve(file);
}

/**
 * Loads and checks a config.
 *
 * @param waitMsMax how long the file may take to load
 * @throws UserError with a line for each fault, beginning with the file's name, and the line where it is known
 */
export async function loadConfig(file: string, waitMsMax = LOAD_MS_MAX): Promise<GatewayConfig> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () =>
      late.reject(
        new UserError(`${shownFile(file)}: has not loaded after ${waitMsMax} ms; see what it waits for`),
      ),
    waitMsMax,
  );
  try {
    return await Promise.race([load(file), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function load(file: string): Promise<GatewayConfig> {
  try {
    const { default: loaded } = await importModule(file);
    if (loaded === undefined) {
      throw new ConfigFaults([
        { path: "", found: "no default export", expected: "export default defineGateway(...)" },
      ]);
    }
    return await resolveConfig(loaded, process.env, {
      capabilities: NODE_CAPABILITIES,
      durableSpool: true,
      hostName: hostname(),
    });
  } catch (error) {
    if (error instanceof ConfigFaults) throw (await import("./config-place.ts")).placeFaults(error, file);
    throw (await import("./import-fault.ts")).importFault(error, file);
  }
}

/** Imports without Node's word that a package.json has no "type": a config is a module whatever stands beside it. */
async function importModule(file: string): Promise<{ readonly default?: LoadedConfig }> {
  const { emitWarning } = process;
  process.emitWarning = (...warning: unknown[]) => {
    const [, details] = warning as [unknown, { readonly code?: string } | undefined];
    if (!warning.includes(TYPELESS) && details?.code !== TYPELESS)
      Reflect.apply(emitWarning, process, warning);
  };
  try {
    return await import(pathToFileURL(file).href);
  } finally {
    process.emitWarning = emitWarning;
  }
}

const TYPELESS = "MODULE_TYPELESS_PACKAGE_JSON";
