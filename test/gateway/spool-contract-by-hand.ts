/** What people do to the recipients of every spool. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { faultOf, lent, type SpoolBed } from "./spool-bed.ts";
import { idOf, message, never, recipient, START } from "./spool-fixtures.ts";

export function describeByHand(bed: SpoolBed): void {
  describe("by hand", () => {
    const held = (forwardPath: string, changes = {}) =>
      recipient(forwardPath, { state: "held", reason: "spam", nextAt: START + 1_000, ...changes });

    it("release makes held recipients due at once, records who did it, and does it once", async () => {
      await bed.spool.put(message(1, { recipients: [held("a@example.org"), recipient("b@example.org")] }));
      assert.equal((await bed.listed())[0]?.reason, "spam");
      const attempt = await bed.leaseOne();
      assert.equal(lent(attempt), "1: 1");
      bed.clock.forward(5);
      assert.equal(await bed.spool.release({ id: idOf(1) }, "admin"), 1);
      assert.equal(await bed.spool.release({ id: idOf(1) }, "another"), 0);
      const [entry] = await bed.listed();
      assert.deepEqual(
        [entry?.state, entry?.nextAt, entry?.reason, entry?.by],
        ["due", START + 5, undefined, { who: "admin", did: "release", at: START + 5 }],
      );
      assert.deepEqual(
        (await bed.leaseOne()).recipients.map((each) => [each.recipient, each.releasedBy, each.releasedAt]),
        [[0, "admin", START + 5]],
      );
      assert.deepEqual(
        attempt.recipients.map((each) => each.releasedBy),
        [undefined],
      );
      assert.equal(await bed.spool.release({ id: idOf(1) }, "late"), 0);
    });

    it("hold keeps due recipients from being lent, and says by whom", async () => {
      await bed.spool.put(message(1));
      assert.equal(await bed.spool.hold({ destination: "a" }, "look at it", START + 50, "admin"), 1);
      assert.equal(await bed.spool.hold({ destination: "a" }, "again", START + 90, "another"), 0);
      assert.equal(await bed.lease(), undefined);
      const [entry] = await bed.listed();
      assert.deepEqual([entry?.state, entry?.reason, entry?.nextAt], ["held", "look at it", START + 50]);
      assert.deepEqual(entry?.by, { who: "admin", did: "hold", at: START });
    });

    it("retry makes what is due later or failed due now", async () => {
      await bed.spool.put(
        message(1, { recipients: [recipient("a@example.org", { nextAt: START + 500 }), held("b@e.org")] }),
      );
      assert.equal(await bed.spool.retry({}), 1);
      assert.equal(await bed.spool.retry({}), 0);
      const given = await bed.leaseOne();
      await bed.spool.settle(given, [{ recipient: 0, to: "fail", reply: never, until: START + 9_000 }]);
      assert.equal(await bed.spool.retry({ state: "failed" }), 1);
      assert.deepEqual(await bed.briefs(), ["1.0 due", "1.1 held"]);
      assert.equal((await bed.leaseOne()).recipients[0]?.attempt, 2);
    });

    it("remove drops what is meant, and the message with its last recipient", async () => {
      await bed.spool.put(message(1, { recipients: [recipient("a@example.org"), held("b@example.org")] }));
      assert.equal(await bed.spool.remove({ id: idOf(1), recipient: 0 }), 1);
      assert.equal(await bed.spool.remove({ id: idOf(1), recipient: 0 }), 0);
      assert.ok(await bed.spool.get(idOf(1)));
      assert.equal(await bed.spool.remove({ state: "held" }), 1);
      assert.equal(await bed.spool.get(idOf(1)), undefined);
    });

    it("remove refuses a filter without a condition", async () => {
      await bed.spool.put(message(1));
      await assert.rejects(bed.spool.remove({}), faultOf("EINVAL"));
      assert.deepEqual(await bed.briefs(), ["1.0 due"]);
    });

    it("changes nothing that is on lease: its attempt is under way", async () => {
      await bed.spool.put(message(1));
      const given = await bed.leaseOne();
      const filter = { id: idOf(1) };
      assert.deepEqual(
        [
          await bed.spool.remove(filter),
          await bed.spool.hold(filter, "r", START + 1, "admin"),
          await bed.spool.release(filter, "admin"),
          await bed.spool.retry(filter),
        ],
        [0, 0, 0, 0],
      );
      assert.equal(await bed.spool.settle(given, [{ recipient: 0, to: "complete" }]), 1);
    });
  });
}
