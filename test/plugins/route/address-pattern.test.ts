import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compileGlob } from "../../../plugins/route/address-pattern.ts";

test("compileGlob agrees with the same pattern as a regular expression", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 8 });
  const plain = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 12 });
  fc.assert(
    fc.property(text, plain, (pattern, value) => {
      assert.equal(compileGlob(pattern)(value), new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(value));
    }),
  );
});
