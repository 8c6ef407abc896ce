/** What is told of attempts: the one trace of the message, events, log lines, and what a stop leaves untried. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definePlugin, EVENT_NAMES, type MailEvent, mailbox, pipeline, routeTo, smtp } from "postern";
import { createMemorySpool, recordingNextHop } from "postern/testing";
import type { Spool, SpoolLease } from "../../core/gateway/mod.ts";
import { attemptBed, movedClock, toQueue } from "./attempt-bed.ts";
import { openBed } from "./engine-bed.ts";
import { failing, START } from "./spool-fixtures.ts";

const later = { code: 450, enhanced: "4.2.0", text: "Later" };
const RETRY_MS = 300_000;

function listener() {
  const events: MailEvent[] = [];
  const on = Object.fromEntries(
    EVENT_NAMES.map((name) => [name, (event: MailEvent) => void events.push(event)]),
  );
  return { events, plugin: definePlugin({ name: "listener", on }) };
}

/** A bed of single commands with a lease of its one message. */
async function leased(...recipients: readonly string[]) {
  const clock = movedClock();
  const spool = createMemorySpool({ durable: true, clock });
  const toNamed = definePlugin({
    name: "toNamed",
    routes: true,
    route: (ctx) => routeTo(ctx.recipient.forwardPath.localPart),
  });
  const hop = smtp({ host: "127.0.0.1", port: 2500, mode: "queue" });
  const bed = await openBed({
    pipeline: pipeline(toNamed),
    config: { nextHops: { backend: mailbox(), a: hop, b: hop } },
    clock,
    services: { spool },
  });
  await bed.send(recipients.map((name) => `${name}@example.org`));
  return { ...bed, clock, spool, lease: () => leaseOf(spool) };
}

async function leaseOf(spool: Spool): Promise<SpoolLease> {
  const lease = await spool.lease({ owner: "w", leaseMs: 1_000 });
  assert.ok(lease);
  return lease;
}

const never = new AbortController().signal;

describe("the trace of a queued message", () => {
  it("is one: what took it, each attempt with its reply and next time, and the end of each recipient", async () => {
    const bed = await attemptBed();
    const id = await bed.send("bob", "late");
    bed.answer(later, "late");
    await bed.run();
    const between = await bed.gateway.trace(id);
    assert.deepEqual(
      between?.recipients.map(({ forwardPath, outcome, reply, attempts, nextAt }) => [
        forwardPath.split("@")[0],
        outcome,
        reply?.code,
        attempts,
        nextAt,
      ]),
      [
        ["bob", "delivered", 250, 1, undefined],
        ["late", "deferred", 450, 1, START + RETRY_MS],
      ],
    );
    bed.answer(undefined);
    bed.clock.forward(RETRY_MS);
    await bed.run();
    const trace = await bed.gateway.trace(id);
    assert.deepEqual(
      trace?.recipients.map(({ outcome, attempts, nextAt }) => [outcome, attempts, nextAt]),
      [
        ["delivered", 1, undefined],
        ["delivered", 2, undefined],
      ],
    );
    assert.deepEqual([trace?.outcome, trace?.reply?.code, trace?.attempt], ["accepted", 250, undefined]);
    const notes = trace?.entries.flatMap((entry) =>
      "event" in entry && entry.event === "attempt" ? [[entry.at, entry.detail]] : [],
    );
    assert.deepEqual(notes, [
      [0, "number 1, of 2 recipients"],
      [RETRY_MS, "number 2, of 1 recipient"],
    ]);
  });

  it("says of a lease that lapsed that this may be a duplicate, and of whom", async () => {
    const bed = await attemptBed();
    const id = await bed.send("bob");
    await bed.spool.lease({ owner: "died", leaseMs: 1_000 });
    await bed.spool.returnLeases("died");
    assert.deepEqual(await bed.run(), ["bob delivered 250 2.0.0"]);
    const trace = await bed.gateway.trace(id);
    const note = trace?.entries.find((entry) => "event" in entry && entry.event === "duplicatePossible");
    assert.match((note as { detail: string }).detail, /may be a duplicate for bob@example\.org$/);
    assert.equal(bed.queued.deliveries[0]?.id, id, "receivers can tell by the same ids");
  });
});

describe("events of the queue", () => {
  it("are accepted, deferred with the next time, and delivered, each with its attempt and reply", async () => {
    const { events, plugin } = listener();
    const bed = await attemptBed(pipeline(plugin, toQueue));
    await bed.send("bob");
    bed.answer(later);
    await bed.run();
    bed.answer(undefined);
    bed.clock.forward(RETRY_MS);
    await bed.run();
    assert.deepEqual(
      events.map(({ event, at, attempt, nextAt, reply }) => [
        event,
        at - START,
        attempt,
        nextAt,
        reply?.code,
      ]),
      [
        ["accepted", 0, undefined, undefined, undefined],
        ["deferred", 0, 1, START + RETRY_MS, 450],
        ["delivered", RETRY_MS, 2, undefined, 250],
      ],
    );
  });

  it("tell failed of what the next hop refuses, and nothing more of what an attempt replaces", async () => {
    const { events, plugin } = listener();
    const bed = await attemptBed(pipeline(plugin, toQueue));
    await bed.send("gone");
    bed.answer({ ...later, code: 550, enhanced: "5.1.1" });
    await bed.run();
    assert.deepEqual(
      events.map(({ event, attempt }) => [event, attempt]),
      [
        ["accepted", undefined],
        ["failed", 1],
      ],
    );
  });
});

describe("Gateway.attempt", () => {
  it("tries nothing when the gateway stops already: all are returned", async () => {
    const bed = await leased("a");
    const stop = AbortSignal.abort();
    const results = await bed.gateway.attempt(await bed.lease(), { signal: stop });
    assert.deepEqual(
      results.map(({ outcome }) => outcome),
      ["returned"],
    );
    assert.deepEqual(bed.deliveries, []);
  });

  it("finishes what runs when the gateway stops, and drain waits for it", async () => {
    const clock = movedClock();
    const spool = createMemorySpool({ durable: true, clock });
    const stop = new AbortController();
    let letGo = () => {};
    const open = new Promise<void>((resolve) => (letGo = resolve));
    const slow = recordingNextHop("a");
    const bed = await openBed({
      pipeline: pipeline(definePlugin({ name: "r", routes: true, route: () => routeTo("a") })),
      config: { nextHops: { a: smtp({ host: "127.0.0.1", port: 2500, mode: "queue" }) } },
      nextHops: {
        a: {
          ...slow,
          async deliver(delivery, options) {
            stop.abort();
            assert.equal(options.signal.aborted, false);
            await open;
            return slow.deliver(delivery, options);
          },
        },
      },
      clock,
      services: { spool },
    });
    await bed.send(["x@example.org"]);
    const attempt = bed.gateway.attempt(await leaseOf(spool), { signal: stop.signal });
    let drained = false;
    const drain = bed.gateway.drain().then(() => (drained = true));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(drained, false);
    letGo();
    assert.deepEqual(
      (await attempt).map(({ outcome }) => outcome),
      ["delivered"],
    );
    await drain;
  });

  it("gives deferred for all when what was stored can not be made a message of", async () => {
    const bed = await leased("a");
    const lease = await bed.lease();
    const broken = { ...lease, message: { ...lease.message, facts: null } } as unknown as SpoolLease;
    const [result] = await bed.gateway.attempt(broken, { signal: never });
    assert.deepEqual([result?.outcome, result?.failure, result?.destination], ["deferred", "plugin", "a"]);
    const gone = { ...lease, message: { ...lease.message, content: failing(9, 0) } };
    const [second] = await bed.gateway.attempt(gone, { signal: never });
    assert.deepEqual([second?.outcome, second?.failure], ["deferred", "plugin"]);
    assert.ok(bed.lines.some(({ event }) => event === "attemptFault"));
  });

  it("publishes nothing until it is told what was committed, and then once", async () => {
    const bed = await leased("a");
    const lease = await bed.lease();
    const [result] = await bed.gateway.attempt(lease, { signal: never });
    assert.ok(result);
    const before = bed.records.length;
    bed.gateway.settled(lease, [{ result }]);
    bed.gateway.settled(lease, [{ result }]);
    assert.equal(bed.records.length, before + 1);
    const { attempt, id, startedAt } = bed.last();
    assert.deepEqual([attempt, id, startedAt], [1, lease.id, lease.message.receivedAt]);
    assert.equal(bed.lines.filter(({ event }) => event === "delivered").length, 1);
  });

  it("numbers deliveries by their recipients, so that two of one message never have the same name", async () => {
    const bed = await leased("a", "b");
    const numbers = [];
    for (let turn = 0; turn < 2; turn++) await bed.gateway.attempt(await bed.lease(), { signal: never });
    for (const { id, number } of bed.deliveries) numbers.push(`${id} ${number}`);
    assert.equal(new Set(numbers).size, 2);
  });
});
