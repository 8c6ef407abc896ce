/** What every engine of a spool keeps, as tests: `describeSpool` runs them on one. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { faultOf, type OpenSpool, SpoolBed } from "./spool-bed.ts";
import { describeByHand } from "./spool-contract-by-hand.ts";
import { describeLease } from "./spool-contract-lease.ts";
import { describeLooking } from "./spool-contract-look.ts";
import { describePut } from "./spool-contract-put.ts";
import { describeSettle } from "./spool-contract-settle.ts";
import { chunked, idOf, later, message, recipient, START } from "./spool-fixtures.ts";
import { checkAgainstModel } from "./spool-model.ts";

/**
 * Runs the contract on an engine.
 *
 * @param open gives an empty spool that goes by the clock; the tests close it
 * @param openOften the same for the model, which wants one more than a hundred times
 */
export function describeSpool(name: string, open: OpenSpool, openOften: OpenSpool = open): void {
  describe(`the spool ${name}`, () => {
    const bed = new SpoolBed(open);
    beforeEach(() => bed.open());
    afterEach(() => bed.spool.close());

    describePut(bed);
    describeLease(bed);
    describeSettle(bed);
    describeByHand(bed);
    describeLooking(bed);

    it("subscribe tells of what becomes due, and a listener that throws harms nobody", async () => {
      const told: string[] = [];
      const stop = bed.spool.subscribe((destination) => {
        told.push(destination);
        throw new Error("a bad listener");
      });
      await bed.spool.put(
        message(1, { recipients: [recipient("a@e.org"), recipient("b@e.org", { destination: "b" })] }),
      );
      const given = await bed.leaseOne();
      await bed.spool.settle(given, [{ recipient: 0, to: "defer", nextAt: START, reply: later }]);
      assert.ok(told.includes("a") && told.includes("b"));
      const count = told.length;
      stop();
      await bed.spool.put(message(2));
      assert.equal(told.length, count);
    });

    it("close ends what is under way; every later call rejects, another close does not", async () => {
      const order: string[] = [];
      const content = chunked(new Uint8Array(1_000), [1]);
      const put = bed.spool.put(message(1, { content })).then(() => order.push("put"));
      await bed.spool.close().then(() => order.push("close"));
      await put;
      assert.deepEqual(order, ["put", "close"]);
      const key = { id: idOf(1), owner: "w", lease: "1" };
      const calls: readonly (() => Promise<unknown>)[] = [
        () => bed.spool.put(message(2)),
        () => bed.lease(),
        () => bed.spool.renew(key, 1),
        () => bed.spool.settle(key, []),
        () => bed.spool.returnLeases(),
        () => bed.spool.hold({}, "r", START, "a"),
        () => bed.spool.release({}, "a"),
        () => bed.spool.retry({}),
        () => bed.spool.remove({ id: "x" }),
        () => bed.spool.get("x"),
        () => bed.spool.list({}, undefined, 1),
        () => bed.spool.counts(),
        () => bed.spool.destinations(undefined, 1),
        () => bed.spool.sweep(),
      ];
      for (const call of calls) await assert.rejects(call, faultOf("ECLOSED"));
      await bed.spool.close();
    });

    it("does what a plain model does, whatever is asked of it in whatever order", async () => {
      await checkAgainstModel(openOften);
    });
  });
}
