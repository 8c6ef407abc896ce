/** Mistakes made in JavaScript are told in the words of the type error. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { cases, TYPES_ALONE, whole } from "./javascript-mistakes.ts";

describe("a mistake made in JavaScript", () => {
  for (const { name, want, told } of cases) {
    it(`${name} is told in the words of the type error: ${want}`, async () => {
      const lines = await told();
      assert.ok(
        lines.some((line) => line.includes(want)),
        `told: ${lines.join("; ") || "nothing"}`,
      );
    });
  }

  it("every message that mistakes.ts asks of the compiler has its case here", () => {
    const text = readFileSync(join(import.meta.dirname, "types/mistakes.ts"), "utf8");
    const wanted = new Set([...text.matchAll(/^ *\/\/ want: (.+)$/gm)].map(([, want]) => want ?? ""));
    const here = new Set([...TYPES_ALONE, ...cases.map(({ want }) => want)]);
    assert.deepEqual(
      [...wanted].filter((want) => !here.has(want)),
      [],
    );
  });

  for (const { name, want, told } of whole) {
    it(`compilePipeline() names the plugin or the condition before the words: ${name}`, async () => {
      assert.deepEqual(await told(), [want]);
    });
  }
});
