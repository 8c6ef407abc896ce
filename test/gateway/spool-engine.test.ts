/** What the engine does with a durable spool in mode queue and with several deliveries: what is stored, when, and what is answered. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definePlugin, fact, pipeline, routeTo, z } from "postern";
import { routes } from "postern/plugins";
import { SpoolFault } from "../../core/gateway/mod.ts";
import { restoreMessage } from "../../core/gateway/spool-message.ts";
import { manualClock } from "./manual-clock.ts";
import { bedOf, byName, content, replyOf, to } from "./spool-engine-fixtures.ts";
import { address, octetsOf, START } from "./spool-fixtures.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Leaves something of each kind in each stage. */
const Seen = fact("seen", { stage: "connect", scope: "session", schema: z.string(), fallback: "" });
const Spam = fact("spam", {
  stage: "data",
  scope: "transaction",
  schema: z.number(),
  fallback: 0,
  version: 3,
});
const Known = fact("known", {
  stage: "rcpt",
  scope: "recipient",
  schema: z.boolean(),
  fallback: false,
});
const Routed = fact("routed", { stage: "route", scope: "recipient", schema: z.string(), fallback: "" });
const before = definePlugin({
  name: "before",
  provides: [Seen, Known, Spam],
  edits: ["header", "body"],
  connect: (ctx) => ctx.provide(Seen, "192.0.2.9"),
  rcpt: (ctx) => ctx.provide(Known, true),
  async data(ctx) {
    ctx.provide(Spam, 7);
    ctx.message.addField("X-Spam", "7", "counted");
    await ctx.message.appendText({ plain: "footer\r\n" }, "law");
  },
});
const route = definePlugin({
  name: "route",
  routes: true,
  nextHops: ["queued"],
  provides: [Routed],
  edits: ["header", "envelope"],
  route(ctx) {
    ctx.provide(Routed, "queued");
    ctx.message.addField("X-For", ctx.recipient.forwardPath.text, "shows it");
    ctx.setReversePath(null, "none comes back");
    return routeTo("queued", { deliverAt: START + 3_600_000 });
  },
});

/** One message of theirs in the spool. */
async function storedOne() {
  const bed = await bedOf(pipeline(before, route));
  const { trace } = await bed.gateway.inject({
    ...to("bob"),
    client: { ehlo: "mail.example.com" },
    parameters: { body: "8BITMIME", ret: "HDRS", envid: "q1", requireTls: true },
  });
  const id = trace?.id ?? "";
  const stored = await bed.spool.get(id);
  assert.ok(stored && trace);
  return { bed, trace, id, stored };
}

describe("the engine with a durable spool", () => {
  describe("in mode queue", () => {
    it("answers 250 only after put resolved", async () => {
      const order: string[] = [];
      let letGo = () => {};
      const held = new Promise<void>((resolve) => (letGo = resolve));
      let arrived = () => {};
      const there = new Promise<void>((resolve) => (arrived = resolve));
      const bed = await bedOf(pipeline(byName), {
        async put() {
          arrived();
          await held;
          order.push("stored");
        },
      });
      const answer = bed.gateway.inject(to("queued")).then((outcome) => {
        order.push("answered");
        return outcome;
      });
      await there;
      assert.deepEqual(order, []);
      letGo();
      const { reply, recipients } = await answer;
      assert.deepEqual(order, ["stored", "answered"]);
      assert.equal(replyOf(reply), "250 2.0.0");
      assert.match(reply.text, /\(ref [0-9a-z]{14}\)$/);
      assert.deepEqual(
        recipients.map(({ outcome, nextHop }) => [outcome, nextHop]),
        [["queued", "queued"]],
      );
      assert.equal(bed.delivered(), 0);
    });

    it("stores envelope, parameters and trace field as they were, whatever route did to them", async () => {
      const { stored, trace, id } = await storedOne();
      assert.deepEqual(stored.parameters, { body: "8BITMIME", ret: "HDRS", envid: "q1", requireTls: true });
      assert.deepEqual(
        [stored.origin, stored.ehlo, stored.client, stored.listener.name, stored.receivedAt, stored.config],
        [
          "smtp",
          "mail.example.com",
          { ip: "127.0.0.1", port: 40_000, trusted: true },
          "relay",
          START,
          trace.config,
        ],
      );
      assert.equal(stored.reversePath?.text, "ann@example.com");
      assert.match(
        text(stored.traceField),
        new RegExp(`^Received: from mail\\.example\\.com [^]* id ${id}[^]*\r\n$`),
      );
    });

    it("stores the facts and the trace of the stages to data, and none that route found", async () => {
      const { bed, stored } = await storedOne();
      assert.deepEqual(stored.facts, {
        seen: { version: 1, value: "192.0.2.9" },
        spam: { version: 3, value: 7 },
      });
      const [recipient] = (await bed.only()).recipients;
      assert.deepEqual(
        [recipient?.facts, recipient?.stage],
        [{ known: { version: 1, value: true } }, "route"],
      );
      const stages = stored.trace.flatMap((entry) =>
        "stage" in entry ? [`${entry.stage} ${entry.plugin}`] : [],
      );
      assert.deepEqual(stages, ["connect before", "rcpt before", "data before", "route route"]);
    });

    it("stores the message as it came, and the edits of data that restoreMessage makes", async () => {
      const { stored } = await storedOne();
      assert.equal(text(await octetsOf(stored.content)), content.replaceAll("\n", "\r\n"));
      const restored = text(await octetsOf((await restoreMessage(stored)).content));
      assert.match(restored, /\r\nX-Spam: 7\r\n|^X-Spam: 7\r\n/);
      assert.match(restored, /\r\n\r\nbody\r\nfooter\r\n$/);
      assert.doesNotMatch(restored, /X-For/);
    });

    it("stores the recipient due for its next hop at the time that route gave", async () => {
      const { bed, stored, id } = await storedOne();
      assert.deepEqual(await bed.listed(), [
        {
          id,
          recipient: 0,
          state: "due",
          destination: "queued",
          reversePath: "ann@example.com",
          forwardPath: "bob@example.org",
          receivedAt: START,
          messageBytes: stored.content.size,
          attempts: 0,
          nextAt: START + 3_600_000,
        },
      ]);
    });

    it("stores the members of an alias, each with what led to it", async () => {
      const alias = definePlugin({
        name: "alias",
        edits: ["envelope"],
        route(ctx) {
          const { localPart } = ctx.recipient.forwardPath;
          if (localPart !== "list") return;
          ctx.expandRecipient([address("queued-x@example.net"), address("queued-y@example.net")], "members");
        },
      });
      const bed = await bedOf(pipeline(alias, byName));
      const { recipients } = await bed.gateway.inject(to("list"));
      assert.deepEqual(
        (await bed.only()).recipients.map((each) => [
          each.forwardPath.text,
          each.original.text,
          each.lineage,
        ]),
        [
          ["queued-x@example.net", "list@example.org", ["list@example.org"]],
          ["queued-y@example.net", "list@example.org", ["list@example.org"]],
        ],
      );
      assert.deepEqual(
        recipients.map(({ outcome }) => outcome),
        ["queued", "queued"],
      );
    });

    it("that hangs is given up at the deadline: 451, and nothing is stored", async () => {
      const clock = manualClock();
      const bed = await bedOf(pipeline(byName), {
        config: { deadline: "77s" },
        clock,
        put: () => clock.advance(77_000),
      });
      const { reply, recipients } = await bed.gateway.inject(to("queued"));
      assert.equal(replyOf(reply), "451 4.4.7");
      assert.deepEqual(
        recipients.map(({ outcome }) => outcome),
        ["deferred"],
      );
      assert.deepEqual([await bed.listed(), bed.delivered()], [[], 0]);
    });

    const troubles = [
      { name: "a full spool", error: new SpoolFault("ENOSPC", "no room"), want: "452 4.3.1" },
      { name: "a spool that can not write", error: new SpoolFault("EIO", "fsync failed"), want: "451 4.3.0" },
      { name: "an unknown error", error: new Error("boom"), want: "451 4.3.0" },
    ];
    for (const { name, error, want } of troubles) {
      it(`answers ${want} to ${name}, and nothing is accepted or delivered`, async () => {
        const bed = await bedOf(pipeline(byName), {
          put() {
            throw error;
          },
        });
        for (const names of [["queued"], ["inline", "other"], ["queued", "inline"]]) {
          const { reply, recipients, trace } = await bed.gateway.inject(to(...names));
          assert.equal(replyOf(reply), want);
          assert.doesNotMatch(reply.text, /fsync|room|boom/);
          assert.equal(trace?.outcome, "deferred");
          assert.deepEqual(
            recipients.map(({ outcome }) => outcome),
            names.map(() => "deferred"),
          );
        }
        assert.deepEqual([await bed.listed(), bed.delivered()], [[], 0]);
      });
    }
  });

  describe("with several deliveries", () => {
    it("spools all of them in one commit before anything is sent", async () => {
      const seen: number[] = [];
      const bed = await bedOf(pipeline(byName), { put: (_, delivered) => void seen.push(delivered) });
      const { reply, recipients } = await bed.gateway.inject(
        to("inline-a", "other-b", "inline-c", "queued-d"),
      );
      assert.equal(reply.code, 250);
      assert.deepEqual(seen, [0]);
      assert.deepEqual(
        recipients.map(({ outcome }) => outcome),
        ["queued", "queued", "queued", "queued"],
      );
      const stored = (await bed.only()).recipients.map(
        (each) => `${each.forwardPath.localPart} ${each.destination}`,
      );
      assert.deepEqual(stored.sort(), [
        "inline-a inline",
        "inline-c inline",
        "other-b other",
        "queued-d queued",
      ]);
      const leases = [];
      for (let turn = 0; turn < 4; turn++) {
        const lease = await bed.spool.lease({ owner: "w", leaseMs: 1_000 });
        leases.push(lease && `${lease.destination} ${lease.recipients.length}`);
      }
      assert.deepEqual(leases.sort(), ["inline 2", "other 1", "queued 1", undefined]);
    });

    it("delivers inline, and stores nothing, when there is one inline delivery alone", async () => {
      const bed = await bedOf(pipeline(byName));
      const { reply, recipients } = await bed.gateway.inject(to("inline-a", "inline-b"));
      assert.equal(reply.code, 250);
      assert.deepEqual(
        recipients.map(({ outcome }) => outcome),
        ["delivered", "delivered"],
      );
      assert.deepEqual([await bed.listed(), bed.delivered()], [[], 1]);
    });

    const listed = routes([
      { recipient: "a@example.org", nextHop: "inline" },
      { recipient: "b@example.org", nextHop: "other" },
    ]);

    it('split "spool" takes two route groups in one transaction and spools them', async () => {
      const bed = await bedOf(pipeline(listed), { config: { split: "spool" } });
      const { reply, recipients } = await bed.gateway.inject(to("a", "b"));
      assert.equal(reply.code, 250);
      assert.deepEqual(
        recipients.map(({ outcome, nextHop }) => [outcome, nextHop]),
        [
          ["queued", "inline"],
          ["queued", "other"],
        ],
      );
      assert.deepEqual((await bed.listed()).map(({ destination }) => destination).sort(), [
        "inline",
        "other",
      ]);
      assert.equal(bed.delivered(), 0);
    });

    it('split "later" asks to send the second route group apart, and delivers the first', async () => {
      const bed = await bedOf(pipeline(listed));
      const { recipients } = await bed.gateway.inject(to("a", "b"));
      const told = recipients.map((each) => `${each.forwardPath} ${each.outcome} ${each.reply?.code}`);
      assert.deepEqual(told.sort(), ["a@example.org delivered 250", "b@example.org deferred 452"]);
      assert.deepEqual([await bed.listed(), bed.delivered()], [[], 1]);
    });

    it("takes recipients of mode queue and of an inline group in one transaction and spools them", async () => {
      const mixed = routes([
        { recipient: "a@example.org", nextHop: "inline" },
        { recipient: "*", nextHop: "inline", mode: "queue" },
      ]);
      const bed = await bedOf(pipeline(mixed));
      const { reply } = await bed.gateway.inject(to("a", "b"));
      assert.equal(reply.code, 250);
      assert.deepEqual([(await bed.listed()).length, bed.delivered()], [2, 0]);
    });
  });
});
