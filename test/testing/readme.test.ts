/** The example of core/testing/README.md runs as it stands there. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { examplesOf, runExample } from "./readme-example.ts";

it("the example of core/testing/README.md passes, and fails when the plugin lets everything through", async () => {
  const [example, ...more] = await examplesOf("core/testing/README.md");
  assert.ok(example);
  assert.equal(more.length, 0);
  const broken = example.replace('quarantine("speaks of macros")', "undefined");
  assert.notEqual(broken, example);
  const [right, wrong] = await Promise.all([runExample(example), runExample(broken)]);
  assert.deepEqual([right.passed, right.failed], [1, 0], right.output);
  assert.deepEqual([wrong.passed, wrong.failed], [0, 1], wrong.output);
});
