/** The rules of what files there are: what breaks them and what keeps them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { expectTidy } from "./finding.ts";
import { expectFindings, manifest, type RuleCase } from "./rule-cases.ts";
import { deadFiles } from "./rules/dead-files.ts";
import { layout } from "./rules/layout.ts";
import { testFiles } from "./rules/test-files.ts";

const CASES: readonly RuleCase[] = [
  {
    name: "what no door, bin, test or script leads to is dead",
    rule: deadFiles,
    files: {
      "package.json": manifest({
        bin: { postern: "./core/cli/postern.js" },
        scripts: { bench: "node test/bench/run.ts" },
      }),
      "core/mod.ts": 'export * from "./used.ts";',
      "core/used.ts": "",
      "core/unused.ts": "",
      "core/only-tested.ts": "",
      "core/cli/postern.js": 'import("./main.ts");',
      "core/cli/main.ts": "",
      "plugins/unused.ts": "",
      "test/a.test.ts":
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a file
        'import "../core/only-tested.ts"; import "./fixture.ts"; spawn("started.ts"); open(`cases/${name}.ts`);',
      "test/fixture.ts": "",
      "test/started.ts": "",
      "test/cases/one.ts": "",
      "test/unused.ts": "",
      "test/bench/run.ts": "",
    },
    want: [
      /core\/only-tested\.ts:1 dead file/,
      /core\/unused\.ts/,
      /plugins\/unused\.ts/,
      /test\/unused\.ts:1 dead file: no test/,
    ],
  },
  {
    name: "npm test finds each file of tests",
    rule: testFiles,
    files: {
      "package.json": manifest(),
      "test/deep/a.test.ts": 'import { test } from "node:test"; test("a", () => {});',
      "core/mail/a.test.ts": "",
      "test/b.test.js": "",
      "test/c.spec.ts": "",
      "test/d.ts": 'import { test } from "node:test";\ntest("d", () => {});',
      "test/contract.ts":
        'import { test } from "node:test";\nexport function contract() {\n  test("f", () => {});\n  test.skip("g");\n}',
      "test/e.ts": 'import { mock } from "node:test"; mock.fn();',
    },
    want: [
      /core\/mail\/a\.test\.ts:1 test file: npm test/,
      /test\/b\.test\.js/,
      /test\/c\.spec\.ts/,
      /test\/contract\.ts:4 test file: give the reason/,
      /test\/d\.ts:2 test file: no \*\.test\.ts file runs it/,
    ],
  },
  {
    name: "a test is skipped only with its reason",
    rule: testFiles,
    files: {
      "package.json": manifest(),
      "test/a.test.ts": [
        'import { it, test } from "node:test";',
        'test.skip("a", () => {});',
        'it("b", { skip: true }, () => {});',
        'test("c", { skip: "no swaks here" }, () => {});',
        'test.only("d", () => {});',
        'test.todo("e");',
        'test("f", { skip: reason() }, () => {});',
      ].join("\n"),
    },
    want: [
      /:2 test file: give the reason/,
      /:3 test file: give the reason/,
      /:5 test file: take \.only away/,
      /:6 test file: give the reason/,
    ],
  },
  {
    name: "the top level holds what the layout lists, and test/ mirrors core/",
    rule: layout,
    files: {
      LICENSE: "",
      ".biome.json": "",
      "core/mail/a.ts": "",
      "plugins/auth/a.ts": "",
      "plugins/other/a.ts": "",
      "scripts/a.ts": "",
      "test/mail/a.test.ts": "",
      "test/mali/a.test.ts": "",
      "test/e2e/a.test.ts": "",
      "notes.md": "",
    },
    want: [
      /notes\.md:1 layout: the top level/,
      /plugins\/other\/a\.ts:1 layout/,
      /scripts\/a\.ts:1 layout/,
      /test\/mali\/a\.test\.ts:1 layout: test\/mali mirrors no folder/,
    ],
  },
];

for (const one of CASES) test(`tidy: ${one.name}`, () => expectFindings(one));

test("expectTidy fails with a line for each finding, and passes without any", () => {
  const finding = { path: "core/a.ts", line: 3, rule: "door", todo: "import it from there" };
  assert.throws(
    () => expectTidy([finding, finding]),
    /^AssertionError.*: breaches of the house's rules: 2\n {2}core\/a\.ts:3 door: import it from there\n/,
  );
  expectTidy([]);
});
