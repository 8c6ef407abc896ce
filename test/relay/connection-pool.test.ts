/** The connections of a next hop: how long they are kept, which server gets them, and that none is left. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { lmtp, type SmtpNextHop, smtp } from "../../core/config/next-hops.ts";
import type { Clock } from "../../core/pipeline/services.ts";
import { MessageRate } from "../../core/relay/message-rate.ts";
import { createSmtpDriver } from "../../core/relay/mod.ts";
import { ServerOrder } from "../../core/relay/server-order.ts";
import { clock, deliverTo, delivery, goOn, nextHop, recordingLog, summary } from "./relay-fixtures.ts";
import { startSink } from "./sink-server.ts";

/** A clock that stands still until it is told; sleeping moves it. */
function handClock(): Clock & { ms: number; slept: number[] } {
  const own = {
    ms: 1_000_000,
    slept: [] as number[],
    now: () => own.ms,
    monotonic: () => own.ms,
    async sleep(ms: number, signal?: AbortSignal) {
      signal?.throwIfAborted();
      own.slept.push(ms);
      own.ms += ms;
    },
  };
  return own;
}

const driverOf = (hop: SmtpNextHop, by: Clock = clock) =>
  createSmtpDriver("sink", hop, { hostName: "gw.example", log: recordingLog(), clock: by });
const four = ["a\r\n", "b\r\n", "c\r\n", "d\r\n"].map((text) => delivery(text));

describe("ConnectionPool", () => {
  it("says QUIT on a connection after messagesPerConnectionMax", async () => {
    const { sink, results } = await deliverTo(undefined, four, { messagesPerConnectionMax: 2 });
    assert.deepEqual(results.map(summary), Array(4).fill(["delivered 250 2.0.0"]));
    assert.equal(sink.connections(), 2);
    assert.equal(sink.commands.filter((command) => command === "QUIT").length, 2);
  });

  it("has slots for as many deliveries as connections are idle or may be opened", async () => {
    const sink = await startSink();
    const driver = driverOf(nextHop(sink.port, { connectionsMax: 2 }));
    assert.deepEqual(driver.slots?.(), { max: 2, free: 2 });
    const first = driver.deliver(four[0]!, goOn());
    assert.deepEqual(driver.slots?.(), { max: 2, free: 1 });
    const rest = [driver.deliver(four[1]!, goOn()), driver.deliver(four[2]!, goOn())];
    assert.deepEqual(driver.slots?.(), { max: 2, free: 0 });
    const results = await Promise.all([first, ...rest]);
    assert.deepEqual(results.map(summary), Array(3).fill(["delivered 250 2.0.0"]));
    assert.deepEqual(driver.slots?.(), { max: 2, free: 2 });
    await driver.close();
    await sink.close();
  });

  it("says QUIT on a connection after its connectionLifeTime", async () => {
    const by = handClock();
    const sink = await startSink();
    const driver = driverOf(nextHop(sink.port, { connectionLifeTime: "1m" }), by);
    for (const one of four) {
      await driver.deliver(one, goOn());
      by.ms += 30_000;
    }
    assert.equal(sink.connections(), 2);
    await driver.close();
    await sink.close();
  });

  it("leaves no socket open after close(), whatever became of the connections", async () => {
    let n = 0;
    const sink = await startSink((command) =>
      command.startsWith("RCPT") ? [undefined, "550 no", null, "421 bye", "rubbish"][n++ % 5] : undefined,
    );
    const driver = driverOf(nextHop(sink.port, { connectionsMax: 5 }));
    await Promise.all(Array.from({ length: 20 }, () => driver.deliver(four[0]!, goOn())));
    await driver.close();
    await sink.ended();
    await sink.close();
  });

  it("passes over a server that failed, and takes it back when it answers", async () => {
    const by = handClock();
    let down = true;
    const first = await startSink((command) => (command === "GREETING" && down ? null : undefined));
    const second = await startSink();
    const servers = [first, second].map(({ port }) => ({ host: "127.0.0.1", port }));
    const driver = driverOf(nextHop(0, { servers, messagesPerConnectionMax: 1 }), by);
    const deliver = async () =>
      assert.deepEqual(summary(await driver.deliver(four[0]!, goOn())), ["delivered 250 2.0.0"]);
    await deliver();
    await deliver();
    assert.deepEqual([first.connections(), second.connections()], [1, 2]);
    by.ms += 1_000;
    await deliver();
    by.ms += 1_000;
    await deliver();
    assert.deepEqual(
      [first.connections(), second.connections()],
      [2, 4],
      "after a second failure it is passed over longer",
    );
    down = false;
    by.ms += 1_000;
    await deliver();
    await deliver();
    assert.deepEqual([first.connections(), second.connections()], [4, 4]);
    await driver.close();
    await first.close();
    await second.close();
  });

  it("reaches a server that listens on one of the addresses of its name only (RFC 8305)", async () => {
    const sink = await startSink();
    const driver = driverOf(nextHop(0, { servers: [{ host: "localhost", port: sink.port }] }));
    assert.deepEqual(summary(await driver.deliver(four[0]!, goOn())), ["delivered 250 2.0.0"]);
    await driver.close();
    await sink.close();
  });

  for (const [name, describeHop] of [
    ["smtp", smtp],
    ["lmtp", lmtp],
  ] as const) {
    it(`reaches ${name}("unix:/path")`, async () => {
      const folder = await mkdtemp(join(tmpdir(), "postern-unix-"));
      const path = join(folder, "sink");
      const sink = await startSink(undefined, path);
      const driver = driverOf(describeHop(`unix:${path}`));
      assert.equal(driver.description, `${name} unix:${path}`);
      const result = await driver.deliver(four[0]!, goOn());
      assert.deepEqual(summary(result), ["delivered 250 2.0.0"]);
      assert.equal(result.server, `unix:${path}`);
      assert.equal(sink.commands[0], `${name === "lmtp" ? "LHLO" : "EHLO"} gw.example`);
      await driver.close();
      await sink.close();
      await rm(folder, { recursive: true });
    });
  }
});

describe("ServerOrder", () => {
  it("is that of the config, those that failed last, the one whose time ends first before the others", () => {
    const by = handClock();
    const order = new ServerOrder(3, undefined, by);
    assert.deepEqual(order.next(), [0, 1, 2]);
    order.failed(0);
    order.failed(0);
    order.failed(1);
    assert.deepEqual(order.next(), [2, 1, 0]);
    by.ms += 1_000;
    assert.deepEqual(order.next(), [1, 2, 0]);
    order.trying(1);
    assert.deepEqual(order.next(), [2, 0, 1], "one try at a time");
    assert.equal(order.answered(1), true);
    assert.equal(order.answered(2), false);
    by.ms += 1_000;
    assert.deepEqual(order.next(), [0, 1, 2]);
  });

  it("passes over a server for at most five minutes", () => {
    const by = handClock();
    const order = new ServerOrder(2, undefined, by);
    for (let n = 0; n < 100; n++) order.failed(0);
    assert.deepEqual(order.next(), [1, 0]);
    by.ms += 300_000;
    assert.deepEqual(order.next(), [0, 1]);
  });

  it("shares by weights, one of weight 0 always last, 1 for those left out", () => {
    let seed = 1;
    const random = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    const order = new ServerOrder(3, [3, 0], clock, random);
    const firsts = [0, 0, 0];
    for (let n = 0; n < 4000; n++) {
      const drawn = order.next();
      assert.equal(drawn.length, 3);
      assert.equal(drawn[2], 1);
      firsts[drawn[0]!]!++;
    }
    assert.equal(firsts[1], 0);
    assert.ok(Math.abs(firsts[0]! - 3000) < 150, `${firsts}`);
  });
});

describe("MessageRate", () => {
  it("lets a second's worth through at once, and spaces the rest", async () => {
    const by = handClock();
    const rate = new MessageRate(10, 1_000, by);
    const { signal } = new AbortController();
    for (let n = 0; n < 10; n++) assert.equal(await rate.turn(signal), true);
    assert.deepEqual(by.slept, []);
    for (let n = 0; n < 3; n++) assert.equal(await rate.turn(signal), true);
    assert.deepEqual(by.slept, [100, 100, 100]);
    by.ms += 5_000;
    for (let n = 0; n < 10; n++) assert.equal(await rate.turn(signal), true);
    assert.equal(by.slept.length, 3);
  });

  it("refuses who would wait too long, and who is out of time", async () => {
    const by = handClock();
    const rate = new MessageRate(1, 500, by);
    const { signal } = new AbortController();
    assert.equal(await rate.turn(signal), true);
    assert.equal(await rate.turn(signal), false);
    by.ms += 600;
    assert.equal(await rate.turn(AbortSignal.abort()), false);
  });

  it("tells how many would leave at once, and asking takes none away", async () => {
    const by = handClock();
    const rate = new MessageRate(2, 500, by);
    const { signal } = new AbortController();
    assert.deepEqual([rate.free, rate.free], [2, 2]);
    await rate.turn(signal);
    assert.equal(rate.free, 1);
    await rate.turn(signal);
    assert.equal(rate.free, 0);
    by.ms += 500;
    assert.equal(rate.free, 1);
  });

  it("bounds the slots of the driver", async () => {
    const driver = driverOf(nextHop(1, { messagesPerSecondMax: 3, connectionsMax: 20 }), handClock());
    assert.deepEqual(driver.slots?.(), { max: 20, free: 3 });
    await driver.close();
  });

  it("is kept by the driver, which says 451 4.4.5 beyond", async () => {
    const sink = await startSink();
    const hop = nextHop(sink.port, { messagesPerSecondMax: 1, connectTimeout: 500 });
    const driver = driverOf(hop, handClock());
    assert.deepEqual(summary(await driver.deliver(four[0]!, goOn())), ["delivered 250 2.0.0"]);
    assert.deepEqual(summary(await driver.deliver(four[1]!, goOn())), ["tempfailed 451 4.4.5"]);
    await driver.close();
    await sink.close();
  });
});
