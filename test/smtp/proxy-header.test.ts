/** parseProxyHeader against headers that are right, wrong, cut, and random. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseProxyHeader } from "../../core/smtp/proxy-header.ts";
import { v2 } from "./proxy-fixtures.ts";

const TCP4 = Buffer.from([192, 0, 2, 1, 198, 51, 100, 2, 0x30, 0x39, 0, 25]);
const address6 = (last: number): Buffer => Buffer.from([0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), last]);
const TCP6 = Buffer.concat([address6(1), address6(2), Buffer.from([0x30, 0x39, 0, 25])]);
const MAPPED = Buffer.concat([
  Buffer.from([...Array(10).fill(0), 255, 255, 192, 0, 2, 7]),
  address6(2),
  Buffer.from([0, 1, 0, 25]),
]);
const FOUR = { source: { ip: "192.0.2.1", port: 12_345 }, destination: { ip: "198.51.100.2", port: 25 } };

const RIGHT = [
  {
    name: "v1 TCP4",
    input: "PROXY TCP4 192.0.2.1 198.51.100.2 12345 25\r\n",
    want: { kind: "proxied", ...FOUR },
  },
  {
    name: "v1 TCP6",
    input: "PROXY TCP6 2001:db8::1 ::1 1 65535\r\n",
    want: {
      kind: "proxied",
      source: { ip: "2001:db8::1", port: 1 },
      destination: { ip: "::1", port: 65_535 },
    },
  },
  { name: "v1 UNKNOWN", input: "PROXY UNKNOWN\r\n", want: { kind: "unknown" } },
  { name: "v1 UNKNOWN with anything", input: "PROXY UNKNOWN ::1 x\ty 9 9\r\n", want: { kind: "unknown" } },
  { name: "v2 TCP4", input: v2(0x21, 0x11, TCP4), want: { kind: "proxied", ...FOUR } },
  {
    name: "v2 TCP4 with TLVs",
    input: v2(0x21, 0x11, Buffer.concat([TCP4, Buffer.from([4, 0, 1, 0])])),
    want: { kind: "proxied", ...FOUR },
  },
  {
    name: "v2 TCP6",
    input: v2(0x21, 0x21, TCP6),
    want: {
      kind: "proxied",
      source: { ip: "2001:db8:0:0:0:0:0:1", port: 12_345 },
      destination: { ip: "2001:db8:0:0:0:0:0:2", port: 25 },
    },
  },
  {
    name: "v2 TCP6 of an IPv4-mapped client",
    input: v2(0x21, 0x21, MAPPED),
    want: {
      kind: "proxied",
      source: { ip: "192.0.2.7", port: 1 },
      destination: { ip: "2001:db8:0:0:0:0:0:2", port: 25 },
    },
  },
  { name: "v2 LOCAL, whatever it says", input: v2(0x20, 0x11, TCP4), want: { kind: "local" } },
  { name: "v2 LOCAL of no family", input: v2(0x20, 0x00, Buffer.alloc(0)), want: { kind: "local" } },
  { name: "v2 of no family", input: v2(0x21, 0x00, Buffer.alloc(0)), want: { kind: "unknown" } },
  { name: "v2 of a unix socket", input: v2(0x21, 0x31, Buffer.alloc(216)), want: { kind: "unknown" } },
];
const WRONG = [
  { name: "no header", input: "EHLO c\r\n" },
  { name: "lower case", input: "proxy TCP4 192.0.2.1 198.51.100.2 1 25\r\n" },
  { name: "a bare LF", input: "PROXY TCP4 192.0.2.1 198.51.100.2 1 25\n\r\n" },
  { name: "two spaces", input: "PROXY TCP4  192.0.2.1 198.51.100.2 1 25\r\n" },
  { name: "a port too high", input: "PROXY TCP4 192.0.2.1 198.51.100.2 65536 25\r\n" },
  { name: "a port with a leading 0", input: "PROXY TCP4 192.0.2.1 198.51.100.2 01 25\r\n" },
  { name: "no ports", input: "PROXY TCP4 192.0.2.1 198.51.100.2\r\n" },
  { name: "more than ports", input: "PROXY TCP4 192.0.2.1 198.51.100.2 1 25 x\r\n" },
  { name: "IPv6 as TCP4", input: "PROXY TCP4 ::1 ::1 1 25\r\n" },
  { name: "IPv4 as TCP6", input: "PROXY TCP6 192.0.2.1 198.51.100.2 1 25\r\n" },
  { name: "a scope", input: "PROXY TCP6 fe80::1%lo ::1 1 25\r\n" },
  { name: "a host name", input: "PROXY TCP4 localhost 127.0.0.1 1 25\r\n" },
  { name: "UNKNOWNX", input: "PROXY UNKNOWNX\r\n" },
  { name: "UDP in v1", input: "PROXY UDP4 192.0.2.1 198.51.100.2 1 25\r\n" },
  { name: "a line too long", input: `PROXY UNKNOWN ${"x".repeat(100)}\r\n` },
  { name: "a line that does not end", input: `PROXY UNKNOWN ${"x".repeat(93)}` },
  { name: "v2 of version 1", input: v2(0x11, 0x11, TCP4) },
  { name: "v2 of an unknown command", input: v2(0x22, 0x11, TCP4) },
  { name: "v2 of UDP", input: v2(0x21, 0x12, TCP4) },
  { name: "v2 of an unknown family", input: v2(0x21, 0x41, TCP4) },
  { name: "v2 TCP4 too short", input: v2(0x21, 0x11, TCP4.subarray(1)) },
  { name: "v2 TCP6 too short", input: v2(0x21, 0x21, TCP6.subarray(1)) },
  { name: "v2 of more than 4 KB", input: v2(0x21, 0x11, Buffer.alloc(4081)).subarray(0, 16) },
];

describe("parseProxyHeader", () => {
  for (const { name, input, want } of RIGHT) {
    it(`takes ${name}, at each border of what has come, and leaves what is behind it`, () => {
      const octets = Buffer.from(input as string, "latin1");
      for (let cut = 0; cut < octets.length; cut += 1)
        assert.equal(parseProxyHeader(octets.subarray(0, cut)), "more", String(cut));
      const more = Buffer.concat([octets, Buffer.from("EHLO c\r\n")]);
      for (const whole of [octets, more])
        assert.deepEqual(parseProxyHeader(whole), { bytes: octets.length, ...want });
    });
  }
  for (const { name, input } of WRONG)
    it(`refuses ${name}`, () =>
      assert.equal(parseProxyHeader(Buffer.from(input as string, "latin1")), "malformed"));

  it("never throws, and never waits for more than 4 KB", () => {
    const lead = fc.constantFrom(
      "",
      "PROXY ",
      "PROXY TCP4 ",
      "\r\n\r\n\0\r\nQUIT\n",
      "\r\n\r\n\0\r\nQUIT\n!\x11\x10\0",
    );
    fc.assert(
      fc.property(lead, fc.uint8Array({ maxLength: 300 }), fc.boolean(), (start, rest, long) => {
        const octets = Buffer.concat([Buffer.from(start, "latin1"), rest, Buffer.alloc(long ? 5000 : 0)]);
        const result = parseProxyHeader(octets);
        assert.ok(!long || result !== "more");
        if (typeof result !== "string") assert.ok(result.bytes <= octets.length);
      }),
      { numRuns: 3000 },
    );
  });
});
