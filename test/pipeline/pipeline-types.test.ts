/** Holds the compiler's words against those that mistakes.ts asks for. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";

const root = join(import.meta.dirname, "../..");
const fixture = join(import.meta.dirname, "types/mistakes.ts");

interface Mistake {
  readonly line: number;
  readonly want: string;
}

const source = readFileSync(fixture, "utf8").split("\n");
const mistakes: Mistake[] = source.flatMap((text, i) => {
  const want = /^\/\/ want: (.+)$/.exec(text)?.[1];
  return want && source[i + 1] === "// @ts-expect-error" ? [{ line: i + 3, want }] : [];
});

function compile(files: readonly string[]): Promise<string> {
  const project = join(import.meta.dirname, `types/tsconfig.${process.pid}.tmp.json`);
  writeFileSync(project, JSON.stringify({ extends: "../../../tsconfig.json", include: [], files }));
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(root, "node_modules/typescript/bin/tsc"), "-p", project],
      (_, stdout) => {
        rmSync(project);
        resolve(stdout);
      },
    );
  });
}

describe("the types of pipeline()", async () => {
  const bare = join(import.meta.dirname, `types/bare-${process.pid}.tmp.ts`);
  writeFileSync(bare, source.map((text) => (text === "// @ts-expect-error" ? "//" : text)).join("\n"));
  const output = await compile([bare]);
  rmSync(bare);
  const errors = new Map<number, string>();
  let at = 0;
  for (const text of output.split("\n")) {
    const head = /\.tmp\.ts\((\d+),\d+\): error/.exec(text);
    if (head) at = Number(head[1]);
    if (text.trim()) errors.set(at, `${errors.get(at) ?? ""}${text}\n`);
  }

  it("mistakes.ts lists at least 17 mistakes", () => assert.ok(mistakes.length >= 17, `${mistakes.length}`));
  for (const { line, want } of mistakes) {
    it(`line ${line} says: ${want}`, () => {
      const lines = (errors.get(line) ?? "no error at all").trimEnd().split("\n");
      const last = lines.at(-1) ?? "";
      assert.ok(last.includes(want), `the compiler's last line was: ${last}`);
    });
  }
  it("nothing else in mistakes.ts is an error", () => {
    const known = new Set(mistakes.map(({ line }) => line));
    assert.deepEqual(
      [...errors].filter(([line]) => !known.has(line)),
      [],
    );
  });
});
