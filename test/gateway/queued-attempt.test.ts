/** What one attempt of the queue makes of each verdict and of each thing that a next hop can do. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  definePlugin,
  discard,
  forRecipients,
  type MessageVerdict,
  pipeline,
  quarantine,
  type Recipient,
  type Reply,
  reject,
  routeTo,
  tempfail,
} from "postern";
import type { DeliveryResult } from "../../core/gateway/mod.ts";
import { attemptBed, endedIn, toQueue } from "./attempt-bed.ts";

const reply = (code: number, enhanced: string, text = "words"): Reply => ({ code, enhanced, text });

describe("attempt", () => {
  describe("by a verdict of route", () => {
    const cases: readonly {
      readonly name: string;
      readonly route: () =>
        | ReturnType<typeof routeTo>
        | ReturnType<typeof reject>
        | ReturnType<typeof tempfail>
        | undefined;
      readonly want: string;
      readonly state: readonly string[];
    }[] = [
      {
        name: "routeTo a next hop of mode queue",
        route: () => routeTo("queued"),
        want: "bob delivered 250 2.0.0",
        state: [],
      },
      {
        name: "routeTo a next hop of mode inline",
        route: () => routeTo("other"),
        want: "bob delivered 250 2.0.0",
        state: [],
      },
      {
        name: "reject",
        route: () => reject("5.7.1", "not any more"),
        want: "bob failed 550 5.7.1 plugin",
        state: ["bob failed 1"],
      },
      {
        name: "tempfail",
        route: () => tempfail("4.7.1", "later"),
        want: "bob deferred 451 4.7.1 plugin",
        state: ["bob due 1"],
      },
      {
        name: "no route",
        route: () => undefined,
        want: "bob failed 550 5.1.2 plugin",
        state: ["bob failed 1"],
      },
      {
        name: "a hook that throws",
        route: () => {
          throw new Error("boom");
        },
        want: "bob deferred 451 4.3.0 plugin",
        state: ["bob due 1"],
      },
      {
        name: "routeTo a next hop that the config has not",
        route: () => routeTo("gone"),
        want: "bob held noNextHop",
        state: ["bob held 1"],
      },
    ];
    for (const { name, route, want, state } of cases) {
      it(`${name}: ${want}`, async () => {
        let attempts = false;
        const plugin = definePlugin({
          name: "routing",
          routes: true,
          nextHops: ["queued", "other"],
          route: () => (attempts ? route() : routeTo("queued")),
        });
        const bed = await attemptBed(pipeline(plugin));
        await bed.send("bob");
        attempts = true;
        assert.deepEqual(await bed.run(), [want]);
        assert.deepEqual(await bed.states(), state);
      });
    }
  });

  describe("of a recipient that `data` put off", () => {
    const cases: readonly {
      readonly verdict: MessageVerdict | undefined;
      readonly want: string;
      readonly state: readonly string[];
    }[] = [
      { verdict: undefined, want: "late delivered 250 2.0.0", state: [] },
      { verdict: reject("5.7.1", "no"), want: "late failed 550 5.7.1 plugin", state: ["late failed 1"] },
      { verdict: tempfail("4.7.1", "later"), want: "late deferred 451 4.7.1 plugin", state: ["late due 1"] },
      { verdict: discard("unwanted"), want: "late discarded", state: [] },
      { verdict: quarantine("looks odd"), want: "late held", state: ["late held 1"] },
    ];
    for (const { verdict, want, state } of cases) {
      it(`runs data anew for it alone: ${verdict?.verdict ?? "go on"} is ${want}`, async () => {
        let attempts = false;
        const seen: string[][] = [];
        const filter = definePlugin({
          name: "filter",
          edits: ["header"],
          data(ctx) {
            seen.push(ctx.recipients.map(({ forwardPath }) => forwardPath.localPart));
            ctx.message.addField("X-Filter", "seen", "shows it");
            const now = attempts ? verdict : tempfail("4.7.1", "not yet");
            const late = ctx.recipients.find(({ forwardPath }) => forwardPath.localPart === "late");
            return late && now ? forRecipients([{ recipient: late as Recipient, verdict: now }]) : undefined;
          },
        });
        const bed = await attemptBed(pipeline(filter, toQueue), { onMixedTempfail: "spool" });
        await bed.send("bob", "late");
        assert.deepEqual(await bed.run(), ["bob delivered 250 2.0.0"]);
        attempts = true;
        bed.clock.forward(300_000);
        assert.deepEqual(await bed.run(), [want]);
        assert.deepEqual(await bed.states(), state);
        assert.deepEqual(seen, [["bob", "late"], ["late"]]);
        for (const { text } of bed.queued.deliveries)
          assert.equal(text.match(/^X-Filter: /gm)?.length, 1, "the edits of data are there once");
      });
    }
  });

  it("is put off by a tempfail of delivery", async () => {
    const signing = definePlugin({ name: "signing", delivery: () => tempfail("4.7.5", "no key") });
    const bed = await attemptBed(pipeline(signing, toQueue));
    await bed.send("bob");
    assert.deepEqual(await bed.run(), ["bob deferred 451 4.7.5 plugin"]);
  });

  describe("by what the next hop does", () => {
    const cases: readonly {
      readonly name: string;
      readonly status: "delivered" | "rejected" | "tempfailed";
      readonly reply: Reply;
      readonly how: Omit<DeliveryResult, "recipients">;
      readonly want: string;
    }[] = [
      {
        name: "takes it",
        status: "delivered",
        reply: reply(250, "2.0.0"),
        how: { ended: "reply" },
        want: "delivered 250 2.0.0",
      },
      {
        name: "refuses it",
        status: "rejected",
        reply: reply(550, "5.1.1"),
        how: { ended: "reply" },
        want: "failed 550 5.1.1 reply",
      },
      {
        name: "puts it off",
        status: "tempfailed",
        reply: reply(452, "4.2.2"),
        how: { ended: "reply" },
        want: "deferred 452 4.2.2 reply",
      },
      {
        name: "says 450 4.7.1",
        status: "tempfailed",
        reply: reply(450, "4.7.1"),
        how: { ended: "reply" },
        want: "deferred 450 4.7.1 greylisted",
      },
      {
        name: "says 451 Greylisted",
        status: "tempfailed",
        reply: reply(451, "4.0.0", "You are Greylisted"),
        how: { ended: "reply" },
        want: "deferred 451 4.0.0 greylisted",
      },
      {
        name: "says 452 4.7.1",
        status: "tempfailed",
        reply: reply(452, "4.7.1"),
        how: { ended: "reply" },
        want: "deferred 452 4.7.1 reply",
      },
      {
        name: "can not be reached",
        status: "tempfailed",
        reply: reply(451, "4.4.1"),
        how: { ended: "connection" },
        want: "deferred 451 4.4.1 connection",
      },
      {
        name: "refuses us",
        status: "tempfailed",
        reply: reply(451, "4.3.5"),
        how: { ended: "us" },
        want: "deferred 451 4.3.5 us",
      },
      {
        name: "has no TLS as the policy asks",
        status: "tempfailed",
        reply: reply(451, "4.3.5"),
        how: { ended: "us", tlsFault: true },
        want: "deferred 451 4.3.5 tls",
      },
      {
        name: "is silent after the dot",
        status: "tempfailed",
        reply: reply(451, "4.4.2"),
        how: { ended: "lost" },
        want: "deferred 451 4.4.2 lost",
      },
    ];
    for (const { name, status, reply, how, want } of cases) {
      it(`that ${name}: ${want}`, async () => {
        const bed = await attemptBed();
        await bed.send("bob");
        bed.replace(endedIn(status, reply, how));
        assert.deepEqual(await bed.run(), [`bob ${want}`]);
      });
    }

    it("that takes some: each recipient ends by itself, and the next attempt is for the rest alone", async () => {
      const bed = await attemptBed();
      await bed.send("bob", "full", "gone");
      bed.answer(reply(452, "4.2.2"), "full");
      assert.deepEqual((await bed.run()).toSorted(), [
        "bob delivered 250 2.0.0",
        "full deferred 452 4.2.2 reply",
        "gone delivered 250 2.0.0",
      ]);
      bed.answer(undefined);
      assert.deepEqual(await bed.run(), [], "the rest is not due yet");
      bed.clock.forward(300_000);
      assert.deepEqual(await bed.run(), ["full delivered 250 2.0.0"]);
      assert.deepEqual(
        bed.queued.deliveries.map(({ recipients }) => recipients),
        [["bob@example.org", "gone@example.org"], ["full@example.org"]],
      );
      assert.deepEqual(await bed.states(), []);
    });

    for (const { name, deliver } of [
      { name: "rejects", deliver: () => Promise.reject(new Error("boom")) },
      {
        name: "throws",
        deliver: () => {
          throw new Error("boom");
        },
      },
      { name: "tells of no recipient", deliver: async () => ({ recipients: [], ended: "reply" as const }) },
    ]) {
      it(`whose driver ${name}: deferred, as a copy may have been taken`, async () => {
        const bed = await attemptBed();
        await bed.send("bob");
        bed.replace(deliver);
        const [line] = await bed.run();
        assert.match(line ?? "", /^bob deferred 451 4\.4\.7 (lost|reply)$/);
        assert.deepEqual(await bed.states(), ["bob due 1"]);
      });
    }
  });
});
