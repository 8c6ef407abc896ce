import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compileGlob } from "../../../plugins/route/address-pattern.ts";
import { parseNetwork } from "../../../plugins/route/network.ts";

test("compileGlob agrees with the same pattern as a regular expression", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 8 });
  const plain = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 12 });
  fc.assert(
    fc.property(text, plain, (pattern, value) => {
      assert.equal(compileGlob(pattern)(value), new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(value));
    }),
  );
});

test("parseNetwork holds addresses of the network and no others, in IPv4 and IPv6", () => {
  assert.equal(parseNetwork("192.0.2.128/25")?.("192.0.2.200"), true);
  assert.equal(parseNetwork("192.0.2.128/25")?.("192.0.2.100"), false);
  assert.equal(parseNetwork("2001:db8::/33")?.("2001:db8:7fff::1"), true);
  assert.equal(parseNetwork("2001:db8::/33")?.("2001:db8:8000::1"), false);
  assert.equal(parseNetwork("192.0.2.0/33"), undefined);
});
