/** README.md tried as a reader would: its plugin and test are written down and run, its banner held against the real one. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, normalize, sep } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { startGateway, temporaryFolder } from "../e2e/processes.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const README = readFileSync(join(ROOT, "README.md"), "utf8");
const SECTION = "A plugin of your own, and its test";
const LINES_MAX = 30;
/** tsc and a process of tests on a slow machine. */
const RUN_MS_MAX = 60_000;

/** Inside of the project, where "postern" means the package itself; the name keeps git and the linter away. */
const folder = mkdtempSync(join(ROOT, ".readme.tmp."));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Example {
  readonly path: string;
  readonly text: string;
}

/** The indented code of a section. */
function codeOf(heading: string): string {
  const section = README.split(/^## /m).find((one) => one.startsWith(`${heading}\n`));
  assert.ok(section !== undefined, `README.md has no section "${heading}"`);
  return section
    .split("\n")
    .filter((line) => line.startsWith("    "))
    .map((line) => line.slice(4))
    .join("\n");
}

/** The files that a section shows; each begins with a comment that is its path. */
function examplesOf(heading: string): readonly Example[] {
  return codeOf(heading)
    .split(/^(?=\/\/ \S+\.ts$)/m)
    .map((text) => ({ path: /^\/\/ (\S+)/.exec(text)?.[1] ?? "", text }));
}

function write({ path, text }: Example, below: string): string {
  const file = join(below, path);
  assert.ok(
    normalize(file).startsWith(below + sep),
    `README.md names a path outside of the project: ${path}`,
  );
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

/** Runs the Node of this test; gives the exit code and all that was said. */
function run(args: readonly string[]): Promise<{ code: number; said: string }> {
  // With its own variables node:test would run nothing in a process below it.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [...args],
      { cwd: folder, env, timeout: RUN_MS_MAX },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : 1, said: stdout + stderr }),
    );
  });
}

const examples = examplesOf(SECTION);
const plugin = examples.find(({ path }) => !path.endsWith(".test.ts"));
const itsTest = examples.find(({ path }) => path.endsWith(".test.ts"));

test("README.md shows one plugin and one test of it, under 30 lines together", () => {
  assert.equal(examples.length, 2, examples.map(({ path }) => path).join());
  assert.ok(plugin !== undefined && itsTest !== undefined);
  const lines = examples
    .flatMap(({ text }) => text.split("\n"))
    .filter((line) => !/^(\/\/ \S+\.ts)?$/.test(line));
  assert.ok(lines.length < LINES_MAX, `${lines.length} lines`);
});

test("README.md's plugin and its test compile and pass as they stand", async () => {
  assert.ok(plugin !== undefined && itsTest !== undefined);
  const below = join(folder, "as-it-stands");
  const files = examples.map((example) => write(example, below));
  const project = join(below, "tsconfig.json");
  writeFileSync(project, JSON.stringify({ extends: "../../tsconfig.json", include: [], files }));
  const [compiled, tested] = await Promise.all([
    run([join(ROOT, "node_modules/typescript/bin/tsc"), "-p", project]),
    run(["--test", "--test-reporter=tap", join(below, itsTest.path)]),
  ]);
  // Faults of the package's own files are told by `npm run types`, which compiles them too.
  const faults = compiled.said
    .split("\n")
    .filter((line) => line.includes("error") && !line.startsWith("../"));
  assert.deepEqual(faults, []);
  assert.equal(tested.code, 0, tested.said);
  assert.match(tested.said, /^# pass 1$/m);
});

test("README.md's test fails when its plugin refuses nothing", async () => {
  assert.ok(plugin !== undefined && itsTest !== undefined);
  const below = join(folder, "refuses-nothing");
  const text = plugin.text.replace(/\breturn reject\(.*\);/, "return undefined;");
  assert.notEqual(text, plugin.text, "the plugin of README.md refuses by `return reject(...)`");
  write({ ...plugin, text }, below);
  const { code, said } = await run(["--test", "--test-reporter=tap", write(itsTest, below)]);
  assert.equal(code, 1, said);
  assert.match(said, /250 !== 550/);
});

test("README.md's banner has the lines of the real one", async () => {
  const lines = README.split("\n");
  const first = lines.findIndex((line) => /^ {4}postern \d/.test(line));
  assert.ok(first !== -1, "README.md shows no banner");
  const shown = lines.slice(first, lines.indexOf("", first)).map((line) => line.slice(4));

  const { path, remove } = await temporaryFolder();
  try {
    const gateway = await startGateway({ folder: path });
    await gateway.stop();
    const real = gateway
      .output()
      .split("\n")
      .filter((line) => !line.startsWith("{") && line !== "");
    assert.deepEqual(shown.map(shapeOf), real.map(shapeOf));
  } finally {
    await remove();
  }
});

/** A line of the banner without what differs from run to run: digits of the hash, ports, token, data folder. */
function shapeOf(line: string): string {
  return line
    .replace(/\([0-9a-f]{12}\)/, "(HASH)")
    .replace(/token=\S+/, "token=...")
    .replace(/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT")
    .replace(/: mailbox \S+$/, ": mailbox FOLDER");
}
