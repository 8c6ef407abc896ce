/** `postern dkim`: keys for DKIM signatures. `new` makes one, `check` holds those of a config against DNS. */
import { UserError } from "./user-error.ts";

const COMMANDS: { readonly [name: string]: () => Promise<(args: readonly string[]) => Promise<number>> } = {
  new: async () => (await import("./dkim-new.ts")).dkimNew,
  check: async () => (await import("./dkim-check.ts")).dkimCheck,
};

/** Runs one of the two; gives the exit code. */
export async function dkim(args: readonly string[]): Promise<number> {
  const [name = "", ...rest] = args;
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load === undefined) {
    const found = name === "" ? "nothing" : JSON.stringify(name);
    throw new UserError(`postern dkim: found ${found}, expected new or check; see postern help`);
  }
  return (await load())(rest);
}
