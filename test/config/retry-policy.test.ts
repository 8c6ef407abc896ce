/** The times of queued mail, in full, and what they must be to each other. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { mx, type RetryOptions, retryPolicyOf, smtp } from "../../core/config/mod.ts";
import { linesOf, resolveLoose, settings } from "./resolve-fixtures.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe("retryPolicyOf", () => {
  it("gives up after 5 days and warns after 4 hours by default", () => {
    const { giveUpMs, warnMs, factor, waits } = retryPolicyOf();
    assert.deepEqual([giveUpMs, warnMs, factor], [120 * HOUR, 4 * HOUR, 2]);
    assert.deepEqual(waits.reply, { firstMs: 5 * MINUTE, maxMs: 4 * HOUR });
    assert.deepEqual(waits.greylisted, { firstMs: 5 * MINUTE, maxMs: 30 * MINUTE });
    assert.deepEqual(waits.lost, { firstMs: 15 * MINUTE, maxMs: 4 * HOUR });
  });

  const cases: readonly { name: string; options: RetryOptions; want: readonly [number, number] }[] = [
    { name: "first and max of all classes", options: { first: "1m", max: "1h" }, want: [MINUTE, HOUR] },
    {
      name: "those of the class before those of all",
      options: { first: "1m", max: "1h", on: { us: { first: "2m", max: "3h" } } },
      want: [2 * MINUTE, 3 * HOUR],
    },
    { name: "a max below the default first", options: { max: "10m" }, want: [10 * MINUTE, 10 * MINUTE] },
    { name: "a first above the default max", options: { first: "6h" }, want: [6 * HOUR, 6 * HOUR] },
    {
      name: "one of the class and one of all",
      options: { max: "2h", on: { us: { first: "1h" } } },
      want: [HOUR, 2 * HOUR],
    },
  ];
  for (const { name, options, want } of cases) {
    it(`takes ${name}`, () => {
      const { firstMs, maxMs } = retryPolicyOf(options).waits.us;
      assert.deepEqual([firstMs, maxMs], want);
    });
  }

  it("never warns with false", () => assert.equal(retryPolicyOf({ warn: false }).warnMs, undefined));
});

describe("resolveConfig refuses a retry", () => {
  const cases: readonly { name: string; retry: RetryOptions; want: readonly string[] }[] = [
    {
      name: "whose first wait is longer than its longest",
      retry: { first: "2h", max: "1h" },
      want: ['first: found "2h", expected at most the longest wait, which is 1h'],
    },
    {
      name: "whose class waits longer than all may",
      retry: { max: "1h", on: { lost: { first: "2h" } } },
      want: ['on.lost.first: found "2h", expected at most the longest wait, which is 1h'],
    },
    {
      name: "that gives up before it tries again",
      retry: { giveUp: "5m", warn: false },
      want: [
        "giveUp: found \"5m\", expected longer than the first wait after 'connection', or that is never tried again",
      ],
    },
    {
      name: "that warns when it has given up",
      retry: { giveUp: "4h" },
      want: [
        'warn: found "4h", expected less than giveUp, or false: later there is nothing left to wait for',
      ],
    },
  ];
  for (const { name, retry, want } of cases) {
    it(name, async () => {
      for (const backend of [smtp({ host: "127.0.0.1", retry }), mx({ retry })])
        assert.deepEqual(
          await linesOf(settings({ nextHops: { backend } })),
          want.map((line) => `nextHops.backend.retry.${line}`),
        );
    });
  }

  it("but not one that is in order", async () => {
    const retry: RetryOptions = {
      first: "1m",
      max: "1h",
      giveUp: "2d",
      warn: "1h",
      on: { greylisted: { max: "5m" } },
    };
    const { nextHops } = await resolveLoose(settings({ nextHops: { backend: mx({ retry }) } }));
    assert.deepEqual((nextHops.backend as { retry?: RetryOptions }).retry, retry);
  });
});
