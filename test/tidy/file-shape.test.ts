/** The rules of a file's and a function's shape: what breaks them and what keeps them. */
import { test } from "node:test";
import { expectFindings, HEAD, type RuleCase } from "./rule-cases.ts";
import { fileShape } from "./rules/file-shape.ts";
import { functionLength } from "./rules/function-length.ts";
import type { SourceTree } from "./source-tree.ts";

const lines = (count: number): string => "// a line\n".repeat(count);
const noLong = (tree: SourceTree) => fileShape(tree, {});
const shortest = (tree: SourceTree) => functionLength(tree, {});

const CASES: readonly RuleCase[] = [
  { name: "350 lines are a file", rule: noLong, files: { "core/a.ts": lines(350) }, want: [] },
  {
    name: "351 need a reason",
    rule: noLong,
    files: { "core/a.ts": lines(351) },
    want: [/a\.ts:351 file length: 351 lines/],
  },
  {
    name: "with a reason 499 lines are one file and 500 are two",
    rule: (tree) => fileShape(tree, { "core/a.ts": "a reason", "core/b.ts": "a reason" }),
    files: { "core/a.ts": lines(499), "core/b.ts": lines(500) },
    want: [/b\.ts:351 file length: 500 lines are two files/],
  },
  {
    name: "a reason that is no longer needed goes",
    rule: (tree) => fileShape(tree, { "core/a.ts": "a reason" }),
    files: { "core/a.ts": lines(350) },
    want: [/a\.ts:1 file length: it is no longer over 350 lines/],
  },
  {
    name: "names are in lower case with hyphens and say something",
    rule: noLong,
    files: Object.fromEntries(
      [
        "core/fooBar.ts",
        "core/Foo/a.ts",
        "core/a_b.ts",
        "core/utils.ts",
        "core/types.ts",
        "core/a-b.test.ts",
        "core/README.md",
        "test/fixtures/A B.eml",
      ].map((path) => [path, HEAD]),
    ),
    want: [
      /Foo\/a\.ts:1 file name: write 'Foo'/,
      /a_b\.ts/,
      /fooBar\.ts/,
      /types\.ts:1 file name: name it by/,
      /utils\.ts/,
    ],
  },
  {
    name: "a file begins with a comment that says what it is",
    rule: noLong,
    files: {
      "core/a.ts": "const a = 1;\n/** late */\n",
      "core/b.ts": "/** */\n",
      "core/c.js": "#!/usr/bin/env node\n// What it is.\n",
      "core/d.ts": HEAD,
      "core/e.test.ts": "test();\n",
    },
    want: [/a\.ts:1 file head: begin/, /b\.ts:1 file head/],
  },
  {
    name: "only a config is a default export",
    rule: noLong,
    files: {
      "core/a.ts": `${HEAD}export default 1;`,
      "core/b.ts": `${HEAD}const b = 1;\nexport { b as default };`,
      "core/c.config.ts": `${HEAD}export default 1;`,
    },
    want: [/a\.ts:2 default export/, /b\.ts:3 default export/],
  },
  {
    name: "a comment promises nothing",
    rule: noLong,
    files: { "core/a.ts": `${HEAD}// TODO: later\nconst a = "TODO";\n/* a\n FIXME */` },
    want: [/a\.ts:2 marker: do what the TODO says/, /a\.ts:\d marker: do what the FIXME says/],
  },
  {
    name: "a function has 70 lines at most, those of functions inside it not counted",
    rule: shortest,
    files: {
      "core/a.ts": `function a() {\n${lines(68)}}\nfunction b() {\n${lines(69)}}\nconst c = () => {\n${lines(69)}};`,
      "core/b.ts": `function outer() {\n${lines(34)}return { inner() {\n${lines(60)}},\n};\n${lines(30)}}`,
      "test/b.test.ts": `describe("a section", () => {\n${lines(80)}});`,
      "test/a.test.ts": `test("it is long", () => {\n${lines(69)}});`,
    },
    want: [
      /a\.ts:71 function length: 'b' has 71 lines/,
      /a\.ts:142 function length: 'c'/,
      /function length: 'it is long' has 71/,
    ],
  },
  {
    name: "a reason for a long function that is short now goes",
    rule: (tree) => functionLength(tree, { "core/a.ts a": "a reason" }),
    files: { "core/a.ts": "function a() {}" },
    want: [/function length: 'core\/a\.ts a' is no longer too long/],
  },
];

for (const one of CASES) test(`tidy: ${one.name}`, () => expectFindings(one));
