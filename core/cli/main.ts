/** The command line: picks the command, and turns a user's mistake into one clear line and exit code 1. */
import { readFileSync } from "node:fs";
import { UserError } from "./user-error.ts";

const COMMANDS: { readonly [name: string]: () => Promise<(args: readonly string[]) => Promise<number>> } = {
  start: async () => (await import("./start.ts")).start,
  dev: async () => (await import("./dev.ts")).dev,
  check: async () => (await import("./check.ts")).check,
  send: async () => (await import("./send.ts")).send,
  hash: async () => (await import("./hash.ts")).hash,
  dkim: async () => (await import("./dkim.ts")).dkim,
};

const HELP = `postern: a mail gateway

  postern start [CONFIG]    run the gateway (default: gateway.config.ts)
  postern dev [CONFIG]      run it, and again at each change of the config
  postern check [CONFIG]    look for mistakes in a config: types, values, routes
  postern send --to ADDRESS [--from ADDRESS] [--file MESSAGE] [--server HOST:PORT] [--tls]
                            send a test message and print the dialogue
  postern hash [--scram]    make a password hash for smtpAuth, and SCRAM keys of the same; reads the password from the
                            terminal or stdin
  postern dkim new DOMAIN SELECTOR [--type rsa|ed25519] [--bits 2048] [--out FILE]
                            make a key for DKIM signatures, and print its record for DNS
  postern dkim check [CONFIG]
                            say for each key of a config whether DNS has its record
  postern version           print the version
`;

/** Runs one command; sets the exit code. Never rejects. */
export async function main(args: readonly string[]): Promise<void> {
  const [name = "help", ...rest] = args;
  if (name === "help" || name === "--help" || name === "-h") {
    process.stdout.write(HELP);
    return;
  }
  if (name === "version" || name === "--version" || name === "-v") {
    process.stdout.write(`${packageVersion()}\n`);
    return;
  }
  try {
    const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (load === undefined) {
      throw new UserError(`postern ${name}: no such command; there are ${Object.keys(COMMANDS).join(", ")}`);
    }
    process.exitCode = await (await load())(rest);
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    process.exitCode = 1;
  }
}

/** The version of package.json. */
export function packageVersion(): string {
  return JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version;
}

function explain(error: unknown): string {
  if (error instanceof UserError) return error.message;
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code ?? "";
  // parseArgs explains itself in its first sentence. Anything else is a fault of ours, where the stack helps.
  if (code.startsWith("ERR_PARSE_ARGS")) return `${error.message.split(/\n|\. |\.$/)[0]}; see postern help`;
  return error.stack ?? error.message;
}
