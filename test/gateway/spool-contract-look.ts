/** What every spool shows: lists, counts, destinations, hints. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SPOOL_PAGE_MAX, type SpoolFilter } from "../../core/gateway/mod.ts";
import { faultOf, LEASE_MS, type SpoolBed } from "./spool-bed.ts";
import { brief, idOf, message, recipient, START } from "./spool-fixtures.ts";

export function describeLooking(bed: SpoolBed): void {
  describe("looking", () => {
    const filters: readonly { name: string; filter: SpoolFilter; want: readonly string[] }[] = [
      { name: "nothing", filter: {}, want: ["1.0 due", "1.1 held", "2.0 due", "3.0 due"] },
      { name: "id", filter: { id: idOf(1) }, want: ["1.0 due", "1.1 held"] },
      { name: "an id that is none", filter: { id: "m" }, want: [] },
      { name: "id and recipient", filter: { id: idOf(1), recipient: 1 }, want: ["1.1 held"] },
      { name: "state", filter: { state: "held" }, want: ["1.1 held"] },
      { name: "destination", filter: { destination: "b" }, want: ["2.0 due"] },
      { name: "no destination yet", filter: { destination: "" }, want: ["3.0 due"] },
      { name: "forward-path", filter: { forwardPath: "Bob@example.org" }, want: ["1.0 due"] },
      { name: "its domain", filter: { forwardPath: "@example.org" }, want: ["1.0 due", "2.0 due"] },
      { name: "a quoted @ is no domain", filter: { forwardPath: "@sub@example.net" }, want: [] },
      { name: "reverse-path", filter: { reversePath: "ann@example.com" }, want: ["1.0 due", "1.1 held"] },
      { name: "the null reverse-path", filter: { reversePath: "" }, want: ["2.0 due", "3.0 due"] },
      { name: "age", filter: { receivedBefore: START + 2 }, want: ["1.0 due", "1.1 held"] },
      {
        name: "all at once",
        filter: { state: "due", forwardPath: "@example.org", reversePath: "" },
        want: ["2.0 due"],
      },
    ];
    for (const { name, filter, want } of filters) {
      it(`list filters by ${name}`, async () => {
        const quarantined = recipient("eve@EXAMPLE.net", { state: "held", nextAt: START + 9 });
        await bed.spool.put(message(1, { recipients: [recipient("Bob@Example.org"), quarantined] }));
        await bed.spool.put(
          message(2, { reversePath: null, recipients: [recipient("c@example.org", { destination: "b" })] }),
        );
        await bed.spool.put(
          message(3, {
            reversePath: null,
            recipients: [recipient('"x@sub"@example.net', { destination: "" })],
          }),
        );
        assert.deepEqual(await bed.briefs(filter), want);
      });
    }

    it("list shows envelope, size and owner of a recipient", async () => {
      await bed.spool.put(message(1));
      await bed.lease("w7");
      assert.deepEqual(await bed.listed(), [
        {
          id: idOf(1),
          recipient: 0,
          state: "leased",
          destination: "a",
          reversePath: "ann@example.com",
          forwardPath: "bob@example.org",
          receivedAt: START + 1,
          messageBytes: 24,
          attempts: 1,
          nextAt: START + LEASE_MS,
          owner: "w7",
        },
      ]);
    });

    it("list pages give each that stays once, whatever comes and goes meanwhile", async () => {
      const three = ["a", "b", "c"].map((each) => recipient(`${each}@example.org`));
      for (let number = 10; number < 20; number++)
        await bed.spool.put(message(number, { recipients: three }));
      const seen: string[] = [];
      let cursor: string | undefined;
      let turn = 0;
      do {
        const page = await bed.spool.list({}, cursor, 4);
        assert.ok(page.entries.length <= 4);
        seen.push(...page.entries.map(brief));
        cursor = page.cursor;
        // One that was shown, one that was not, and the one the cursor stands on.
        const last = page.entries.at(-1);
        if (turn === 0) await bed.spool.remove({ id: idOf(10), recipient: 1 });
        if (turn === 1) await bed.spool.remove({ id: idOf(18) });
        if (turn === 2 && last) await bed.spool.remove({ id: last.id, recipient: last.recipient });
        if (turn === 3) await bed.spool.put(message(5, { recipients: three }));
        if (turn === 4) await bed.spool.put(message(25));
        assert.ok(++turn < 20);
      } while (cursor !== undefined);
      const numbers = [10, 11, 12, 13, 14, 15, 16, 17, 19];
      const want = [...numbers.flatMap((number) => [0, 1, 2].map((i) => `${number}.${i} due`)), "25.0 due"];
      assert.deepEqual(seen, want);
    });

    it("list gives SPOOL_PAGE_MAX entries at most, at least one, and refuses a cursor that is none", async () => {
      const many = Array.from({ length: SPOOL_PAGE_MAX + 1 }, (_, i) => recipient(`u${i}@example.org`));
      await bed.spool.put(message(1, { recipients: many }));
      const page = await bed.spool.list({}, undefined, 1_000_000);
      assert.equal(page.entries.length, SPOOL_PAGE_MAX);
      assert.deepEqual((await bed.spool.list({}, page.cursor, 1_000_000)).entries.map(brief), ["1.1000 due"]);
      assert.equal((await bed.spool.list({}, undefined, 0)).entries.length, 1);
      await assert.rejects(bed.spool.list({}, "rubbish", 10), faultOf("EINVAL"));
    });

    it("counts by state and destination", async () => {
      const quarantined = recipient("e@example.org", { state: "held", nextAt: START + 9 });
      await bed.spool.put(
        message(1, { recipients: [recipient("a@e.org"), recipient("b@e.org"), quarantined] }),
      );
      await bed.spool.put(message(2, { recipients: [recipient("a@e.org", { destination: "b" })] }));
      await bed.lease("w1", { destination: "b" });
      const counts = (await bed.spool.counts()).map(
        (each) => `${each.destination} ${each.state} ${each.count}`,
      );
      assert.deepEqual(counts.sort(), ["a due 2", "a held 1", "b leased 1"]);
    });

    it("destinations gives those with due recipients and the earliest time of each, in pages", async () => {
      const to = (destination: string, after: number, state: "due" | "held" = "due") =>
        recipient("a@e.org", { destination, nextAt: START + after, state });
      await bed.spool.put(message(1, { recipients: [to("c", 5), to("a", 9), to("held", 0, "held")] }));
      await bed.spool.put(message(2, { recipients: [to("c", 3), to("", 7)] }));
      const first = await bed.spool.destinations(undefined, 2);
      assert.deepEqual(first.entries, [
        { destination: "", nextAt: START + 7 },
        { destination: "a", nextAt: START + 9 },
      ]);
      const second = await bed.spool.destinations(first.cursor, 2);
      assert.deepEqual(second, { entries: [{ destination: "c", nextAt: START + 3 }] });
    });

    it("get of an id that is not there gives undefined", async () => {
      assert.equal(await bed.spool.get(idOf(1)), undefined);
    });
  });
}
