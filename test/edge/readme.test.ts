/** The example of core/edge/README.md compiles, and does what the page says, outside of any platform. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { examplesOf, projectOf } from "../plugins/readme-examples.ts";

const PAGE = "core/edge/README.md";

test("the example of core/edge/README.md compiles and forwards as the page says", async () => {
  const examples = examplesOf(PAGE);
  assert.deepEqual(
    examples.map(({ fileName }) => fileName),
    ["gateway.ts", "try.ts"],
  );
  const project = projectOf(examples);
  const { said } = await project.load("try.ts");
  const page = readFileSync(new URL(`../../${PAGE}`, import.meta.url), "utf8");
  const told = /^`said` is then `(.+)`\.$/m.exec(page)?.[1];
  assert.deepEqual(said, [told]);
  // Faults of the package's own files are told by `npm run types`, which compiles them too.
  const words = (await project.compile()).split("\n").filter((line) => line.includes("error"));
  const faults = words.filter((line) => !/^(\.\.|node_modules)\//.test(line));
  assert.deepEqual(faults, []);
});
