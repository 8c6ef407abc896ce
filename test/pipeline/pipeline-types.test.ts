/** Holds the compiler's words against those that mistakes.ts asks for, and its time against a bound. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { compile } from "./compiler.ts";

const source = readFileSync(join(import.meta.dirname, "types/mistakes.ts"), "utf8").split("\n");

interface Mistake {
  readonly line: number;
  readonly want: string;
}

const EXPECTED = "// @ts-expect-error";
const mistakes: readonly Mistake[] = source.flatMap((text, i) => {
  const want = /^ *\/\/ want: (.+)$/.exec(text)?.[1];
  return want && source[i + 1]?.trim() === EXPECTED ? [{ line: i + 3, want }] : [];
});

describe("the types of pipeline()", () => {
  const errors = new Map<number, string>();
  before(async () => {
    const bare = source.map((text) => text.replace(EXPECTED, "//")).join("\n");
    let at = 0;
    for (const text of (await compile([{ name: "mistakes.ts", text: bare }])).split("\n")) {
      const head = /mistakes\.ts\((\d+),\d+\): error/.exec(text);
      if (head) at = Number(head[1]);
      if (text.trim()) errors.set(at, `${errors.get(at) ?? ""}${text}\n`);
    }
  });

  it("mistakes.ts lists at least 64 mistakes", () => assert.ok(mistakes.length >= 64, `${mistakes.length}`));
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

describe("the compiler's time for pipeline()", () => {
  const DIFFERENCE_SECONDS_MAX = 1;
  /** A pipeline of plugins that each read the facts of the two before it. */
  const pipelineOf = (count: number): string => {
    const plugins = Array.from({ length: count }, (_, i) => {
      const reads = [i - 1, i - 2].filter((at) => at >= 0).map((at) => `Fact${at}`);
      return `
export const Fact${i} = fact("fact${i}", { stage: "data", scope: "transaction", schema: z.string(), fallback: "" });
const plugin${i} = () => definePlugin({
  name: "plugin${i}", reads: [${reads.join(", ")}], provides: [Fact${i}], edits: ["header"],
  async data(ctx) {
    ctx.provide(Fact${i}, \`${reads.map((fact) => `\${ctx.fact(${fact})}`).join()}\`);
    if (ctx.message.header.get("x-bad")) return reject("5.7.1", "no");
    ctx.message.addField("X-${i}", ctx.id, "told");
    return undefined;
  },
});`;
    });
    const calls = plugins.map((_, i) => `plugin${i}()`);
    return `import { definePlugin, fact, pipeline, reject, routeTo, z } from "../../../../core/pipeline/mod.ts";
const routes = () => definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") });
${plugins.join("")}
export default pipeline(${calls.join(", ")}, routes());
`;
  };
  const checkSeconds = async (count: number): Promise<number> => {
    const output = await compile([{ name: "config.ts", text: pipelineOf(count) }], ["--extendedDiagnostics"]);
    assert.doesNotMatch(output, /error TS/);
    const seconds = /^Check time:\s+([\d.]+)s/m.exec(output)?.[1];
    assert.ok(seconds !== undefined, `no check time in:\n${output}`);
    return Number(seconds);
  };

  it("60 plugins take pipeline() less than a second more than one plugin", async (t) => {
    // The best of three, as a busy machine only ever adds to it.
    let [one, sixty] = [Infinity, Infinity];
    for (let round = 0; round < 3 && !(sixty - one < DIFFERENCE_SECONDS_MAX); round++) {
      one = Math.min(one, await checkSeconds(1));
      sixty = Math.min(sixty, await checkSeconds(60));
    }
    t.diagnostic(`check time: 1 plugin ${one} s, 60 plugins ${sixty} s`);
    assert.ok(sixty - one < DIFFERENCE_SECONDS_MAX, `${sixty} s - ${one} s`);
  });

  it("60 plugins in the wrong order are told by pipeline() too", async () => {
    const text = pipelineOf(60).replace("plugin0(), ", "").replace("routes())", "plugin0(), routes())");
    const output = await compile([{ name: "config.ts", text }]);
    assert.match(output, /needs the fact 'fact0': put the plugin that provides it earlier/);
  });
});
