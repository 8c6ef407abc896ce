/**
 * The code of a README, as a reader would have it: in a project of its own, with "postern" among its packages. The
 * project is a temporary folder, gone when the process ends.
 */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** A block of TypeScript: "```ts", or "```ts name=FILE" where blocks import each other. */
export interface Example {
  readonly fileName: string;
  readonly code: string;
}

/** The blocks of a README, in their order. @param path relative to the project's root */
export function examplesOf(path: string): readonly Example[] {
  const blocks = readFileSync(join(ROOT, path), "utf8").matchAll(/^```ts(?: name=(\S+))?\n([\s\S]*?)^```$/gm);
  return [...blocks].map(([, name, code = ""], n) => ({
    fileName: name ?? `${path.replace(/\W+/g, "-").toLowerCase()}-${n}.ts`,
    code,
  }));
}

/** Puts examples into one project. */
export function projectOf(examples: readonly Example[]) {
  const folder = mkdtempSync(join(tmpdir(), "postern-readme-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "node_modules"));
  for (const [name, target] of [
    ["postern", ROOT],
    ["@types", join(ROOT, "node_modules/@types")],
  ] as const) {
    symlinkSync(target, join(folder, "node_modules", name), "dir");
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  for (const { fileName, code } of examples) writeFileSync(join(folder, fileName), code);
  return {
    /** Runs a file as a module and gives what it exports. */
    load: (fileName: string): Promise<Record<string, unknown>> =>
      import(pathToFileURL(join(folder, fileName)).href),
    /** What the compiler says of all files, "" when they are right. */
    compile(): Promise<string> {
      const { compilerOptions } = JSON.parse(readFileSync(join(ROOT, "tsconfig.json"), "utf8"));
      writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
      const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
      return new Promise((resolve) => {
        execFile(process.execPath, [tsc, "-p", folder], (_, stdout, stderr) => resolve(stdout + stderr));
      });
    },
  };
}
