/** Whatever next hops do, and however often the queue is stopped in the midst of it: each recipient ends once. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { retryPolicyOf } from "../../core/config/mod.ts";
import {
  type Answer,
  delivered,
  HOUR,
  MINUTE,
  putOff,
  QueueBed,
  quiet,
  refused,
  SECOND,
} from "./queue-bed.ts";

const failure = fc.constantFrom("connection", "tls", "us", "reply", "greylisted", "lost", "plugin");
const answer: fc.Arbitrary<Answer> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(delivered) },
  fc.constant(refused),
  fc.constant<Answer>({ outcome: "discarded", reason: "copy" }),
  fc.constant<Answer>({ outcome: "returned" }),
  { weight: 3, arbitrary: failure.map((each) => putOff(each)) },
);
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("put" as const),
      to: fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("pass" as const),
      ms: fc.constantFrom(SECOND, 20 * SECOND, 5 * MINUTE, HOUR),
    }),
  },
  fc.record({ do: fc.constant("restart" as const) }),
  fc.record({ do: fc.constant("die" as const) }),
  fc.record({ do: fc.constant("setClock" as const), ms: fc.constantFrom(-HOUR, HOUR) }),
);

/** What became of recipients, by the commits that the engine was told of. */
class Ledger {
  readonly #ends = new Map<string, string>();
  readonly put = new Set<string>();

  /** Takes in what was told since, and holds it against what an attempt may lead to. */
  read(bed: QueueBed, min: number, max: number): void {
    const now = bed.clock.now();
    for (const { id, settled } of bed.told.splice(0)) {
      for (const { result, nextAt } of settled) {
        const key = `${id} ${result.recipient}`;
        if (result.outcome === "deferred") {
          assert.ok(nextAt !== undefined);
          // Told in the same moment that it was decided in, as time stands still while the queue works.
          assert.ok(nextAt - now >= min && nextAt - now <= max, `${result.failure}: ${nextAt - now}`);
        } else if (result.outcome !== "returned") {
          assert.equal(this.#ends.get(key), undefined, `${key} ended twice`);
          this.#ends.set(key, result.outcome);
        }
      }
    }
  }

  /** Each that was put has ended or is in the spool, and none is both. */
  async balance(bed: QueueBed): Promise<void> {
    const kept = (await bed.entries()).map(({ id, recipient, state }) => ({
      key: `${id} ${recipient}`,
      state,
    }));
    const due = kept.filter(({ state }) => state !== "failed").map(({ key }) => key);
    for (const key of due) assert.equal(this.#ends.get(key), undefined, `${key} ended and is due`);
    const known = new Set([...this.#ends.keys(), ...due]);
    assert.deepEqual(
      [...this.put].filter((key) => !known.has(key)),
      [],
    );
  }

  get isEmpty(): boolean {
    return this.put.size === this.#ends.size;
  }
}

describe("startScheduler", () => {
  it("ends each recipient once, over restarts, deaths and a clock that is set", async () => {
    const given = fc.record({
      steps: fc.array(step, { minLength: 3, maxLength: 25 }),
      answers: fc.infiniteStream(answer),
    });
    await fc.assert(
      fc.asyncProperty(given, async ({ steps, answers }) => {
        const bed = new QueueBed();
        const [first, max] = [MINUTE, 2 * HOUR];
        bed.policy = { retry: retryPolicyOf({ first, max, giveUp: "1d", warn: false }) };
        const onLease = new Set<string>();
        let isOver = false;
        bed.answer = (each, lease) => {
          if (isOver) return delivered;
          const key = `${lease.id} ${each.recipient}`;
          assert.ok(!onLease.has(key), `${key} is on two leases`);
          onLease.add(key);
          queueMicrotask(() => onLease.delete(key));
          return answers.next().value as Answer;
        };
        const ledger = new Ledger();
        let owner = 1;
        await bed.start({ owner: `w${owner}` });
        for (const each of steps) {
          if (each.do === "put") {
            const id = await bed.put(each.to);
            each.to.forEach((_, i) => void ledger.put.add(`${id} ${i}`));
          } else if (each.do === "pass") await bed.clock.jump(each.ms);
          else if (each.do === "setClock") bed.clock.set(each.ms);
          else {
            await bed.scheduler?.stop();
            // One that died left leases behind.
            if (each.do === "die") await bed.spool.lease({ owner: `w${owner}`, leaseMs: HOUR });
            if (each.do === "die") await bed.spool.returnLeases(`w${owner}`);
            await bed.start({ owner: `w${++owner}` });
          }
          await quiet();
          ledger.read(bed, first, max);
          await ledger.balance(bed);
        }
        isOver = true;
        for (let i = 0; i < 60 && !ledger.isEmpty; i++) {
          await bed.clock.jump(HOUR);
          ledger.read(bed, first, max);
        }
        assert.ok(ledger.isEmpty, "what is not ended comes to its end in time");
        await bed.scheduler?.stop();
      }),
      { numRuns: 60 },
    );
  });

  it("delivers to a sound destination at once, whatever others do", async () => {
    const given = fc.array(
      fc.record({ dead: fc.integer({ min: 0, max: 12 }), ms: fc.constantFrom(SECOND, MINUTE, HOUR) }),
      { minLength: 1, maxLength: 15 },
    );
    await fc.assert(
      fc.asyncProperty(given, failure, async (rounds, how) => {
        const bed = new QueueBed();
        bed.answer = (_, { destination }) => (destination === "sound" ? delivered : putOff(how));
        await bed.start({ attemptsMax: 8 });
        for (const { dead, ms } of rounds) {
          for (let i = 0; i < dead; i++) await bed.put([`dead${i}`, `dead${i}`]);
          const id = await bed.put(["sound"]);
          await bed.clock.jump(SECOND);
          assert.ok(bed.made.some((each) => each.id === id));
          assert.equal(await bed.spool.get(id), undefined);
          await bed.clock.jump(ms);
        }
        await bed.scheduler?.stop();
      }),
      { numRuns: 30 },
    );
  });
});
