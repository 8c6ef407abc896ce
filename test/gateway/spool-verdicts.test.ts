/** What the engine does with verdicts where a durable spool can hold and put off: quarantine, mixed verdicts, a next hop that takes some. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definePlugin, discard, pipeline, quarantine, reject, routeTo, tempfail } from "postern";
import { routes } from "postern/plugins";
import { recordingNextHop } from "postern/testing";
import { type NextHopDriver, type RecipientResult, SpoolFault } from "../../core/gateway/mod.ts";
import { bedOf, byName, mark, replyOf, to } from "./spool-engine-fixtures.ts";
import { START } from "./spool-fixtures.ts";

const DAY_MS = 86_400_000;

describe("the engine with a durable spool", () => {
  describe("with a quarantine verdict", () => {
    const verdict = quarantine("looks like spam");
    const stages = [
      { stage: "mail", plugin: definePlugin({ name: "p", mail: () => verdict }) },
      { stage: "rcpt", plugin: definePlugin({ name: "p", rcpt: () => verdict }) },
      { stage: "data", plugin: definePlugin({ name: "p", data: () => verdict }) },
    ];
    for (const { stage, plugin } of stages) {
      it(`of ${stage} holds the message with reason and retention, and delivers nothing`, async () => {
        const bed = await bedOf(pipeline(plugin, byName));
        const { reply, recipients } = await bed.gateway.inject(to("inline"));
        assert.equal(reply.code, 250);
        assert.deepEqual(
          recipients.map(({ outcome, reason }) => [outcome, reason]),
          [["quarantined", "looks like spam"]],
        );
        const [entry, ...more] = await bed.listed();
        assert.deepEqual(
          [entry?.state, entry?.reason, entry?.nextAt, more.length],
          ["held", "looks like spam", START + 30 * DAY_MS, 0],
        );
        assert.equal(bed.delivered(), 0);
      });
    }

    it("of one recipient holds that one and queues the others, in one message", async () => {
      const bed = await bedOf(pipeline(mark({ "queued-b": verdict }), byName));
      const { reply, recipients } = await bed.gateway.inject(to("queued-a", "queued-b"));
      assert.equal(reply.code, 250);
      assert.deepEqual(
        recipients.map(({ outcome }) => outcome),
        ["queued", "quarantined"],
      );
      const states = (await bed.listed()).map((each) => `${each.forwardPath} ${each.state}`);
      assert.deepEqual(states.sort(), ["queued-a@example.org due", "queued-b@example.org held"]);
      assert.equal((await bed.only()).recipients.length, 2);
    });

    it("is released once, and the released recipient alone is due, by name of who did it", async () => {
      const bed = await bedOf(pipeline(mark({ "queued-b": verdict, "queued-c": verdict }), byName));
      const { trace } = await bed.gateway.inject(to("queued-a", "queued-b", "queued-c"));
      const filter = { id: trace?.id ?? "", forwardPath: "queued-b@example.org" };
      assert.deepEqual(
        [await bed.spool.release(filter, "admin"), await bed.spool.release(filter, "admin")],
        [1, 0],
      );
      const released: string[] = [];
      for (;;) {
        const lease = await bed.spool.lease({ owner: "w", leaseMs: 1_000 });
        if (!lease) break;
        for (const each of lease.recipients)
          if (each.releasedBy) released.push(`${each.forwardPath.text} ${each.releasedBy}`);
      }
      assert.deepEqual(released, ["queued-b@example.org admin"]);
    });
  });

  describe("with mixed verdicts", () => {
    const refuse = mark({ "queued-b": reject("5.7.1", "not\r\nhere") });

    it("and onMixedVerdict quarantine holds the refused copies and queues the others", async () => {
      const bed = await bedOf(pipeline(refuse, byName), { config: { onMixedVerdict: "quarantine" } });
      const { reply, recipients } = await bed.gateway.inject(to("queued-a", "queued-b"));
      assert.equal(reply.code, 250);
      assert.deepEqual(
        recipients.map(({ outcome, reason }) => [outcome, reason]),
        [
          ["queued", undefined],
          ["quarantined", "refused: not here"],
        ],
      );
      const states = (await bed.listed()).map((each) => `${each.forwardPath} ${each.state} ${each.reason}`);
      assert.deepEqual(states.sort(), [
        "queued-a@example.org due undefined",
        "queued-b@example.org held refused: not here",
      ]);
    });

    it("and onMixedVerdict refuse refuses all and stores nothing", async () => {
      const bed = await bedOf(pipeline(refuse, byName), { config: { onMixedVerdict: "refuse" } });
      const { reply } = await bed.gateway.inject(to("queued-a", "queued-b"));
      assert.equal(replyOf(reply), "550 5.7.1");
      assert.deepEqual(await bed.listed(), []);
    });

    it("refuses a message whose recipients are all refused, whatever onMixedVerdict says", async () => {
      const bed = await bedOf(pipeline(refuse, byName), { config: { onMixedVerdict: "quarantine" } });
      const { reply } = await bed.gateway.inject(to("queued-b"));
      assert.equal(replyOf(reply), "550 5.7.1");
      assert.deepEqual(await bed.listed(), []);
    });

    it("and onMixedTempfail spool puts the tempfailed ones off, to be judged again where they were put off", async () => {
      const later = tempfail("4.7.1", "come back");
      const route = definePlugin({
        name: "route",
        routes: true,
        nextHops: ["queued"],
        route: (ctx) => (ctx.recipient.forwardPath.localPart === "c" ? later : routeTo("queued")),
      });
      const bed = await bedOf(pipeline(mark({ b: later }), route), { config: { onMixedTempfail: "spool" } });
      const { reply, recipients } = await bed.gateway.inject(to("a", "b", "c"));
      assert.equal(reply.code, 250);
      assert.deepEqual(
        recipients.map(({ outcome }) => outcome),
        ["queued", "queued", "queued"],
      );
      const stored = (await bed.only()).recipients.toSorted((a, b) =>
        a.forwardPath.text < b.forwardPath.text ? -1 : 1,
      );
      assert.deepEqual(
        stored.map((each) => [
          each.forwardPath.localPart,
          each.state,
          each.destination,
          each.stage,
          each.nextAt > START,
        ]),
        [
          ["a", "due", "queued", "route", false],
          ["b", "due", "", "data", true],
          ["c", "due", "", "route", true],
        ],
      );
      const reply451 = { code: 451, enhanced: "4.7.1", text: "come back" };
      assert.deepEqual(
        stored.map(({ lastReply }) => lastReply),
        [undefined, reply451, reply451],
      );
    });

    it("and onMixedTempfail all puts all off and stores nothing", async () => {
      const bed = await bedOf(pipeline(mark({ "queued-b": tempfail("4.7.1", "later") }), byName));
      const { reply } = await bed.gateway.inject(to("queued-a", "queued-b"));
      assert.equal(replyOf(reply), "451 4.7.1");
      assert.deepEqual(await bed.listed(), []);
    });

    it("discards beside what it queues", async () => {
      const bed = await bedOf(pipeline(mark({ "queued-b": discard("unwanted") }), byName));
      const { reply, recipients } = await bed.gateway.inject(to("queued-a", "queued-b"));
      assert.equal(reply.code, 250);
      assert.deepEqual(
        recipients.map(({ outcome, reason }) => [outcome, reason]),
        [
          ["queued", undefined],
          ["discarded", "unwanted"],
        ],
      );
      assert.deepEqual(
        (await bed.only()).recipients.map((each) => each.forwardPath.localPart),
        ["queued-a"],
      );
    });
  });

  describe("and a next hop that takes some recipients inline", () => {
    const plugins = pipeline(routes([{ recipient: "*", nextHop: "inline" }]));
    const ok = { code: 250, enhanced: "2.0.0", text: "Ok" };
    const no = { code: 550, enhanced: "5.1.1", text: "No such user" };
    const later = { code: 452, enhanced: "4.2.2", text: "Mailbox full" };
    /** As LMTP answers after the dot: by name. */
    const driver = () => {
      const inline: NextHopDriver = {
        ...recordingNextHop("inline"),
        async deliver({ recipients }) {
          const results = recipients.map(({ forwardPath }): RecipientResult => {
            if (forwardPath.localPart === "no") return { status: "rejected", reply: no };
            if (forwardPath.localPart === "full") return { status: "tempfailed", reply: later };
            return { status: "delivered", reply: ok };
          });
          return { recipients: results, ended: "reply" };
        },
      };
      return inline;
    };

    it("holds the refused and queues the put-off ones, durably before 250", async () => {
      const bed = await bedOf(plugins, { inline: driver(), config: { onMixedVerdict: "quarantine" } });
      const { reply, recipients } = await bed.gateway.inject(to("yes", "no", "full"));
      assert.equal(reply.code, 250);
      assert.deepEqual(
        recipients.map(({ outcome }) => outcome),
        ["delivered", "quarantined", "queued"],
      );
      const stored = (await bed.listed()).map((each) => [
        each.forwardPath,
        each.state,
        each.reason ?? each.lastReply?.enhanced,
      ]);
      assert.deepEqual(stored.sort(), [
        ["full@example.org", "due", "4.2.2"],
        ["no@example.org", "held", "refused: No such user"],
      ]);
    });

    it("answers 451 when the rest can not be stored, and the trace says that a copy was taken", async () => {
      const bed = await bedOf(plugins, {
        inline: driver(),
        config: { onMixedVerdict: "quarantine" },
        put() {
          throw new SpoolFault("EIO", "fsync failed");
        },
      });
      const { reply, trace } = await bed.gateway.inject(to("yes", "no"));
      assert.equal(replyOf(reply), "451 4.3.0");
      assert.ok(trace?.entries.some((entry) => "event" in entry && entry.event === "duplicatePossible"));
      assert.deepEqual(await bed.listed(), []);
    });
  });
});
