/** `postern check`: what the compiler and the start would say of a config, without running it. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { findConfig, loadConfig } from "./load-config.ts";
import { checkTlsFiles } from "./tls-files.ts";

/** Prints what is wrong, with file and line where the compiler knows them; gives the exit code. */
export async function check(args: readonly string[]): Promise<number> {
  const file = findConfig(args[0]);
  const typeFaults = compile(file);
  for (const line of typeFaults ?? []) process.stderr.write(`${line}\n`);
  const config = await loadConfig(file);
  checkTlsFiles(config);
  if (typeFaults !== undefined && typeFaults.length > 0) return 1;
  const types = typeFaults === undefined ? " (types not checked: typescript is not installed)" : "";
  process.stdout.write(`ok: ${config.listeners.length} listeners, config ${config.hash}${types}\n`);
  return 0;
}

/** The compiler's faults, one line each; undefined where no TypeScript is installed. */
function compile(file: string): readonly string[] | undefined {
  const tsc = findCompiler(file);
  if (tsc === undefined || !/\.[mc]?ts$/.test(file)) return tsc === undefined ? undefined : [];
  const options = [
    "--noEmit",
    "--strict",
    "--skipLibCheck",
    "--target",
    "esnext",
    "--module",
    "nodenext",
    "--types",
    "node",
  ];
  const run = spawnSync(
    process.execPath,
    [tsc, "--ignoreConfig", ...options, "--allowImportingTsExtensions", "--pretty", "false", file],
    {
      encoding: "utf8",
    },
  );
  if (run.status === 0) return [];
  const lines = run.stdout.split("\n").filter((line) => line.trim() !== "");
  return joinFaults(lines);
}

function findCompiler(file: string): string | undefined {
  try {
    const manifest = createRequire(pathToFileURL(file)).resolve("typescript/package.json");
    const tsc = join(dirname(manifest), "bin", "tsc");
    return existsSync(tsc) ? tsc : undefined;
  } catch {
    return undefined;
  }
}

/** A fault and its indented explanation as one line: place, then the compiler's last and most telling line. */
function joinFaults(lines: readonly string[]): readonly string[] {
  const faults: { place: string; words: string }[] = [];
  for (const line of lines) {
    const head = /^(\S.*\(\d+,\d+\)): error TS\d+: (.*)$/.exec(line);
    const last = faults.at(-1);
    if (head !== null) faults.push({ place: head[1] ?? "", words: head[2] ?? "" });
    else if (last !== undefined && line.startsWith(" ")) last.words = line.trim();
    else faults.push({ place: "", words: line });
  }
  return faults.map(({ place, words }) =>
    place === "" ? words : `${place.replace(/\((\d+),(\d+)\)$/, ":$1:$2")}: ${words}`,
  );
}
