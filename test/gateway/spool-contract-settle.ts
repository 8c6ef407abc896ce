/** What every spool makes of the settlements of a lease, and of whom it takes them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SpoolLease } from "../../core/gateway/mod.ts";
import { memoryContent } from "../../core/mail/mod.ts";
import { faultOf, type SpoolBed } from "./spool-bed.ts";
import { brief, bytes, failing, idOf, later, message, never, recipient, START } from "./spool-fixtures.ts";

export function describeSettle(bed: SpoolBed): void {
  describe("settle", () => {
    it("complete drops the recipient, and with the last one the message and its content", async () => {
      await bed.spool.put(
        message(1, { recipients: [recipient("a@example.org"), recipient("b@example.org")] }),
      );
      const both = await bed.leaseOne();
      assert.equal(await bed.spool.settle(both, [{ recipient: 1, to: "complete" }]), 1);
      assert.deepEqual(await bed.briefs(), ["1.0 leased"]);
      assert.ok(await bed.spool.get(idOf(1)));
      assert.equal(await bed.spool.settle(both, [{ recipient: 0, to: "complete" }]), 1);
      assert.equal(await bed.spool.get(idOf(1)), undefined);
      assert.deepEqual([await bed.listed(), await bed.spool.counts()], [[], []]);
      await bed.spool.put(message(1));
      assert.deepEqual(await bed.briefs(), ["1.0 due"]);
    });

    it("defer makes it due at its time, with the reply that put it off", async () => {
      await bed.spool.put(message(1));
      const first = await bed.leaseOne();
      await bed.spool.settle(first, [{ recipient: 0, to: "defer", nextAt: START + 900, reply: later }]);
      const [entry] = await bed.listed();
      assert.deepEqual([entry?.state, entry?.nextAt, entry?.attempts], ["due", START + 900, 1]);
      assert.deepEqual(entry?.lastReply, later);
      assert.equal(await bed.lease(), undefined);
      bed.clock.forward(900);
      const second = await bed.leaseOne();
      assert.deepEqual(second.recipients[0]?.lastReply, later);
      assert.deepEqual([second.recipients[0]?.attempt, second.recipients[0]?.lapsed], [2, false]);
    });

    it("defer takes it to another destination where the plan did", async () => {
      await bed.spool.put(message(1));
      const defer = { recipient: 0, to: "defer", nextAt: START, reply: later } as const;
      await bed.spool.settle(await bed.leaseOne(), [{ ...defer, destination: "b" }]);
      assert.equal(await bed.lease("w1", { destination: "a" }), undefined);
      assert.deepEqual((await bed.spool.destinations(undefined, 10)).entries, [
        { destination: "b", nextAt: START },
      ]);
      const moved = await bed.leaseOne();
      assert.deepEqual([moved.destination, moved.recipients[0]?.destination], ["b", "b"]);
      await bed.spool.settle(moved, [defer]);
      assert.deepEqual(
        (await bed.listed()).map(({ destination }) => destination),
        ["b"],
      );
    });

    it("fail and hold keep message and content until their retention ends, then sweep drops them", async () => {
      await bed.spool.put(
        message(1, { recipients: [recipient("a@example.org"), recipient("b@example.org")] }),
      );
      await bed.spool.settle(await bed.leaseOne(), [
        { recipient: 0, to: "fail", reply: never, until: START + 10 },
        { recipient: 1, to: "hold", reason: "no next hop", until: START + 20 },
      ]);
      const [failed, held] = await bed.listed();
      assert.deepEqual([failed?.state, failed?.lastReply, failed?.nextAt], ["failed", never, START + 10]);
      assert.deepEqual([held?.state, held?.reason, held?.nextAt], ["held", "no next hop", START + 20]);
      bed.clock.forward(10);
      assert.equal(await bed.lease(), undefined);
      const swept = await bed.spool.sweep();
      assert.deepEqual([swept.returned, swept.expired.map(brief)], [0, ["1.0 failed"]]);
      assert.ok(await bed.spool.get(idOf(1)));
      bed.clock.forward(10);
      assert.deepEqual((await bed.spool.sweep()).expired.map(brief), ["1.1 held"]);
      assert.equal(await bed.spool.get(idOf(1)), undefined);
      assert.deepEqual(await bed.spool.sweep(), { returned: 0, expired: [] });
    });

    it("return makes it due as before, and the attempt does not count", async () => {
      await bed.spool.put(message(1));
      await bed.spool.settle(await bed.leaseOne(), [{ recipient: 0, to: "return" }]);
      const again = await bed.leaseOne();
      assert.deepEqual([again.recipients[0]?.attempt, again.recipients[0]?.lapsed], [1, false]);
    });

    const strangers: readonly { name: string; key: (lease: SpoolLease) => SpoolLease }[] = [
      { name: "another owner", key: (given) => ({ ...given, owner: "w2" }) },
      { name: "another lease", key: (given) => ({ ...given, lease: `${given.lease}x` }) },
      { name: "another message", key: (given) => ({ ...given, id: idOf(2) }) },
      { name: "no message of the spool", key: (given) => ({ ...given, id: idOf(9) }) },
    ];
    for (const { name, key } of strangers) {
      it(`by ${name} settles nothing`, async () => {
        await bed.spool.put(message(1));
        await bed.spool.put(message(2));
        const mine = await bed.leaseOne();
        assert.equal(await bed.spool.settle(key(mine), [{ recipient: 0, to: "complete" }]), 0);
        assert.deepEqual(await bed.briefs(), ["1.0 leased", "2.0 due"]);
      });
    }

    it("by the same owner with the token of an earlier lease settles nothing", async () => {
      await bed.spool.put(message(1));
      const first = await bed.leaseOne("w1");
      await bed.spool.returnLeases("w1");
      const second = await bed.leaseOne("w1");
      assert.equal(await bed.spool.settle(first, [{ recipient: 0, to: "complete" }]), 0);
      assert.equal(await bed.spool.settle(second, [{ recipient: 0, to: "complete" }]), 1);
    });

    it("settles each recipient once, and none that is not on the lease", async () => {
      await bed.spool.put(
        message(1, { recipients: [recipient("a@example.org"), recipient("b@example.org")] }),
      );
      const one = await bed.lease("w1", { recipientsMax: 1 });
      assert.ok(one);
      const held = { recipient: 0, to: "hold", reason: "r", until: START + 1 } as const;
      assert.equal(
        await bed.spool.settle(one, [
          held,
          { recipient: 0, to: "complete" },
          { recipient: 1, to: "complete" },
        ]),
        1,
      );
      assert.equal(await bed.spool.settle(one, [{ recipient: 0, to: "complete" }]), 0);
      assert.deepEqual(await bed.briefs(), ["1.0 held", "1.1 due"]);
    });

    it("stores messages in the same commit, and not when nothing is settled or one can not be stored", async () => {
      await bed.spool.put(message(1));
      const given = await bed.leaseOne();
      const complete = [{ recipient: 0, to: "complete" }] as const;
      const dsn = (content = memoryContent(bytes("Subject: failed\r\n\r\n"))) =>
        message(7, { origin: "dsn", reversePath: null, content });
      assert.equal(await bed.spool.settle({ ...given, owner: "w2" }, complete, [dsn()]), 0);
      assert.deepEqual(await bed.briefs(), ["1.0 leased"]);
      await assert.rejects(
        bed.spool.settle(given, complete, [dsn(), dsn(failing(9, 1))]),
        /the disk is gone/,
      );
      await assert.rejects(bed.spool.settle(given, complete, [message(1)]), faultOf("EEXIST"));
      await assert.rejects(bed.spool.settle(given, complete, [dsn(), dsn()]), faultOf("EEXIST"));
      assert.deepEqual(await bed.briefs(), ["1.0 leased"]);
      assert.equal(await bed.spool.settle(given, complete, [dsn()]), 1);
      assert.equal(await bed.spool.settle(given, complete, [dsn()]), 0);
      assert.deepEqual(await bed.briefs(), ["7.0 due"]);
      assert.equal((await bed.spool.get(idOf(7)))?.origin, "dsn");
    });
  });
}
