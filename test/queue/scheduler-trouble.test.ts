/** What goes wrong around the scheduler: a stop in the midst of it, lost leases, a spool that rejects, an attempt that does. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type Spool, SpoolFault } from "../../core/gateway/mod.ts";
import { type Answer, delivered, HOUR, MINUTE, putOff, QueueBed, quiet, SECOND } from "./queue-bed.ts";

let bed: QueueBed;
/** Calls of the spool that reject, by name, so many times. */
let failing: Map<string, { times: number; code: SpoolFault["code"] }>;
let calls: string[];
beforeEach(() => {
  failing = new Map();
  calls = [];
  bed = new QueueBed(faulty);
});
afterEach(() => bed.stop());

/** A spool whose calls are counted and fail as a test wants. */
function faulty(spool: Spool): Spool {
  return new Proxy(spool, {
    get(target, name: keyof Spool) {
      const value = target[name];
      if (typeof value !== "function" || name === "subscribe")
        return typeof value === "function" ? value.bind(target) : value;
      return (...given: unknown[]) => {
        calls.push(name);
        const fault = failing.get(name);
        if (fault && fault.times-- > 0) return Promise.reject(new SpoolFault(fault.code, "the disk is gone"));
        return (value as (...given: unknown[]) => unknown).apply(target, given);
      };
    },
  });
}

/** An answer that comes when a test lets it. */
function hold(): (answer?: Answer) => void {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  bed.answer = () => promise;
  return (answer = delivered) => resolve(answer);
}

describe("stop", () => {
  it("waits for what runs and settles it, and begins nothing more", async () => {
    const open = hold();
    const scheduler = await bed.start();
    await bed.put(["a"]);
    let isStopped = false;
    const stopped = scheduler.stop().then(() => {
      isStopped = true;
    });
    await bed.put(["a"]);
    await bed.clock.pass(5 * SECOND);
    assert.equal(isStopped, false);
    open();
    await stopped;
    assert.equal(bed.made.length, 1);
    const left = await bed.only();
    assert.deepEqual([left.state, left.attempts], ["due", 0]);
  });

  it("hands back what an attempt did not begin, and the attempt does not count", async () => {
    bed.answer = (_, __, signal) =>
      new Promise((resolve) =>
        signal.addEventListener("abort", () => resolve({ outcome: "returned" }), { once: true }),
      );
    const scheduler = await bed.start();
    await bed.put(["a"]);
    await scheduler.stop();
    const left = await bed.only();
    assert.deepEqual([left.state, left.attempts], ["due", 0]);
  });

  it("hands back a lease that came while it stopped, untried", async () => {
    let lend: () => void = () => {};
    const slow = (spool: Spool): Spool => {
      const { lease } = spool;
      spool.lease = async (request) => {
        const given = await lease.call(spool, request);
        await new Promise<void>((resolve) => {
          lend = resolve;
        });
        return given;
      };
      return spool;
    };
    bed = new QueueBed(slow);
    const scheduler = await bed.start();
    await bed.put(["a"]);
    const stopped = scheduler.stop();
    lend();
    await stopped;
    assert.deepEqual([(await bed.only()).state, (await bed.only()).attempts, bed.made.length], ["due", 0, 0]);
  });

  it("waits no longer than drainMs; what still runs lapses, and is lent again as such", async () => {
    const open = hold();
    const scheduler = await bed.start({ drainMs: 10 * SECOND });
    await bed.put(["a"]);
    const stopped = scheduler.stop();
    await bed.clock.pass(11 * SECOND);
    await stopped;
    assert.ok(bed.logged.includes("queueDrainGaveUp"));
    assert.equal((await bed.only()).state, "leased");
    await bed.spool.returnLeases();
    bed.answer = () => delivered;
    await bed.start({ owner: "w2" });
    assert.equal(bed.made.at(-1)?.recipients[0]?.lapsed, true);
    open();
    await quiet();
    assert.deepEqual(await bed.entries(), []);
  });

  it("keeps leases while it waits, and does the same when it is called twice", async () => {
    const open = hold();
    const scheduler = await bed.start({ leaseMs: 20 * SECOND });
    await bed.put(["a"]);
    const stopped = scheduler.stop();
    assert.equal(scheduler.stop(), stopped);
    await bed.clock.pass(60 * SECOND);
    assert.deepEqual(await bed.spool.sweep(), { returned: 0, expired: [] });
    open();
    await stopped;
    assert.deepEqual(await bed.entries(), []);
  });
});

describe("startScheduler", () => {
  it("renews leases while their attempts run", async () => {
    const open = hold();
    await bed.start({ leaseMs: MINUTE });
    await bed.put(["a"]);
    await bed.clock.pass(HOUR);
    assert.equal(bed.made.length, 1);
    assert.ok(calls.filter((call) => call === "renew").length >= 100);
    assert.ok(calls.includes("sweep"));
    open();
    await quiet();
    assert.deepEqual(await bed.entries(), []);
  });

  it("says so when a lease was lost, and settles nothing of it", async () => {
    const open = hold();
    const scheduler = await bed.start();
    await bed.put(["a"]);
    scheduler.suspend("a", bed.clock.now() + HOUR);
    await bed.spool.returnLeases();
    open();
    await quiet();
    assert.ok(bed.logged.includes("leaseLost"));
    assert.equal((await bed.only()).state, "due");
    assert.deepEqual(bed.told, []);
  });

  it("sweeps what lapsed and tries it again", async () => {
    await bed.put(["a"]);
    await bed.spool.lease({ owner: "gone", leaseMs: SECOND });
    await bed.start();
    assert.equal(bed.made.length, 0);
    await bed.clock.pass(35 * SECOND);
    assert.deepEqual(
      bed.made.map(({ recipients }) => recipients[0]?.lapsed),
      [true],
    );
    assert.ok(bed.logged.includes("leasesLapsed"));
  });

  for (const call of ["lease", "destinations", "sweep"] as const) {
    it(`waits when ${call} rejects, longer each time, and goes on when the spool answers`, async () => {
      const open = hold();
      await bed.start({ leaseMs: 40 * SECOND });
      await bed.put(["other"]);
      failing.set(call, { times: 5, code: "EIO" });
      await bed.put(["a"]);
      calls.length = 0;
      await bed.clock.pass(4 * MINUTE);
      // 1, 2, 4, 8 and 16 seconds: it does not spin.
      assert.ok(calls.filter((each) => each === call).length < 4 * 60 + 60, String(calls.length));
      assert.equal(bed.logged.filter((event) => event === "spoolFault").length, 5);
      assert.equal(bed.scheduler?.status().spoolFault, undefined);
      assert.equal(new Set(bed.made.map(({ destination }) => destination)).size, 2);
      open();
      await quiet();
      assert.deepEqual(await bed.entries(), []);
    });
  }

  it("renews again when that was rejected, before the lease ends", async () => {
    const open = hold();
    await bed.start({ leaseMs: MINUTE });
    await bed.put(["a"]);
    failing.set("renew", { times: 4, code: "EIO" });
    await bed.clock.pass(10 * MINUTE);
    assert.equal(bed.logged.filter((event) => event === "spoolFault").length, 4);
    assert.equal(bed.made.length, 1);
    open();
    await quiet();
    assert.deepEqual(await bed.entries(), []);
  });

  it("shows what the spool rejects, and asks nothing of it meanwhile", async () => {
    failing.set("destinations", { times: 1_000, code: "EIO" });
    failing.set("lease", { times: 1_000, code: "EIO" });
    await bed.start();
    await bed.put(["a"]);
    await bed.clock.pass(10 * MINUTE);
    assert.match(bed.scheduler?.status().spoolFault ?? "", /EIO, the disk is gone/);
    // 1, 2, 4, 8, 16, 32 seconds, then each minute.
    assert.ok(calls.length < 40, String(calls.length));
  });

  it("settles again and again what was delivered, and delivers it once", async () => {
    await bed.start();
    failing.set("settle", { times: 6, code: "EIO" });
    await bed.put(["a"]);
    assert.equal((await bed.only()).state, "leased");
    await bed.clock.pass(2 * MINUTE);
    assert.deepEqual(await bed.entries(), []);
    assert.equal(bed.made.length, 1);
    assert.equal(bed.told.length, 1);
  });

  it("gives up to settle when it stopped waiting, and when the spool is closed", async () => {
    for (const code of ["EIO", "ECLOSED"] as const) {
      const scheduler = await bed.start({ drainMs: 5 * SECOND });
      failing.set("settle", { times: 1_000, code });
      await bed.put(["a"]);
      const stopped = scheduler.stop();
      await bed.clock.pass(6 * SECOND);
      await stopped;
      assert.ok(bed.logged.includes("settleGaveUp"));
      bed.logged.length = 0;
      failing.clear();
      await bed.spool.remove({ destination: "a" });
      await bed.spool.returnLeases();
      await bed.spool.remove({ destination: "a" });
    }
  });

  it("puts off what an attempt that rejects was about, as a plugin's failure", async () => {
    bed.answer = () => Promise.reject(new Error("broken"));
    await bed.start();
    await bed.put(["a", "a"]);
    const entries = await bed.entries();
    assert.deepEqual(
      entries.map(({ state, nextAt }) => [state, nextAt - bed.clock.now()]),
      [
        ["due", 5 * MINUTE],
        ["due", 5 * MINUTE],
      ],
    );
    assert.ok(bed.logged.includes("attemptFault"));
  });

  it("puts off a recipient that an attempt does not tell of", async () => {
    const { attempt } = bed.attempts;
    await bed.start({
      attempts: {
        ...bed.attempts,
        attempt: async (lease, options) => (await attempt(lease, options)).slice(0, 1),
      },
    });
    await bed.put(["a", "a"]);
    assert.deepEqual(
      (await bed.entries()).map(({ recipient, state }) => [recipient, state]),
      [[1, "due"]],
    );
  });

  it("puts off what an attempt hands back although nothing stops", async () => {
    bed.answer = () => ({ outcome: "returned" });
    await bed.start();
    await bed.put(["a"]);
    assert.equal(bed.made.length, 1);
    assert.equal((await bed.only()).nextAt - bed.clock.now(), 5 * MINUTE);
  });

  it("bears what its listeners throw", async () => {
    await bed.start({
      onSettled: () => {
        throw new Error("metrics");
      },
    });
    await bed.put(["a"]);
    await bed.put(["a"]);
    assert.deepEqual(await bed.entries(), []);
    assert.ok(bed.logged.includes("settledFault"));
  });

  it("learns of a destination what an attempt for another one met there", async () => {
    bed.answer = (_, { destination }) =>
      destination === "" ? { ...putOff("connection"), destination: "a" } : putOff("connection");
    await bed.start();
    await bed.put([""]);
    await bed.put(["a"]);
    assert.deepEqual(
      bed.made.map(({ destination }) => destination),
      [""],
    );
  });
});
