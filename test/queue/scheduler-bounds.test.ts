/** What the scheduler holds of a long queue: what runs, a page of destinations, and those that failed, within bounds. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KNOWN_MAX } from "../../core/queue/dispatcher.ts";
import { LongQueue } from "./long-queue.ts";
import { type Answer, delivered, putOff, QueueBed, SECOND } from "./queue-bed.ts";

/** Runs until so many attempts were made; gives the most that was held meanwhile. */
async function run(queue: LongQueue, attempts: number, answer: (destination: string) => Answer) {
  const bed = new QueueBed(() => queue.spool);
  const destinations: string[] = [];
  const most = { running: 0, known: 0, inTurn: 0 };
  bed.answer = (_, { destination }) => {
    destinations.push(destination);
    if (destinations.length % 500 === 1 && bed.scheduler) {
      const { running, destinations: known, inTurn } = bed.scheduler.status();
      most.running = Math.max(most.running, running);
      most.known = Math.max(most.known, known.length);
      most.inTurn = Math.max(most.inTurn, inTurn);
    }
    bed.made.length = 0;
    bed.told.length = 0;
    return answer(destination);
  };
  await bed.start();
  for (let i = 0; i < 500 && destinations.length < attempts; i++) await bed.clock.jump(SECOND);
  const status = bed.scheduler?.status();
  await bed.stop();
  return { destinations, most, status };
}

describe("startScheduler", () => {
  it("delivers 100,000 due recipients of two destinations, and holds those that run", async () => {
    const queue = new LongQueue(
      [
        ["a", 4_500],
        ["b", 500],
      ],
      20,
    );
    const { destinations, most } = await run(queue, 100_000, () => delivered);
    assert.deepEqual([destinations.length, queue.settled, queue.lent], [100_000, 100_000, 0]);
    // Attempts that run have slots, 20 each; those that are being settled have none, and count among the 200 of all.
    assert.ok(queue.lentMax <= 200, String(queue.lentMax));
    assert.ok(most.running <= 200 && most.known <= 2 && most.inTurn <= 2, JSON.stringify(most));
    // The short queue is through long before the long one.
    assert.ok(destinations.lastIndexOf("b") < 30_000);
  });

  it("comes to each of 5,000 destinations, and holds pages of them", async () => {
    const names = Array.from({ length: 5_000 }, (_, i) => `mx d${i}.example`);
    const queue = new LongQueue(names.map((name) => [name, 2]));
    const { destinations, most, status } = await run(queue, 10_000, () => delivered);
    assert.deepEqual([destinations.length, new Set(destinations).size], [10_000, 5_000]);
    assert.ok(queue.pageMax <= 1_000);
    assert.ok(most.running <= 200 && most.known <= 2_500 && most.inTurn <= 2_000, JSON.stringify(most));
    assert.deepEqual(status?.destinations, []);
  });

  it("remembers no more than KNOWN_MAX destinations that are dead, and comes to the others", async () => {
    const dead = Array.from({ length: KNOWN_MAX + 2_000 }, (_, i) => [`mx d${i}.example`, 3] as const);
    const queue = new LongQueue([...dead, ["zz", 1]]);
    const { destinations, most, status } = await run(queue, dead.length + 1, (destination) =>
      destination === "zz" ? delivered : putOff("connection"),
    );
    assert.ok(destinations.includes("zz"));
    assert.ok(
      most.known <= KNOWN_MAX && (status?.destinations.length ?? 0) <= KNOWN_MAX,
      JSON.stringify(most),
    );
  });
});
