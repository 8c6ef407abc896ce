/** The one argument of the commands that take a config: `[CONFIG]`, or `--config FILE`. */
import { parseArgs } from "node:util";
import { findConfig } from "./load-config.ts";
import { UserError } from "./user-error.ts";

/** The config's file, absolute. @throws UserError for anything else in the arguments, and when there is no such file */
export function configArgument(command: string, args: readonly string[]): string {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { config: { type: "string" } },
  });
  const named = [...(values.config === undefined ? [] : [values.config]), ...positionals];
  if (named.length > 1) {
    throw new UserError(
      `postern ${command}: found ${named.map((name) => JSON.stringify(name)).join(" and ")}, expected one config; see postern help`,
    );
  }
  return findConfig(named[0]);
}
