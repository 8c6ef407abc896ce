/** One deadline from the final dot to our reply: whatever hangs, the client hears 451 by then, and the trace says why. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definePlugin, type Plugin, pipeline, routeTo, type TraceRecord } from "postern";
import { recordingNextHop } from "postern/testing";
import { SETTLE_MS, settledBy } from "../../core/gateway/deadline.ts";
import type { Answer, NextHopDriver } from "../../core/gateway/mod.ts";
import { openBed, short } from "./engine-bed.ts";
import { manualClock } from "./manual-clock.ts";

const routes = definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") });
const DEADLINE_MS = 20_000;
const config = { deadline: DEADLINE_MS };
const never = () => new Promise<undefined>(() => {});
const events = (record: TraceRecord): string[] =>
  record.entries.flatMap((entry) => ("event" in entry ? [entry.event] : []));

/** A next hop that does with a delivery what a test says. */
const nextHop = (deliver: NextHopDriver["deliver"]): NextHopDriver => ({
  ...recordingNextHop("backend"),
  deliver,
});

/** Sends; moves the clock to just before the deadline, then to it; tells the answer of each time. */
async function runTo(
  ms: number,
  bed: Awaited<ReturnType<typeof openBed>>,
  clock: ReturnType<typeof manualClock>,
) {
  let answer: Answer | undefined;
  const sending = bed.send(["bob@example.org"]).then((given) => (answer = given));
  await clock.advance(ms);
  return { answer: () => answer, sending };
}

// What fails here waits for ever: the limit makes that a failure instead of a hang.
const limit = { timeout: 30_000 };

describe("the deadline of a message", limit, () => {
  for (const stage of ["data", "route", "delivery"] as const) {
    for (const onError of ["tempfail", "reject", "skip"] as const) {
      it(`answers 451 4.4.7 when a ${stage} hook hangs, whatever its own timeout and onError "${onError}"`, async () => {
        const clock = manualClock();
        const hanging = definePlugin({ name: "hanging", timeout: "1h", onError, [stage]: never }) as Plugin<
          never,
          never,
          false
        >;
        const bed = await openBed({ pipeline: pipeline(hanging, routes), config, clock });
        const run = await runTo(DEADLINE_MS - 1, bed, clock);
        assert.equal(run.answer(), undefined);
        await clock.advance(1);
        assert.equal(short(await run.sending), "451 4.4.7");
        assert.equal(bed.deliveries.length, 0);
        const record = bed.last();
        assert.equal(record.outcome, "deferred");
        const fault = record.entries.find((entry) => "fault" in entry);
        assert.match(JSON.stringify(fault), /hanging.*the transaction's deadline is over/);
      });
    }
  }

  it("leaves hooks their own shorter timeout", async () => {
    const clock = manualClock();
    const hanging = definePlugin({ name: "hanging", timeout: "5s", onError: "skip", data: never });
    const bed = await openBed({ pipeline: pipeline(hanging, routes), config, clock });
    const run = await runTo(5_100, bed, clock);
    assert.equal(short(await run.sending), "250 2.0.0");
  });

  it("counts all stages together: three hooks of 8 s each are too long for 20 s", async () => {
    const clock = manualClock();
    const slow = (name: string) =>
      definePlugin({ name, data: (ctx) => ctx.clock.sleep(8_000).then(() => undefined) });
    const bed = await openBed({ pipeline: pipeline(slow("a"), slow("b"), slow("c"), routes), config, clock });
    const run = await runTo(DEADLINE_MS, bed, clock);
    assert.equal(short(await run.sending), "451 4.4.7");
    assert.equal(bed.deliveries.length, 0);
  });

  it("runs no hook any more once it is over", async () => {
    const clock = manualClock();
    let asked = 0;
    const hanging = definePlugin({ name: "hanging", timeout: "1h", onError: "skip", data: never });
    const after = definePlugin({ name: "after", data: () => void asked++ });
    const last = definePlugin({
      name: "last",
      routes: true,
      route() {
        asked++;
        return routeTo("backend");
      },
    });
    const bed = await openBed({ pipeline: pipeline(hanging, after, last), config, clock });
    await (await runTo(DEADLINE_MS, bed, clock)).sending;
    assert.equal(asked, 0);
  });

  it("aborts the next hop's signal, and gives its account: nothing was taken", async () => {
    const clock = manualClock();
    const hangs = nextHop(
      (delivery, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener("abort", () =>
            resolve({
              ended: "connection",
              recipients: delivery.recipients.map(() => ({
                status: "tempfailed",
                reply: { code: 451, enhanced: "4.4.1", text: "Next hop not available" },
              })),
            }),
          );
        }),
    );
    const bed = await openBed({ pipeline: pipeline(routes), config, clock, nextHops: { backend: hangs } });
    const run = await runTo(DEADLINE_MS - 1, bed, clock);
    assert.equal(run.answer(), undefined);
    await clock.advance(1);
    assert.equal(short(await run.sending), "451 4.4.1");
    assert.ok(!events(bed.last()).includes("duplicatePossible"));
  });

  it("lets a next hop that took the message as the time ran out say so: 250, and no second copy", async () => {
    const clock = manualClock();
    const late = nextHop(
      (delivery, { signal }) =>
        new Promise((resolve) => {
          const reply = { code: 250, enhanced: "2.0.0", text: "Ok" };
          signal.addEventListener("abort", () =>
            resolve({
              ended: "reply",
              recipients: delivery.recipients.map(() => ({ status: "delivered", reply })),
            }),
          );
        }),
    );
    const bed = await openBed({ pipeline: pipeline(routes), config, clock, nextHops: { backend: late } });
    const run = await runTo(DEADLINE_MS, bed, clock);
    assert.equal(short(await run.sending), "250 2.0.0");
    assert.equal(bed.last().recipients[0]?.outcome, "delivered");
  });

  it("says that a copy may have been taken when no answer came after the dot", async () => {
    const clock = manualClock();
    const lost = nextHop(async (delivery) => ({
      ended: "lost",
      recipients: delivery.recipients.map(() => ({
        status: "tempfailed",
        reply: { code: 451, enhanced: "4.4.2", text: "Lost" },
      })),
    }));
    const bed = await openBed({ pipeline: pipeline(routes), config, clock, nextHops: { backend: lost } });
    assert.equal(short(await bed.send(["bob@example.org"])), "451 4.4.2");
    assert.ok(events(bed.last()).includes("duplicatePossible"));
  });

  it(`answers 451 within ${SETTLE_MS} ms past it also when the next hop's driver does not heed the signal`, async () => {
    const clock = manualClock();
    const deaf = nextHop(() => new Promise(() => {}));
    const bed = await openBed({ pipeline: pipeline(routes), config, clock, nextHops: { backend: deaf } });
    const run = await runTo(DEADLINE_MS + SETTLE_MS - 1, bed, clock);
    assert.equal(run.answer(), undefined);
    await clock.advance(1);
    assert.equal(short(await run.sending), "451 4.4.7");
    assert.deepEqual(events(bed.last()), ["delivery", "duplicatePossible"]);
    assert.ok(bed.lines.some(({ event }) => event === "driverFault"));
  });

  it("answers 451 and tells of a possible copy when a driver rejects, or tells of too few recipients", async () => {
    for (const deliver of [
      async () => Promise.reject(new Error("a bug")),
      async () => ({ ended: "reply", recipients: [] }) as const,
    ]) {
      const bed = await openBed({ pipeline: pipeline(routes), nextHops: { backend: nextHop(deliver) } });
      assert.equal(short(await bed.send(["bob@example.org"])), "451 4.4.7");
    }
  });

  it("leaves nothing asleep behind for more than a step once a message is answered", async () => {
    const clock = manualClock();
    const bed = await openBed({ pipeline: pipeline(routes), config, clock });
    assert.equal(short(await bed.send(["bob@example.org"])), "250 2.0.0");
    await clock.advance(100);
    assert.equal(clock.sleeping, 0);
  });
});

describe("settledBy()", limit, () => {
  it("waits no longer for work that begins when the deadline is over already", async () => {
    const clock = manualClock();
    const settled = settledBy(never(), { overAt: clock.monotonic() }, clock);
    await clock.advance(SETTLE_MS);
    assert.equal(await settled, undefined);
  });

  it("gives what the work gives, also undefined, and rejects as it does", async () => {
    const clock = manualClock();
    const deadline = { overAt: clock.monotonic() + 1_000 };
    assert.deepEqual(await settledBy(Promise.resolve(undefined), deadline, clock), { value: undefined });
    await assert.rejects(settledBy(Promise.reject(new Error("a bug")), deadline, clock), /a bug/);
    await clock.advance(100);
    assert.equal(clock.sleeping, 0);
  });
});
