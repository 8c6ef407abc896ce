/** Durations, sizes and socket addresses as configs write them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseDuration, parseSize } from "../../core/config/duration.ts";
import { formatSocketAddress, isLoopback, parseSocketAddress } from "../../core/config/mod.ts";

describe("parseDuration", () => {
  for (const [input, want] of [
    [0, 0],
    [1500, 1500],
    [1.4, 1],
    ["250ms", 250],
    ["5s", 5000],
    ["2m", 120_000],
    ["4h", 14_400_000],
    ["5d", 432_000_000],
    ["0.5s", 500],
    ["1.234s", 1234],
    ["", undefined],
    ["5", undefined],
    ["s", undefined],
    ["5 s", undefined],
    [" 5s", undefined],
    ["5S", undefined],
    ["5s\n", undefined],
    ["-5s", undefined],
    ["1e3s", undefined],
    ["5w", undefined],
    [-1, undefined],
    [Number.NaN, undefined],
    [Infinity, undefined],
    [true, undefined],
    [null, undefined],
    [["5s"], undefined],
    [{ toString: () => "5s" }, undefined],
  ] as const) {
    it(`reads ${JSON.stringify(input)} as ${want}`, () => assert.equal(parseDuration(input), want));
  }
});

describe("parseSize", () => {
  for (const [input, want] of [
    [0, 0],
    [1024, 1024],
    ["1KB", 1024],
    ["1.5MB", 1_572_864],
    ["2GB", 2 ** 31],
    ["0.001KB", 1],
    ["1B", undefined],
    ["1kb", undefined],
    ["1 KB", undefined],
    ["1KiB", undefined],
    ["1024", undefined],
    ["", undefined],
    ["9999999999GB", undefined],
    [1.5, undefined],
    [-1, undefined],
    [2 ** 53, undefined],
    [Number.NaN, undefined],
    [null, undefined],
    [["1KB"], undefined],
  ] as const) {
    it(`reads ${JSON.stringify(input)} as ${want}`, () => assert.equal(parseSize(input), want));
  }
});

describe("parseSocketAddress", () => {
  it("reads back what formatSocketAddress writes", () => {
    const port = fc.integer({ min: 0, max: 65_535 });
    const host = fc.oneof(
      fc.ipV4(),
      fc.domain(),
      fc.ipV6().map((ip) => ip.toLowerCase()),
    );
    fc.assert(
      fc.property(host, port, (name, number) => {
        const address = { host: name, port: number };
        assert.deepEqual(parseSocketAddress(formatSocketAddress(address)), address);
      }),
    );
  });

  it("gives a host and port within bounds or undefined, for any text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f:.[\]]{0,20}$/)), (text) => {
        const address = parseSocketAddress(text, 25);
        if (address === undefined) return;
        assert.match(address.host, /^[\w.:-]+$/);
        assert.ok(Number.isInteger(address.port) && address.port >= 0 && address.port <= 65_535);
      }),
    );
  });
});

describe("isLoopback", () => {
  for (const [host, want] of [
    ["127.0.0.1", true],
    ["127.255.0.9", true],
    ["::1", true],
    ["localhost", true],
    ["0.0.0.0", false],
    ["::", false],
    ["128.0.0.1", false],
    // A host name of the Internet.
    ["127.0.0.1.example.com", false],
    ["127.example.com", false],
    ["localhost.example.com", false],
    ["127.0.0.256", false],
    ["", false],
  ] as const) {
    it(`says ${want} of ${JSON.stringify(host)}`, () => assert.equal(isLoopback(host), want));
  }
});
