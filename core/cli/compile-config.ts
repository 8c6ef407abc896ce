/** What the compiler says of a config. It is the TypeScript that is installed where the config stands, if any. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { shownFile } from "./shown-file.ts";

/** The outcome: faults, a line each; how the types were checked; or why the compiler said nothing. */
export interface Compiled {
  readonly faults: readonly string[];
  /** For people: "checked", or why not. */
  readonly words: string;
  readonly failure?: string;
}

const COMPILE_MS_MAX = 120_000;
/** The grammar and the imports are those of Node, which takes the types out and looks for no other ending. */
const OPTIONS = [
  ...["--ignoreConfig", "--noEmit", "--strict", "--skipLibCheck", "--pretty", "false"],
  ...["--target", "esnext", "--module", "preserve", "--moduleDetection", "force"],
  ...["--allowImportingTsExtensions", "--erasableSyntaxOnly", "--verbatimModuleSyntax"],
];

/** Compiles a config and what it imports, in a process of its own. */
export function compileConfig(file: string): Compiled {
  if (!/\.m?ts$/.test(file)) return { faults: [], words: "none to check, it is JavaScript" };
  const tsc = packageFile(file, "typescript", join("bin", "tsc"));
  if (tsc === undefined) {
    return {
      faults: [],
      words: "not checked, as typescript is not installed: npm install --save-dev typescript @types/node",
    };
  }
  const types = packageFile(file, "@types/node", ".");
  const node = types === undefined ? [] : ["--types", "node", "--typeRoots", dirname(types)];
  const run = spawnSync(process.execPath, [tsc, ...OPTIONS, ...node, file], {
    encoding: "utf8",
    timeout: COMPILE_MS_MAX,
  });
  if (run.status === 0) return { faults: [], words: "checked" };
  const all = joinFaults(run.stdout.split("\n").filter((line) => line.trim() !== ""));
  // Where a package brings sources, the user can not mend them, and they are written for other options than these.
  const faults = all.filter(({ file: at }) => at === "" || !isOfPackage(at));
  if (faults.length > 0) return { faults: faults.map(({ line }) => line), words: "" };
  if (all.length > 0) return { faults: [], words: "checked" };
  const why =
    run.error?.message ?? (run.stderr.split("\n")[0] || `it ended with ${run.status ?? run.signal}`);
  return {
    faults: [],
    words: "",
    failure: `${shownFile(file)}: the types can not be checked, as the compiler failed: ${why}; install typescript anew`,
  };
}

/** A file of a package as the config would find it. */
function packageFile(file: string, name: string, path: string): string | undefined {
  try {
    const manifest = createRequire(pathToFileURL(file)).resolve(`${name}/package.json`);
    const found = join(dirname(manifest), path);
    return existsSync(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

interface Fault {
  /** "" where the compiler names none. */
  readonly file: string;
  readonly line: string;
}

/** A fault and its indented explanation as one line: place, then the compiler's last and most telling line. */
function joinFaults(lines: readonly string[]): readonly Fault[] {
  const faults: { file: string; place: string; words: string }[] = [];
  for (const line of lines) {
    const head = /^(\S.*)\((\d+),(\d+)\): error TS\d+: (.*)$/.exec(line);
    const last = faults.at(-1);
    if (head !== null) {
      const [, file = "", row, column, words = ""] = head;
      faults.push({ file, place: `${shownFile(resolve(file))}:${row}:${column}: `, words });
    } else if (last !== undefined && line.startsWith(" ")) last.words = line.trim();
    else faults.push({ file: "", place: "", words: line.trim() });
  }
  return faults.map(({ file, place, words }) => ({ file, line: `${place}${words}` }));
}

const PACKAGE = fileURLToPath(new URL("../../", import.meta.url));

/** Whether a file, as the compiler names it, is of an installed package or of ours. */
function isOfPackage(named: string): boolean {
  const file = resolve(named);
  if (file.includes(`${sep}node_modules${sep}`)) return true;
  return ["core", "plugins"].some((folder) => file.startsWith(`${PACKAGE}${folder}${sep}`));
}
