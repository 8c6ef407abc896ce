/** How every spool lends recipients: what, in which order, to one only, and until when. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SPOOL_LEASE_RECIPIENTS_MAX } from "../../core/gateway/mod.ts";
import { LEASE_MS, lent, type SpoolBed } from "./spool-bed.ts";
import { message, recipient, START } from "./spool-fixtures.ts";

export function describeLease(bed: SpoolBed): void {
  describe("lease", () => {
    it("lends the recipients of one message and one destination together", async () => {
      const to = (name: string, destination: string) => recipient(`${name}@example.org`, { destination });
      await bed.spool.put(message(1, { recipients: [to("a", "x"), to("b", "y"), to("c", "x")] }));
      await bed.spool.put(message(2, { recipients: [to("d", "x")] }));
      const first = await bed.leaseOne();
      assert.equal(first.destination, "x");
      assert.equal(first.expiresAt, START + LEASE_MS);
      assert.deepEqual(
        [lent(first), lent(await bed.lease()), lent(await bed.lease()), lent(await bed.lease())],
        ["1: 0 2", "1: 1", "2: 0", undefined],
      );
    });

    it("lends what is due now, the longest due first, then the older message", async () => {
      const at = (number: number, nextAt: number, state: "due" | "held" = "due") =>
        message(number, { recipients: [recipient("bob@example.org", { nextAt, state })] });
      await bed.spool.put(at(4, START + 10));
      await bed.spool.put(at(3, START));
      await bed.spool.put(at(2, START));
      await bed.spool.put(at(1, START - 5, "held"));
      await bed.spool.put(at(5, START - 1));
      const got = [await bed.lease(), await bed.lease(), await bed.lease(), await bed.lease()];
      assert.deepEqual(got.map(lent), ["5: 0", "2: 0", "3: 0", undefined]);
      bed.clock.forward(9);
      assert.equal(await bed.lease(), undefined);
      bed.clock.forward(1);
      assert.equal(lent(await bed.lease()), "4: 0");
    });

    it("lends with untriedFirst what was never lent, however long others are due", async () => {
      await bed.spool.put(message(1));
      await bed.spool.put(message(2, { recipients: [recipient("a@example.org", { destination: "b" })] }));
      const reply = { code: 451, enhanced: "4.7.1", text: "Try later" };
      for (const _ of [1, 2])
        await bed.spool.settle(await bed.leaseOne(), [
          { recipient: 0, to: "defer", nextAt: START + 5, reply },
        ]);
      await bed.spool.put(message(3, { recipients: [recipient("b@example.org", { nextAt: START + 9 })] }));
      await bed.spool.put(message(4, { recipients: [recipient("c@example.org", { nextAt: START + 8 })] }));
      bed.clock.forward(10);
      const next = async (destination?: string) =>
        lent(
          await bed.lease("w1", {
            untriedFirst: true,
            ...(destination === undefined ? {} : { destination }),
          }),
        );
      assert.deepEqual(
        [await next("a"), await next(), await next("a"), await next()],
        ["4: 0", "3: 0", "1: 0", "2: 0"],
      );
    });

    it("leaves recipients of the same message that are due later", async () => {
      const later = recipient("b@example.org", { nextAt: START + 1_000 });
      await bed.spool.put(message(1, { recipients: [recipient("a@example.org"), later] }));
      assert.equal(lent(await bed.lease()), "1: 0");
      bed.clock.forward(1_000);
      assert.equal(lent(await bed.lease()), "1: 1");
    });

    it("lends of one destination, and no more recipients than asked for", async () => {
      const to = (name: string, destination: string) => recipient(`${name}@example.org`, { destination });
      await bed.spool.put(message(1, { recipients: ["a", "b", "c"].map((each) => to(each, "x")) }));
      await bed.spool.put(message(2, { recipients: [to("d", "")] }));
      assert.equal(await bed.lease("w1", { destination: "z" }), undefined);
      assert.equal(lent(await bed.lease("w1", { destination: "" })), "2: 0");
      assert.equal(lent(await bed.lease("w1", { recipientsMax: 2 })), "1: 0 1");
      assert.equal(lent(await bed.lease("w1", { recipientsMax: 2 })), "1: 2");
    });

    it("holds at most SPOOL_LEASE_RECIPIENTS_MAX recipients", async () => {
      const many = Array.from({ length: SPOOL_LEASE_RECIPIENTS_MAX + 1 }, (_, i) =>
        recipient(`u${i}@example.org`),
      );
      await bed.spool.put(message(1, { recipients: many }));
      assert.equal((await bed.lease("w1", { recipientsMax: 5_000 }))?.recipients.length, 1_000);
      assert.equal(lent(await bed.lease()), "1: 1000");
    });

    it("lends copies: what a borrower does to them is not in the spool", async () => {
      const facts = { known: { version: 1, value: { list: [1] } } };
      await bed.spool.put(message(1, { facts, recipients: [recipient("a@example.org", { facts })] }));
      const first = await bed.leaseOne();
      for (const lent of [first.message, first.recipients[0]!])
        (lent.facts.known!.value as { list: number[] }).list.push(2);
      await bed.spool.settle(first, [{ recipient: 0, to: "return" }]);
      const second = await bed.leaseOne();
      assert.deepEqual([second.message.facts, second.recipients[0]?.facts], [facts, facts]);
    });

    it("gives no recipient to two owners, however many ask at once", async () => {
      for (let number = 1; number <= 20; number++) await bed.spool.put(message(number));
      const got = await Promise.all(Array.from({ length: 30 }, (_, i) => bed.lease(`w${i}`)));
      const ids = got.flatMap((each) => (each ? [each.id] : []));
      assert.equal(ids.length, 20);
      assert.equal(new Set(ids).size, 20);
    });

    it("is over when it expired and was swept: then the next attempt knows that one lapsed", async () => {
      await bed.spool.put(message(1));
      const first = await bed.leaseOne("w1");
      bed.clock.forward(LEASE_MS - 1);
      assert.deepEqual(await bed.spool.sweep(), { returned: 0, expired: [] });
      bed.clock.forward(1);
      assert.equal(await bed.lease("w2"), undefined);
      assert.deepEqual(await bed.spool.sweep(), { returned: 1, expired: [] });
      assert.deepEqual(await bed.briefs(), ["1.0 due"]);
      const second = await bed.leaseOne("w2");
      assert.deepEqual(
        [second.recipients[0]?.attempt, second.recipients[0]?.lapsed, second.recipients[0]?.nextAt],
        [2, true, START],
      );
      assert.equal(await bed.spool.settle(first, [{ recipient: 0, to: "complete" }]), 0);
      assert.deepEqual(await bed.briefs(), ["1.0 leased"]);
    });

    it("can be settled late while nobody swept it: what was delivered is not sent again", async () => {
      await bed.spool.put(message(1));
      const first = await bed.leaseOne();
      bed.clock.forward(LEASE_MS * 2);
      assert.equal(await bed.spool.settle(first, [{ recipient: 0, to: "complete" }]), 1);
      assert.deepEqual(await bed.spool.sweep(), { returned: 0, expired: [] });
      assert.deepEqual(await bed.listed(), []);
    });

    it("renewed lasts longer; renew of a lease that is over says false", async () => {
      await bed.spool.put(message(1));
      const first = await bed.leaseOne();
      bed.clock.forward(LEASE_MS - 1);
      assert.equal(await bed.spool.renew(first, LEASE_MS), true);
      bed.clock.forward(LEASE_MS - 1);
      assert.equal((await bed.spool.sweep()).returned, 0);
      assert.equal(await bed.spool.renew({ ...first, owner: "w2" }, LEASE_MS), false);
      bed.clock.forward(1);
      assert.equal((await bed.spool.sweep()).returned, 1);
      assert.equal(await bed.spool.renew(first, LEASE_MS), false);
    });

    it("comes back at once from an owner that died, and from all at a start", async () => {
      for (const number of [1, 2, 3]) await bed.spool.put(message(number));
      for (const owner of ["w1", "w2", "w2"]) await bed.lease(owner);
      assert.equal(await bed.spool.returnLeases("w2"), 2);
      assert.deepEqual(await bed.briefs(), ["1.0 leased", "2.0 due", "3.0 due"]);
      assert.equal(await bed.spool.returnLeases(), 1);
      assert.equal(await bed.spool.returnLeases(), 0);
      assert.deepEqual(await bed.briefs(), ["1.0 due", "2.0 due", "3.0 due"]);
    });
  });
}
