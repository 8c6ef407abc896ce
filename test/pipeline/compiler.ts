/** Runs the project's compiler over single files, with the project's options. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** A file to compile; it may import "postern" as a user's does. */
export interface Source {
  readonly name: string;
  readonly text: string;
}

/**
 * What the compiler printed. While it runs the files stand in a folder of their own within the project, whose dot keeps
 * it out of what others compile at the same time.
 */
export async function compile(sources: readonly Source[], options: readonly string[] = []): Promise<string> {
  const folder = mkdtempSync(join(import.meta.dirname, "types/.compile.tmp."));
  try {
    for (const { name, text } of sources) writeFileSync(join(folder, name), text);
    const project = join(folder, "tsconfig.json");
    const files = sources.map(({ name }) => name);
    writeFileSync(project, JSON.stringify({ extends: "../../../../tsconfig.json", include: [], files }));
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    return await new Promise((resolve) => {
      execFile(process.execPath, [tsc, "-p", project, ...options], { cwd: root }, (_, stdout) =>
        resolve(stdout),
      );
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
