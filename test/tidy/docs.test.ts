/** The rules of docs: what breaks them and what keeps them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { expectFindings, manifest, type RuleCase } from "./rule-cases.ts";
import { publicDocs } from "./rules/public-docs.ts";
import { readmes } from "./rules/readmes.ts";

const CASES: readonly RuleCase[] = [
  {
    name: "a public name is documented where it is declared, by whatever way it leaves",
    rule: publicDocs,
    files: {
      "package.json": manifest(),
      "core/mod.ts":
        'export * from "./a.ts";\nexport { b as c } from "./b.ts";\nimport { d } from "./b.ts";\nexport { d };\nexport { z } from "zod";',
      "core/a.ts":
        "export const a = 1;\nconst inside = 2;\n/** What it is. */\n// biome-ignore lint/a/b: why\nexport type A = string;\n/** Word. */\nexport class E {}",
      "core/b.ts": "export const b = 1;\nexport function d() {}\nexport const unused = 1;",
    },
    want: [
      /core\/a\.ts:1 docs: 'a' is public/,
      /core\/a\.ts:7 docs: 'E' is public/,
      /core\/b\.ts:1 docs: 'c' is public/,
      /core\/b\.ts:2 docs: 'd' is public/,
      /core\/mod\.ts:5 docs: 'z' is public/,
    ],
  },
  {
    name: "docs say what is thrown, what absent means, and what a number counts",
    rule: publicDocs,
    files: {
      "package.json": manifest(),
      "core/mod.ts": `
/** Makes one. */
export const make = () => { throw new RangeError(); };
/** Makes one. @throws RangeError when it is none */
export function told() { throw new RangeError(); }
/** Makes a function. */
export const lazy = () => () => { throw new RangeError(); };
/** Never throws out. */
export function held() { try { throw new RangeError(); } catch {} }
/** The options of it. */
export interface Options {
  a?: string;
  /** Default 1. */
  b?: string;
  size: number;
  sizeBytes: number;
  waitMs: number;
  /** Octets. */
  length: number;
}
/** An object of it. */
export type Shape = { c?: string };
`,
    },
    want: [
      /:3 docs: 'make' throws RangeError/,
      /:12 docs: say above Options\.a what it means/,
      /:15 docs: say above Options\.size what it counts/,
      /docs: say above Shape\.c/,
    ],
  },
  {
    name: "a door that leads nowhere is told by the file it wants",
    rule: (tree) => {
      assert.throws(() => publicDocs(tree), /no file core\/gone\.ts/);
      return [];
    },
    files: { "package.json": manifest(), "core/mod.ts": 'export * from "./gone.ts";' },
    want: [],
  },
  {
    name: "each folder has a README.md under 120 lines",
    rule: readmes,
    files: {
      "core/README.md": "",
      "core/mail/a.ts": "",
      "core/smtp/README.md": "\n".repeat(120),
      "core/smtp/commands/a.ts": "",
      "plugins/README.md": "",
      "test/mail/a.ts": "",
    },
    want: [
      /core\/mail\/README\.md:1 readme: write it/,
      /test\/README\.md:1 readme: write it/,
      /core\/smtp\/README\.md:120 readme: 120 lines/,
    ],
  },
  {
    name: "the links of a README.md and the files it names are there",
    rule: readmes,
    files: {
      "core/README.md": [
        "# The core: how it is",
        "[a](mail/), [b](mail/a.ts), [c](#the-core-how-it-is), [d](../test/README.md#tests), [e](https://example.com)",
        "`mail/a.ts`, `a.ts`, `core/mail/a.ts`, `top.ts`, `page-*.ts`, `.ts`",
        "[f](mail/gone.ts)",
        "[g](#gone), [h](../test/README.md#gone)",
        "`gone.ts`, `mail/gone.ts`",
        "    code: [i](gone)",
        "`[j](gone)`",
      ].join("\n"),
      "core/mail/README.md": "",
      "core/mail/a.ts": "",
      "test/README.md": "# Tests",
      "top.ts": "",
    },
    want: [
      /README\.md:4 link: the link mail\/gone\.ts leads nowhere/,
      /README\.md:5 link: core\/README\.md has no heading for #gone/,
      /README\.md:5 link: test\/README\.md has no heading for #gone/,
      /README\.md:6 link: there is no file gone\.ts/,
      /README\.md:6 link: there is no file mail\/gone\.ts/,
    ],
  },
];

for (const one of CASES) test(`tidy: ${one.name}`, () => expectFindings(one));
