import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addressOctets, reversedAddress, reverseName } from "../../core/mail/mod.ts";

test("reverseName writes octets and nibbles from the last to the first (RFC 1035 3.5, 3596 2.5)", () => {
  assert.equal(reverseName("192.0.2.1"), "1.2.0.192.in-addr.arpa");
  assert.equal(reverseName("::ffff:192.0.2.1"), "1.2.0.192.in-addr.arpa");
  assert.equal(reverseName("2001:db8::b"), `b.${"0.".repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa`);
  for (const text of ["", "mail.example", "192.0.2", "1.2.3.4.5"]) assert.equal(reverseName(text), undefined);
});

test("reversedAddress, read backwards, is the address", () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (ip) => {
      const { labels, version } = reversedAddress(ip)!;
      const back = labels.split(".").toReversed();
      const text = version === 4 ? back.join(".") : back.join("").replace(/(.{4})(?=.)/g, "$1:");
      assert.deepEqual(addressOctets(text), addressOctets(ip));
    }),
  );
});
