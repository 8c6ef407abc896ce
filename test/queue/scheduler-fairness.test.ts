/** Who goes when many want to: neither a dead destination nor a slow or a large one holds others back. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { retryPolicyOf } from "../../core/config/mod.ts";
import { type Answer, DAY, delivered, HOUR, MINUTE, putOff, QueueBed, quiet, SECOND } from "./queue-bed.ts";

let bed: QueueBed;
beforeEach(() => {
  bed = new QueueBed();
});
afterEach(() => bed.stop());

/** An answer that comes when a test lets it. */
function gate(): { readonly answer: Promise<Answer>; open(answer?: Answer): void } {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  return { answer: promise, open: (answer = delivered) => resolve(answer) };
}

const madeTo = (destination: string): number =>
  bed.made.filter((each) => each.destination === destination).length;

describe("startScheduler", () => {
  it("probes a dead destination with one message at a time, and delivers to others at once", async () => {
    bed.answer = (_, { destination }) => (destination === "dead" ? putOff("connection") : delivered);
    await bed.start();
    for (let i = 0; i < 50; i++) await bed.put(["dead"]);
    assert.equal(madeTo("dead"), 1);
    await bed.clock.pass(4 * MINUTE);
    // After 15, 30, 60 and 120 seconds more.
    assert.equal(madeTo("dead"), 5);
    await bed.put(["sound"]);
    assert.equal(madeTo("sound"), 1);
    const [dead] = bed.scheduler?.status().destinations ?? [];
    assert.deepEqual([dead?.destination, dead?.failures, dead?.lastReply?.text], ["dead", 5, "Later"]);
    assert.ok(dead?.probeAt !== undefined && dead.probeAt > bed.clock.now());
  });

  it("comes back slowly when a dead destination answers, and then delivers all", async () => {
    let isDead = true;
    let running = 0;
    const most: number[] = [];
    let release: (() => void)[] = [];
    bed.answer = async () => {
      if (isDead) return putOff("connection");
      most.push(++running);
      await new Promise<void>((resolve) => release.push(resolve));
      running--;
      return delivered;
    };
    await bed.start();
    for (let i = 0; i < 40; i++) await bed.put(["a"]);
    isDead = false;
    await bed.clock.pass(20 * SECOND);
    const waves: number[] = [];
    for (let wave = 0; wave < 8; wave++) {
      waves.push(release.length);
      for (const go of release.splice(0)) go();
      release = [];
      await quiet();
    }
    assert.deepEqual(waves.slice(0, 3), [1, 2, 8]);
    assert.ok(Math.max(...most) <= 20);
    await bed.clock.pass(10 * MINUTE);
    for (let i = 0; i < 10; i++, await quiet()) for (const go of release.splice(0)) go();
    assert.deepEqual(await bed.entries(), []);
  });

  it("gives a slow destination its slots and no more", async () => {
    const slow = gate();
    bed.answer = (_, { destination }) => (destination === "slow" ? slow.answer : delivered);
    await bed.start();
    for (let i = 0; i < 60; i++) await bed.put(["slow"]);
    assert.equal(madeTo("slow"), 20);
    for (let i = 0; i < 30; i++) await bed.put(["fast"]);
    assert.equal(madeTo("fast"), 30);
    slow.open();
    await quiet();
    assert.equal(madeTo("slow"), 60);
  });

  it("keeps the last places for those that have none, however many slow destinations there are", async () => {
    const slow = gate();
    bed.answer = (_, { destination }) => (destination.startsWith("slow") ? slow.answer : delivered);
    await bed.start({ attemptsMax: 20 });
    for (let i = 0; i < 60; i++) await bed.put([`slow${i % 3}`]);
    assert.equal(bed.scheduler?.status().running, 15);
    await bed.put(["fast"]);
    assert.equal(madeTo("fast"), 1);
    slow.open();
    await bed.clock.pass(2 * SECOND);
    assert.deepEqual(await bed.entries(), []);
  });

  it("lets probes of dead destinations have no more than a quarter of all attempts", async () => {
    const hanging = gate();
    let isHanging = false;
    bed.answer = (_, { destination }) => {
      if (!destination.startsWith("dead")) return delivered;
      return isHanging ? hanging.answer : putOff("connection");
    };
    await bed.start({ attemptsMax: 20 });
    for (let i = 0; i < 30; i++) await bed.put([`dead${i}`]);
    for (let i = 0; i < 30; i++) await bed.put([`dead${i}`]);
    isHanging = true;
    await bed.clock.pass(20 * SECOND);
    assert.equal(bed.scheduler?.status().running, 5);
    await bed.put(["sound"]);
    assert.equal(madeTo("sound"), 1);
    hanging.open();
    await quiet();
  });

  it("gives destinations turns, so that a long queue does not come before a short one", async () => {
    for (let i = 0; i < 30; i++) await bed.put(["long"]);
    for (let i = 0; i < 3; i++) await bed.put([`short${i}`]);
    bed.policy = { ...bed.policy, slots: () => ({ max: 1, free: 1 }) };
    await bed.start({ attemptsMax: 1 });
    await bed.clock.pass(5 * SECOND);
    const order = bed.made.map(({ destination }) => destination);
    const lastShort = Math.max(...[0, 1, 2].map((i) => order.indexOf(`short${i}`)));
    assert.ok(lastShort >= 0 && lastShort < 12, order.join(" "));
  });

  it("takes new mail before old within a destination, and old mail all the same", async () => {
    bed.answer = ({ attempt }) => (attempt === 1 ? putOff("reply") : delivered);
    await bed.start();
    for (let i = 0; i < 20; i++) await bed.put(["a"]);
    await bed.stop();
    await bed.clock.jump(HOUR);
    for (let i = 0; i < 20; i++) await bed.put(["a"]);
    bed.made.length = 0;
    bed.answer = () => delivered;
    bed.policy = { ...bed.policy, slots: () => ({ max: 1, free: 1 }) };
    await bed.start({ owner: "w2" });
    await bed.clock.pass(5 * SECOND);
    const olds = bed.made.map(({ recipients }) => (recipients[0]!.attempt > 1 ? "old" : "new"));
    assert.equal(olds.length, 40);
    const early = olds.slice(0, 20).filter((each) => each === "old").length;
    assert.ok(early >= 4 && early <= 6, olds.join(" "));
  });

  it("leaves a suspended destination alone until its time, with the name of a next hop all its domains", async () => {
    const scheduler = await bed.start();
    scheduler.suspend("mx", bed.clock.now() + HOUR);
    scheduler.suspend("a", bed.clock.now() + DAY);
    for (const to of ["mx one.example", "mx two.example", "a", "mxb"]) await bed.put([to]);
    assert.deepEqual(
      bed.made.map(({ destination }) => destination),
      ["mxb"],
    );
    assert.deepEqual(
      scheduler.status().suspended.map(({ destination }) => destination),
      ["mx", "a"],
    );
    await bed.clock.pass(HOUR - SECOND, MINUTE);
    assert.equal(bed.made.length, 1);
    await bed.clock.pass(2 * SECOND);
    assert.equal(bed.made.length, 3);
    assert.equal(scheduler.resume("a"), true);
    await quiet();
    assert.equal(bed.made.length, 4);
    assert.equal(scheduler.resume("a"), false);
  });

  it("resume ends the back-off of a dead destination", async () => {
    bed.answer = () => putOff("connection");
    const scheduler = await bed.start();
    await bed.put(["a"]);
    await bed.put(["a"]);
    assert.equal(bed.made.length, 1);
    bed.answer = () => delivered;
    scheduler.resume("a");
    await quiet();
    assert.equal(bed.made.length, 2);
  });

  it("gives up what waits behind a destination that is dead for days, and says so of a delay", async () => {
    const kinds: string[] = [];
    bed.answer = () => putOff("connection", "No answer");
    bed.policy = { retry: retryPolicyOf({ warn: "4h", giveUp: "2d" }) };
    await bed.start({
      dsn: async (_, recipients, kind) => {
        kinds.push(...recipients.map(({ recipient }) => `${kind} ${recipient}`));
        return { suppressed: [] };
      },
    });
    for (let i = 0; i < 100; i++) await bed.put(["dead"]);
    await bed.clock.pass(3 * DAY, 5 * MINUTE);
    const count = (kind: string) => kinds.filter((each) => each === `${kind} 0`).length;
    assert.deepEqual([count("delayed"), count("failed")], [100, 100]);
    assert.deepEqual(await bed.entries(), []);
    // Probes are too few to try each of them until it is given up.
    assert.ok(bed.made.length < 400, String(bed.made.length));
  });
});
