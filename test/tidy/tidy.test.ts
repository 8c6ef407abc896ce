/** The rules of the house, held against the whole project. */
import { test } from "node:test";
import { expectTidy } from "./finding.ts";
import { deadFiles } from "./rules/dead-files.ts";
import { dependencies } from "./rules/dependencies.ts";
import { fileShape } from "./rules/file-shape.ts";
import { functionLength } from "./rules/function-length.ts";
import { importDirections } from "./rules/import-directions.ts";
import { layout } from "./rules/layout.ts";
import { publicDocs } from "./rules/public-docs.ts";
import { readmes } from "./rules/readmes.ts";
import { testFiles } from "./rules/test-files.ts";
import { readProject } from "./source-tree.ts";

const project = readProject();

const RULES = [
  { name: "imports go one way, by doors, and neutral files know no Node", rule: importDirections },
  { name: "each dependency enters by one file", rule: dependencies },
  { name: "files are short, named by what they are, and say so at their head", rule: fileShape },
  { name: "functions fit on a screen", rule: functionLength },
  { name: "no file is dead", rule: deadFiles },
  { name: "npm test finds every test, and none is skipped without a reason", rule: testFiles },
  { name: "everything lies where the layout says", rule: layout },
  { name: "every public name says what its users must know", rule: publicDocs },
  { name: "each folder has a README.md that is short and leads somewhere", rule: readmes },
];
for (const { name, rule } of RULES) test(name, () => expectTidy(rule(project)));
