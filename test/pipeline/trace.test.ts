/** The bounded trace keeps how it began and how it ended. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Trace } from "postern";

const filled = (max: number, count: number): Trace => {
  const trace = new Trace(max);
  for (let at = 0; at < count; at++) trace.add({ at, event: "e", detail: "" });
  return trace;
};

describe("Trace", () => {
  const cases: readonly {
    name: string;
    max: number;
    count: number;
    want: readonly number[];
    dropped: number;
  }[] = [
    { name: "nothing", max: 9, count: 0, want: [], dropped: 0 },
    { name: "fewer than fit", max: 9, count: 2, want: [0, 1], dropped: 0 },
    { name: "as many as fit", max: 9, count: 9, want: [0, 1, 2, 3, 4, 5, 6, 7, 8], dropped: 0 },
    { name: "one more than fit", max: 9, count: 10, want: [0, 1, 2, 4, 5, 6, 7, 8, 9], dropped: 1 },
    { name: "many", max: 9, count: 1_000, want: [0, 1, 2, 994, 995, 996, 997, 998, 999], dropped: 991 },
    { name: "a bound under 3", max: 0, count: 10, want: [0, 8, 9], dropped: 7 },
  ];
  for (const { name, max, count, want, dropped } of cases) {
    it(`entries() of ${name} are the first third and the last two thirds`, () => {
      const { entries, ...rest } = filled(max, count).entries();
      assert.deepEqual(
        entries.map(({ at }) => at),
        want,
      );
      assert.equal(rest.dropped, dropped);
    });
  }

  it("entries() keep the bound, their order, the first and the last, whatever is added", () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 60 }), fc.integer({ min: 0, max: 500 }), (max, count) => {
        const { entries, dropped } = filled(max, count).entries();
        const at = entries.map((entry) => entry.at);
        assert.equal(at.length, Math.min(max, count));
        assert.equal(dropped, count - at.length);
        assert.deepEqual(
          at.toSorted((a, b) => a - b),
          at,
        );
        if (count > 0) assert.deepEqual([at[0], at.at(-1)], [0, count - 1]);
      }),
    );
  });

  it("entries() may be asked for in between", () => {
    const trace = filled(6, 100);
    const before = trace.entries();
    trace.add({ at: 100, event: "e", detail: "" });
    assert.deepEqual(
      before.entries.map(({ at }) => at),
      [0, 1, 96, 97, 98, 99],
    );
    assert.equal(trace.entries().entries.at(-1)?.at, 100);
  });

  it("hooks that did not run take a third of the places at most", () => {
    const trace = new Trace(9);
    for (let at = 0; at < 50; at++) trace.add({ stage: "rcpt", plugin: "p", at, ms: 0, skipped: "c" });
    for (let at = 50; at < 54; at++) trace.add({ at, event: "e", detail: "" });
    const { entries, dropped } = trace.entries();
    assert.deepEqual(
      entries.map(({ at }) => at),
      [0, 1, 2, 50, 51, 52, 53],
    );
    assert.equal(dropped, 47);
  });
});
