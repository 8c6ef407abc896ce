/** Puts the place in the config's file before each fault: "gateway.config.ts:8: listeners[0].address: ...". */
import { readFileSync } from "node:fs";
import { type ConfigFault, ConfigFaults, formatFault } from "../config/mod.ts";
import { lineOfPath } from "./config-lines.ts";
import { shownFile } from "./shown-file.ts";
import { UserError } from "./user-error.ts";

/** Faults with a path as a user's mistake in the config's file, a line each; other errors are given back as they are. */
export function placeFaults(error: unknown, file: string): unknown {
  if (!(error instanceof ConfigFaults)) return error;
  const source = readSource(file);
  return new UserError(
    error.faults.map((fault) => `${placeOf(fault, source, file)}: ${formatFault(fault)}`).join("\n"),
  );
}

function placeOf(fault: ConfigFault, source: string, file: string): string {
  // "pipeline: routes" is what a plugin of the pipeline is wrong about.
  const line = fault.path === "" ? undefined : lineOfPath(source, fault.path.split(":")[0] ?? "");
  return line === undefined ? shownFile(file) : `${shownFile(file)}:${line}`;
}

function readSource(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
