/** What acceptance put into the spool comes to an end there, by each setting that puts something in. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definePlugin, pipeline, reject, routeTo, tempfail } from "postern";
import { attemptBed, toQueue } from "./attempt-bed.ts";

describe("what acceptance spooled ends", () => {
  const marks = definePlugin({
    name: "marks",
    route({ recipient: { forwardPath } }) {
      if (forwardPath.localPart === "gone")
        return { verdict: "reject", enhanced: "5.1.1", text: "No such user" };
      return forwardPath.localPart === "late" ? tempfail("4.2.1", "Not now") : undefined;
    },
  });

  it('by onMixedVerdict "dsn": the refused copy fails with the words of the refusal, without being routed', async () => {
    const bed = await attemptBed(pipeline(marks, toQueue), { onMixedVerdict: "dsn" });
    await bed.send("bob", "gone");
    assert.deepEqual((await bed.run()).toSorted(), [
      "bob delivered 250 2.0.0",
      "gone failed 550 5.1.1 plugin",
    ]);
    assert.deepEqual(
      bed.queued.deliveries.map(({ recipients }) => recipients),
      [["bob@example.org"]],
    );
  });

  it('by onMixedVerdict "dsn", also where `route` would let it pass by now', async () => {
    let refuses = true;
    const once = definePlugin({
      name: "once",
      route: ({ recipient: { forwardPath } }) =>
        refuses && forwardPath.localPart === "gone" ? reject("5.1.1", "No such user") : undefined,
    });
    const bed = await attemptBed(pipeline(once, toQueue), { onMixedVerdict: "dsn" });
    await bed.send("bob", "gone");
    refuses = false;
    const [, failed] = (await bed.gateway.runQueue()).toSorted((a, b) =>
      a.forwardPath < b.forwardPath ? -1 : 1,
    );
    assert.deepEqual([failed?.outcome, failed?.reply?.text], ["failed", "No such user"]);
    assert.equal(bed.queued.deliveries.length, 1);
  });

  it('by onMixedVerdict "quarantine": it is held, and delivered when somebody releases it and route lets it', async () => {
    const bed = await attemptBed(pipeline(marks, toQueue), { onMixedVerdict: "quarantine" });
    const id = await bed.send("bob", "gone");
    assert.deepEqual(await bed.run(), ["bob delivered 250 2.0.0"]);
    assert.deepEqual(await bed.states(), ["gone held 0"]);
    await bed.spool.release({ id }, "eve");
    assert.deepEqual(await bed.run(), ["gone failed 550 5.1.1 plugin"]);
  });

  it('by onMixedTempfail "spool": the one put off is routed anew later', async () => {
    const bed = await attemptBed(pipeline(marks, toQueue), { onMixedTempfail: "spool" });
    await bed.send("bob", "late");
    assert.deepEqual(await bed.run(), ["bob delivered 250 2.0.0"]);
    bed.clock.forward(300_000);
    assert.deepEqual(await bed.run(), ["late deferred 451 4.2.1 plugin"]);
  });

  it("several inline deliveries: each is made", async () => {
    const both = definePlugin({
      name: "both",
      routes: true,
      nextHops: ["queued", "other"],
      route: (ctx) =>
        routeTo(ctx.recipient.forwardPath.localPart === "bob" ? "other" : "queued", { mode: "inline" }),
    });
    const bed = await attemptBed(pipeline(both), { split: "spool" });
    await bed.send("bob", "ann");
    assert.deepEqual((await bed.run()).toSorted(), ["ann delivered 250 2.0.0", "bob delivered 250 2.0.0"]);
    assert.deepEqual([bed.other.deliveries.length, bed.queued.deliveries.length], [1, 1]);
  });
});
