/** Spans of time as configs write them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Duration, durationMs } from "postern";

describe("durationMs()", () => {
  const valid: readonly { input: Duration; want: number }[] = [
    { input: 0, want: 0 },
    { input: 250, want: 250 },
    { input: 0.5, want: 0.5 },
    { input: "250ms", want: 250 },
    { input: "10s", want: 10_000 },
    { input: "1.5s", want: 1_500 },
    { input: "2m", want: 120_000 },
    { input: "4h", want: 14_400_000 },
    { input: "5d", want: 432_000_000 },
    { input: "0s", want: 0 },
    { input: "999999999999d", want: 999_999_999_999 * 86_400_000 },
  ];
  for (const { input, want } of valid) {
    it(`durationMs(${JSON.stringify(input)}) is ${want}`, () => assert.equal(durationMs(input), want));
  }

  const invalid: readonly unknown[] = [
    ...["", "10", "s", "10 s", " 10s", "10s ", "10S", "10sec", "-1s", "+1s", "1e3s", "1,5s", ".5s", "5.s"],
    ...["1.2345s", "1234567890123s", "10s\n", "١٠s", "Infinitys", "0x10s"],
    ...[-1, Number.NaN, Infinity, undefined, null, true, {}, [], ["10s"], 10n, Symbol("10s")],
    { toString: () => "10s" },
    Object.create(null),
  ];
  for (const input of invalid) {
    const shown = typeof input === "string" ? JSON.stringify(input) : typeof input;
    it(`durationMs() refuses ${shown}`, () => {
      assert.throws(() => durationMs(input as Duration), TypeError);
    });
  }
  it("durationMs() says what a duration is", () => {
    assert.throws(() => durationMs("soon" as Duration), {
      message: `'soon' is no duration: write milliseconds or "250ms", "10s", "2m", "4h", "5d"`,
    });
  });
});
