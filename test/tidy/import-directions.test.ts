/** The rules of imports: what breaks them and what keeps them. */
import { test } from "node:test";
import { expectFindings, type RuleCase } from "./rule-cases.ts";
import { dependencies } from "./rules/dependencies.ts";
import { importDirections } from "./rules/import-directions.ts";
import type { SourceTree } from "./source-tree.ts";

const zodOnly = (tree: SourceTree) => dependencies(tree, { zod: ["core/pipeline/schema.ts"] });

const imported = (name: string, path: string, source: string, ...want: readonly RegExp[]): RuleCase => ({
  name,
  rule: importDirections,
  files: { [path]: source },
  want,
});

const CASES: readonly RuleCase[] = [
  imported(
    "a folder sees the folders below it by their doors",
    "core/pipeline/a.ts",
    'import { x } from "../mail/mod.ts";',
  ),
  imported(
    "a folder does not see one above it",
    "core/mail/a.ts",
    '\nimport type { X } from "../pipeline/mod.ts";',
    /core\/mail\/a\.ts:2 direction: core\/mail sees no other folder, not pipeline/,
  ),
  imported(
    "nor one of the same row",
    "core/relay/a.ts",
    'import { x } from "../store/mod.ts";',
    /direction: core\/relay sees/,
  ),
  imported("nor by import()", "core/smtp/a.ts", 'await import("../http/mod.ts");', /direction/),
  imported("nor by a type", "core/smtp/a.ts", 'type X = import("../http/mod.ts").X;', /direction/),
  imported("nor by export from", "core/mail/a.ts", 'export * from "../pipeline/mod.ts";', /direction/),
  imported("nobody sees the cli", "core/http/a.ts", 'import { x } from "../cli/mod.ts";', /direction/),
  imported(
    "a folder without a place in the rows sees nothing",
    "core/new/a.ts",
    'import { x } from "../mail/mod.ts";',
    /direction/,
  ),
  imported(
    "a type goes by the door too",
    "core/gateway/a.ts",
    'import type { X } from "../mail/address.ts";',
    /door: import it from core\/mail\/mod\.ts/,
  ),
  imported(
    "so it does from a folder in a folder",
    "core/smtp/commands/a.ts",
    'import { x } from "../../mail/reply.ts";',
    /door/,
  ),
  imported(
    "a folder in a folder sees the files above it",
    "core/smtp/commands/a.ts",
    'import { x } from "../replies.ts";',
  ),
  imported(
    "a file does not come in by its own door",
    "core/mail/a.ts",
    'import { x } from "./mod.ts";',
    /door: .*circle/,
  ),
  imported(
    "the public face is not for core",
    "core/http/a.ts",
    'import { x } from "../mod.ts";',
    /direction/,
  ),
  imported(
    "nor is its name",
    "core/http/a.ts",
    'import { x } from "postern";',
    /direction: core imports its own files/,
  ),
  imported("the public face exports neutral folders", "core/mod.ts", 'export * from "./mail/mod.ts";'),
  imported(
    "and no other",
    "core/mod.ts",
    'export * from "./relay/mod.ts";',
    /direction: the public face exports mail/,
  ),
  imported(
    "core does not see the plugins",
    "core/cli/a.ts",
    'import { x } from "../../plugins/mod.ts";',
    /direction: core does not know/,
  ),
  imported(
    "nor the tests",
    "core/mail/a.ts",
    'import { x } from "../../test/a.ts";',
    /direction: core does not know/,
  ),
  imported(
    "a plugin sees postern and its own folder",
    "plugins/auth/a.ts",
    'import { x } from "postern"; import { y } from "./b.ts";',
  ),
  imported(
    "from a folder in a folder too",
    "plugins/auth/a/b.ts",
    'import { x } from "../c.ts"; import { y } from "../d/e.ts"; import { z } from "../../options.ts";',
  ),
  imported(
    "and no other kind from there",
    "plugins/auth/a/b.ts",
    'import { x } from "../../route/c.ts";',
    /plugin: .* not plugins\/route\/c\.ts/,
  ),
  imported("and options.ts", "plugins/auth/a.ts", 'import { x } from "../options.ts";'),
  imported(
    "but no other kind",
    "plugins/auth/a.ts",
    'import { x } from "../route/b.ts";',
    /plugin: .* not plugins\/route\/b\.ts/,
  ),
  imported(
    "nor core",
    "plugins/auth/a.ts",
    'import { x } from "../../core/mail/mod.ts";',
    /plugin: .* not core\/mail/,
  ),
  imported(
    "nor another door",
    "plugins/auth/a.ts",
    'import { x } from "postern/testing";',
    /plugin: .*"postern\/testing"/,
  ),
  imported("their door sees them all", "plugins/mod.ts", 'export * from "./auth/a.ts";'),
  imported(
    "a neutral file imports nothing of Node",
    "core/mail/a.ts",
    'import "node:fs";',
    /neutral: take node:fs away/,
  ),
  imported("not even a type", "plugins/auth/a.ts", 'import type { X } from "node:net";', /neutral/),
  imported(
    "but for a plugin that says so in its needs",
    "plugins/auth/a.ts",
    'import "node:net"; definePlugin({ needs: [...(fast ? ["tcp"] : [])] });',
  ),
  imported(
    "which other needs do not say",
    "plugins/auth/a.ts",
    'import "node:net"; f({ needs: ["dns"] });',
    /neutral/,
  ),
  {
    name: "with a folder of its own, it may use Node in all of its files, and others may not",
    rule: importDirections,
    files: {
      "plugins/auth/a/a.ts": 'import "./b.ts"; definePlugin({ needs: ["files"] });',
      "plugins/auth/a/b.ts": 'import "node:fs"; process.exit();',
      "plugins/auth/ab/c.ts": 'import "node:fs";',
      "plugins/auth/d.ts": 'import "node:fs"; definePlugin({ needs: ["files"] });',
      "plugins/auth/e.ts": 'import "node:fs";',
    },
    want: [/auth\/ab\/c\.ts:1 neutral/, /auth\/e\.ts:1 neutral/],
  },
  imported(
    "and uses none of its globals",
    "core/edge/a.ts",
    "\n\nBuffer.from(x);",
    /a\.ts:3 neutral: take Buffer away/,
  ),
  imported("nor by globalThis", "core/edge/a.ts", "globalThis.process.exit();", /neutral: take process away/),
  imported(
    "nor as the value of a short property",
    "core/edge/a.ts",
    "f({ process });",
    /neutral: take process away/,
  ),
  imported("a member of that name is another thing", "core/edge/a.ts", "a.process(); f({ Buffer: 1 });"),
  imported("dns is neutral", "core/dns/a.ts", 'import "node:dns"; Buffer.from("");', /neutral/, /neutral/),
  imported("hosts see dns", "core/edge/a.ts", 'import { x } from "../dns/mod.ts";'),
  imported("and dns sees no host", "core/dns/a.ts", 'import { x } from "../store/mod.ts";', /direction/),
  imported("the cli is for Node", "core/cli/a.ts", 'import "node:fs"; process.exit();'),
  {
    name: "a dependency enters by its file, which the table and package.json know",
    rule: zodOnly,
    files: {
      "core/pipeline/schema.ts": 'import "zod/v4";',
      "core/mail/a.ts": 'import "zod"; import "left-pad"; import "node:fs";',
      "package.json": '{ "dependencies": {\n"left-pad": "1" } }',
    },
    want: [
      /core\/mail\/a\.ts:1 dependency: 'zod' enters by core\/pipeline\/schema\.ts/,
      /core\/mail\/a\.ts:1 dependency: 'left-pad' is not in the table/,
      /package\.json:2 dependency: 'left-pad' enters by no file/,
      /package\.json:1 dependency: 'zod' is used by the package but not among its dependencies/,
    ],
  },
  {
    name: "an entry of the table that is not used goes",
    rule: zodOnly,
    files: { "core/pipeline/schema.ts": "" },
    want: [/dependency: core\/pipeline\/schema\.ts does not import 'zod'/],
  },
];

for (const one of CASES) test(`tidy: ${one.name}`, () => expectFindings(one));
