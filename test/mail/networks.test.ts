import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOctets, isNetwork, networkMatcher } from "../../core/mail/mod.ts";

test("networkMatcher holds addresses of its ranges and no others", () => {
  const table = [
    { range: "192.0.2.128/25", ip: "192.0.2.200", want: true },
    { range: "192.0.2.128/25", ip: "192.0.2.100", want: false },
    { range: "192.0.2.1", ip: "192.0.2.1", want: true },
    { range: "192.0.2.1", ip: "192.0.2.2", want: false },
    { range: "2001:db8::/33", ip: "2001:db8:7fff::1", want: true },
    { range: "2001:db8::/33", ip: "2001:db8:8000::1", want: false },
    { range: "10.0.0.0/8", ip: "::ffff:10.1.2.3", want: true },
    { range: "::/0", ip: "192.0.2.1", want: false },
    { range: "fe80::/10", ip: "fe80::1%eth0", want: true },
  ];
  for (const { range, ip, want } of table) {
    assert.equal(networkMatcher([range])(ip), want, `${ip} in ${range}`);
  }
});

test("networkMatcher holds no text that is no address", () => {
  const everything = networkMatcher(["0.0.0.0/0", "::/0"]);
  for (const ip of [
    "",
    "localhost",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "256.0.0.1",
    "1:2",
    ":::",
    "::1::",
    "12345::",
  ]) {
    assert.equal(everything(ip), false, ip);
  }
});

test("isNetwork refuses ranges that would be read as another", () => {
  for (const range of [
    "10.0.0.0/",
    "10.0.0.0/ 8",
    "10.0.0.0/1e1",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "::/129",
    "x/8",
  ]) {
    assert.equal(isNetwork(range), false, range);
    assert.equal(networkMatcher([range])("10.0.0.1"), false, range);
  }
});

test("addressOctets reads an IPv4-mapped address as IPv4", () => {
  assert.deepEqual(addressOctets("::ffff:192.0.2.1"), [192, 0, 2, 1]);
  assert.deepEqual(addressOctets("::FFFF:c000:0201"), [192, 0, 2, 1]);
  assert.equal(addressOctets("2001:db8::1")?.length, 16);
});
