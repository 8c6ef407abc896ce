/** Takes the examples out of a README and runs them as a user would: in a folder of their own, "postern" installed. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const RUN_MS = 60_000;

/** The `ts` blocks of a file. @param path from the root of the repository */
export async function examplesOf(path: string): Promise<readonly string[]> {
  const text = await readFile(join(ROOT, path), "utf8");
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map((block) => block[1] ?? "");
}

/** Runs one with `node --test`. */
export async function runExample(
  code: string,
): Promise<{ readonly passed: number; readonly failed: number; readonly output: string }> {
  const folder = await mkdtemp(join(tmpdir(), "postern-example-"));
  try {
    await mkdir(join(folder, "node_modules"));
    await symlink(ROOT, join(folder, "node_modules", "postern"), "dir");
    await writeFile(join(folder, "package.json"), '{ "type": "module" }');
    await writeFile(join(folder, "example.test.ts"), code);
    const output = await runTests(folder);
    const count = (word: string) =>
      Number(new RegExp(`^# ${word} (\\d+)$`, "m").exec(output)?.[1] ?? Number.NaN);
    return { passed: count("pass"), failed: count("fail"), output };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function runTests(folder: string): Promise<string> {
  // Without NODE_TEST_CONTEXT, which would make it report to this very run and tell nothing here.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const command = ["--test", "--test-reporter=tap", "example.test.ts"];
  return new Promise((resolve) => {
    execFile(process.execPath, command, { cwd: folder, env, timeout: RUN_MS }, (error, stdout, stderr) =>
      resolve(`${stdout}\n${stderr}${error ? `\n${error.message}` : ""}`),
    );
  });
}
