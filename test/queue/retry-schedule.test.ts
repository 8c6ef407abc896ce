/** When what was put off is tried again, by class of failure, age and chance. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { RETRY_CLASSES, type RetryOptions, retryPolicyOf } from "../../core/config/mod.ts";
import { expired, nextAttempt, type PutOff, waitRange } from "../../core/queue/retry-schedule.ts";
import { DAY, HOUR, MINUTE } from "./queue-bed.ts";

const putOff = (changes: Partial<PutOff> = {}): PutOff => ({
  ...{ failure: "reply", attempt: 1, since: 0, dueAt: 0, now: 0, draw: 0 },
  ...changes,
});

/** All attempts of a recipient that is put off each time: when, and of which the sender hears. */
function lifeOf(
  options: RetryOptions,
  failure: PutOff["failure"],
  draw = 0,
): { at: number; warn: boolean }[] {
  const policy = retryPolicyOf(options);
  const life: { at: number; warn: boolean }[] = [];
  let now = 0;
  for (let attempt = 1; attempt < 10_000; attempt++) {
    const next = nextAttempt(policy, putOff({ failure, attempt, dueAt: now, now, draw }));
    if (next === "giveUp") return [...life, { at: now, warn: false }];
    life.push({ at: now, warn: next.warn });
    now = next.nextAt;
  }
  throw new Error("it is never given up");
}

describe("nextAttempt", () => {
  it("doubles from 5 minutes to 4 hours for a reply, warns at 4 hours and ends at 5 days", () => {
    const life = lifeOf({}, "reply");
    const minutes = life.slice(0, 8).map(({ at }) => at / MINUTE);
    assert.deepEqual(minutes, [0, 5, 15, 35, 75, 155, 240, 432]);
    assert.deepEqual(
      life.filter(({ warn }) => warn).map(({ at }) => at),
      [4 * HOUR],
    );
    assert.equal(life.at(-1)?.at, 5 * DAY);
  });

  const firsts: readonly { failure: PutOff["failure"]; first: number; longest: number }[] = [
    { failure: "connection", first: 5 * MINUTE, longest: 4 * HOUR },
    { failure: "tls", first: 15 * MINUTE, longest: 4 * HOUR },
    { failure: "us", first: 15 * MINUTE, longest: 4 * HOUR },
    { failure: "greylisted", first: 5 * MINUTE, longest: 30 * MINUTE },
    { failure: "lost", first: 15 * MINUTE, longest: 4 * HOUR },
    { failure: "plugin", first: 5 * MINUTE, longest: HOUR },
  ];
  for (const { failure, first, longest } of firsts) {
    it(`waits ${first / MINUTE} minutes after the first '${failure}' and ${longest / MINUTE} at most`, () => {
      const policy = retryPolicyOf();
      assert.equal(waitRange(policy, failure, 1).fromMs, first);
      assert.equal(waitRange(policy, failure, 1_000).toMs, longest);
      assert.equal(waitRange(policy, failure, 1_000_000).toMs, longest);
    });
  }

  it("keeps each wait inside first and max, and never goes back, whatever is configured", () => {
    const span = (from: number, to: number) => fc.integer({ min: from, max: to });
    const given = fc.record({
      first: span(1_000, 7 * DAY),
      more: span(0, 7 * DAY),
      factor: fc.double({ min: 1, max: 10, noNaN: true }),
      giveUp: span(MINUTE, 60 * DAY),
      warn: fc.option(span(1_000, 60 * DAY), { nil: false as const }),
      failure: fc.constantFrom(...RETRY_CLASSES),
      attempt: span(1, 100_000),
      dueAt: span(0, 70 * DAY),
      late: span(0, 70 * DAY),
      draw: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    });
    fc.assert(
      fc.property(given, ({ first, more, factor, giveUp, warn, failure, attempt, dueAt, late, draw }) => {
        const policy = retryPolicyOf({ first, max: first + more, factor, giveUp, warn });
        const now = dueAt + late;
        const next = nextAttempt(policy, putOff({ failure, attempt, dueAt, now, draw }));
        if (next === "giveUp") return assert.ok(now >= giveUp);
        const wait = next.nextAt - now;
        assert.ok(wait >= first - 1 && wait <= first + more, `${wait} of ${first} to ${first + more}`);
        if (next.warn) assert.ok(warn !== false && next.nextAt > warn);
      }),
      { numRuns: 2_000 },
    );
  });

  it("warns once at most and ends at the age of giving up, whatever is drawn", () => {
    const minutes = (from: number, to: number) => fc.integer({ min: from, max: to }).map((n) => n * MINUTE);
    const given = fc.record({
      first: minutes(1, 60),
      more: minutes(0, 300),
      giveUp: minutes(24 * 60, 7 * 24 * 60),
      warn: minutes(1, 23 * 60),
      failure: fc.constantFrom(...RETRY_CLASSES),
      draw: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    });
    fc.assert(
      fc.property(given, ({ first, more, giveUp, warn, failure, draw }) => {
        const life = lifeOf({ first, max: first + more, giveUp, warn }, failure, draw);
        const told = life.filter((each) => each.warn);
        assert.equal(told.length, 1);
        // It may go before its age by less than a wait, as no attempt is made too soon after another.
        assert.ok(told[0]!.at > warn - first && told[0]!.at <= Math.max(warn, 0) + first + more);
        const end = life.at(-1)!.at;
        assert.ok(end >= giveUp && end < giveUp + first + more, `${end} of ${giveUp}`);
      }),
      { numRuns: 200 },
    );
  });

  it("spreads waits, so that what failed together does not come back together", () => {
    const policy = retryPolicyOf();
    const at = (draw: number) => {
      const next = nextAttempt(policy, putOff({ draw }));
      return next === "giveUp" ? next : next.nextAt;
    };
    assert.deepEqual([at(0), at(0.5), at(0.999999)], [300_000, 337_500, 375_000]);
  });

  it("tries old mail some times before it is given up: it was held, or the gateway did not run for days", () => {
    const policy = retryPolicyOf();
    const at = (attempt: number) => nextAttempt(policy, putOff({ attempt, dueAt: 30 * DAY, now: 30 * DAY }));
    assert.notEqual(at(1), "giveUp");
    assert.notEqual(at(7), "giveUp");
    assert.equal(at(8), "giveUp");
  });
});

describe("expired", () => {
  it("is X.4.7 (RFC 3463) with the last reply", () => {
    const last = { code: 450, enhanced: "4.2.2", text: "Mailbox full" };
    const { code, enhanced, text } = expired(retryPolicyOf(), last);
    assert.deepEqual(
      [code, enhanced, text],
      [554, "5.4.7", "Not delivered in 5 days; the last answer was: 450 4.2.2 Mailbox full"],
    );
    assert.match(expired(retryPolicyOf({ giveUp: "1h" }), last).text, /^Not delivered in 1 hour;/);
    assert.match(expired(retryPolicyOf({ giveUp: "90m" }), last).text, /^Not delivered in 90 minutes;/);
  });
});
