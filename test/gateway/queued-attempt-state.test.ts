/** What an attempt of the queue starts from: the state after `data`, and nothing that an earlier attempt did. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type Attempt,
  definePlugin,
  fact,
  forRecipients,
  type Origin,
  pipeline,
  quarantine,
  routeTo,
  tempfail,
  z,
} from "postern";
import { createMemorySpool } from "postern/testing";
import { attemptBed, movedClock, toQueue } from "./attempt-bed.ts";
import { address, START } from "./spool-fixtures.ts";

const later = { code: 450, enhanced: "4.2.0", text: "Later" };

/** Edits and finds out something in `data`. */
const Score = fact("score", { stage: "data", scope: "transaction", schema: z.number(), fallback: -1 });
const Seen = fact("seen", { stage: "connect", scope: "session", schema: z.string(), fallback: "nothing" });
const Known = fact("known", { stage: "rcpt", scope: "recipient", schema: z.boolean(), fallback: false });
const finding = definePlugin({
  name: "finding",
  provides: [Score, Seen, Known],
  edits: ["header", "body"],
  connect: (ctx) => ctx.provide(Seen, ctx.client.ip),
  rcpt: (ctx) => ctx.provide(Known, true),
  async data(ctx) {
    ctx.provide(Score, 7);
    ctx.message.addField("X-Score", "7", "counted");
    await ctx.message.appendText({ plain: "footer\r\n" }, "law");
  },
});

describe("attempt starts from", () => {
  it("the message as `data` left it, with our trace field on top once, also on the second attempt", async () => {
    const bed = await attemptBed(pipeline(finding, toQueue));
    const id = await bed.send("bob");
    bed.answer(later);
    await bed.run();
    bed.answer(undefined);
    bed.clock.forward(300_000);
    await bed.run();
    const [delivered] = bed.queued.deliveries;
    assert.equal(delivered?.id, id);
    assert.match(
      delivered?.text ?? "",
      /^Received: from client\.example [\s\S]*\r\n[\s\S]*body\r\nfooter\r\n$/,
    );
    assert.equal(delivered?.text.match(/^Received:/gm)?.length, 1);
    assert.equal(delivered?.text.match(/^X-Score: 7/gm)?.length, 1);
  });

  it("facts, client and envelope as they were, and the number and reply of the attempt", async () => {
    const seen: unknown[] = [];
    const attempts: Attempt[] = [];
    const looking = definePlugin({
      name: "looking",
      reads: [Score, Seen, Known],
      route(ctx) {
        seen.push([
          ctx.fact(Score),
          ctx.fact(Seen),
          ctx.fact(Known),
          ctx.client.ip,
          ctx.ehlo,
          ctx.id,
          ctx.origin,
        ]);
        attempts.push(ctx.attempt);
      },
    });
    const bed = await attemptBed(pipeline(finding, looking, toQueue));
    const id = await bed.send("bob");
    bed.answer(later);
    await bed.run();
    bed.clock.forward(300_000);
    await bed.run();
    const was = [7, "127.0.0.1", true, "127.0.0.1", "client.example", id, "smtp"];
    assert.deepEqual(seen, [was, was, was]);
    assert.deepEqual(attempts, [{ number: 1 }, { number: 1 }, { number: 2, lastReply: later }]);
  });

  it("the facts of before `data`, where `data` runs anew", async () => {
    const seen: number[] = [];
    const looking = definePlugin({
      name: "looking",
      mayRead: [Score],
      data: (ctx) => void seen.push(ctx.fact(Score)),
    });
    const once = definePlugin({
      name: "once",
      data(ctx) {
        const late = ctx.recipients.filter(({ forwardPath }) => forwardPath.localPart === "late");
        if (seen.length < 2)
          return forRecipients(
            late.map((recipient) => ({ recipient, verdict: tempfail("4.7.1", "not yet") })),
          );
      },
    });
    const bed = await attemptBed(pipeline(looking, finding, once, toQueue), { onMixedTempfail: "spool" });
    await bed.send("bob", "late");
    bed.clock.forward(300_000);
    await bed.run();
    assert.deepEqual(seen, [-1, -1]);
  });

  it("fallbacks of facts that are of another version or no longer fit, and the trace names them", async () => {
    const clock = movedClock();
    const spool = createMemorySpool({ durable: true, clock });
    const before = await attemptBed(pipeline(finding, toQueue), {}, { spool, clock });
    const id = await before.send("bob");
    const Score2 = fact("score", { ...Score, version: 2 });
    const Seen2 = fact("seen", { stage: "connect", scope: "session", schema: z.number(), fallback: 0 });
    const Known2 = fact("known", { ...Known, fallback: false });
    const seen: unknown[] = [];
    const looking = definePlugin({
      name: "looking",
      mayRead: [Score2, Seen2, Known2],
      route: (ctx) => void seen.push(ctx.fact(Score2), ctx.fact(Seen2), ctx.fact(Known2)),
    });
    const after = await attemptBed(pipeline(looking, toQueue), {}, { spool, clock });
    assert.deepEqual(await after.run(), ["bob delivered 250 2.0.0"]);
    assert.deepEqual(seen, [-1, 0, true]);
    const trace = await after.gateway.trace(id);
    const note = trace?.entries.find((entry) => "event" in entry && entry.event === "factUnfit");
    assert.match((note as { detail: string }).detail, /seen, score|score, seen/);
  });

  it("the forward-path that `route` found, however often it rewrites it", async () => {
    const plus = definePlugin({
      name: "plus",
      edits: ["envelope"],
      route(ctx) {
        const { localPart } = ctx.recipient.forwardPath;
        ctx.rewriteRecipient(address(`x${localPart}@example.net`), "moved");
      },
    });
    const bed = await attemptBed(pipeline(plus, toQueue));
    await bed.send("bob");
    bed.answer(later);
    await bed.run();
    bed.answer(undefined);
    bed.clock.forward(300_000);
    await bed.run();
    assert.deepEqual(
      bed.queued.deliveries.map(({ recipients }) => recipients),
      [["xbob@example.net"]],
    );
  });
});

describe("a recipient that becomes several", () => {
  const alias = definePlugin({
    name: "alias",
    edits: ["envelope"],
    route(ctx) {
      const { localPart } = ctx.recipient.forwardPath;
      if (localPart === "list")
        ctx.expandRecipient([address("x@example.net"), address("y@example.net")], "list");
      if (localPart === "one") ctx.expandRecipient([address("z@example.net")], "one");
    },
  });
  const journal = definePlugin({
    name: "journal",
    edits: ["envelope"],
    route: (ctx) => ctx.addRecipient(address("journal@example.net"), "law"),
  });
  const hold = definePlugin({ name: "hold", data: () => quarantine("odd") });

  it("at acceptance: its copies are stored beside it, and no attempt makes them again", async () => {
    const bed = await attemptBed(pipeline(alias, journal, toQueue));
    await bed.send("list", "bob");
    bed.answer(later);
    await bed.run();
    bed.clock.forward(300_000);
    bed.answer(later, "x");
    await bed.run();
    bed.clock.forward(300_000);
    bed.answer(undefined);
    await bed.run();
    const got = bed.queued.deliveries.flatMap(({ recipients }) => recipients).toSorted();
    assert.deepEqual(got, ["bob@example.org", "journal@example.net", "x@example.net", "y@example.net"]);
    assert.deepEqual(await bed.states(), []);
  });

  it("on an attempt: it is replaced in one commit by a message for them, and each ends by itself", async () => {
    const bed = await attemptBed(pipeline(hold, alias, toQueue));
    const id = await bed.send("list");
    await bed.spool.release({ id }, "eve");
    bed.answer({ ...later, code: 550, enhanced: "5.1.1" }, "x");
    assert.deepEqual(await bed.run(), ["list replaced", "x failed 550 5.1.1 reply", "y delivered 250 2.0.0"]);
    assert.deepEqual(await bed.states(), ["x failed 1"]);
    const [delivered] = bed.queued.deliveries;
    assert.notEqual(delivered?.id, id);
    assert.equal(delivered?.text.match(/^Received:.*/gm)?.length, 1);
    assert.ok(delivered?.text.includes(id), "the trace field names the message that came in");
    const trace = await bed.gateway.trace(id);
    assert.match(trace?.recipients[0]?.reason ?? "", new RegExp(`go on as ${delivered?.id}`));
  });

  it("on an attempt, by copies of our own: those are made once", async () => {
    const bed = await attemptBed(pipeline(hold, journal, toQueue));
    const id = await bed.send("bob");
    await bed.spool.release({ id }, "eve");
    bed.answer(later, "bob");
    assert.deepEqual(await bed.run(), [
      "bob replaced",
      "bob deferred 450 4.2.0 reply",
      "journal delivered 250 2.0.0",
    ]);
    bed.clock.forward(300_000);
    bed.answer(undefined);
    assert.deepEqual(await bed.run(), ["bob delivered 250 2.0.0"]);
    assert.deepEqual(await bed.states(), []);
  });

  it("of one alias alone is delivered at once", async () => {
    const bed = await attemptBed(pipeline(hold, alias, toQueue));
    const id = await bed.send("one");
    await bed.spool.release({ id }, "eve");
    assert.deepEqual(await bed.run(), ["one delivered 250 2.0.0"]);
    assert.deepEqual(bed.queued.deliveries[0]?.recipients, ["z@example.net"]);
  });
});

describe("the origin", () => {
  it("of who was released is `release`, beside others of the message that have its own; data does not run", async () => {
    const seen: [string, Origin][] = [];
    let runs = 0;
    const some = definePlugin({
      name: "some",
      data(ctx) {
        runs++;
        const odd = ctx.recipients.filter(({ forwardPath }) => forwardPath.localPart === "odd");
        return forRecipients(odd.map((recipient) => ({ recipient, verdict: quarantine("odd") })));
      },
      route: (ctx) => void seen.push([ctx.recipient.forwardPath.localPart, ctx.origin]),
    });
    const bed = await attemptBed(pipeline(some, toQueue));
    const id = await bed.send("bob", "odd");
    await bed.spool.release({ id }, "eve");
    seen.length = 0;
    assert.deepEqual((await bed.run()).toSorted(), ["bob delivered 250 2.0.0", "odd delivered 250 2.0.0"]);
    assert.deepEqual(seen.toSorted(), [
      ["bob", "smtp"],
      ["odd", "release"],
    ]);
    assert.equal(runs, 1);
    assert.deepEqual(await bed.run(), [], "it is released once");
  });
});

describe("a time of the route", () => {
  const tomorrow = 86_400_000;

  it("that the first route gave is kept to the millisecond, and said anew on the attempt it does not count", async () => {
    const nightly = definePlugin({
      name: "nightly",
      routes: true,
      nextHops: ["queued"],
      route: (ctx) => routeTo("queued", { deliverAt: ctx.clock.now() + tomorrow }),
    });
    const bed = await attemptBed(pipeline(nightly));
    await bed.send("bob");
    bed.clock.forward(tomorrow - 1);
    assert.deepEqual(await bed.run(), []);
    bed.clock.forward(1);
    assert.deepEqual(await bed.run(), ["bob delivered 250 2.0.0"]);
  });

  it("of one that was never routed puts it off until then, without a failure", async () => {
    const nightly = definePlugin({
      name: "nightly",
      routes: true,
      nextHops: ["queued"],
      data: () => quarantine("odd"),
      route: (ctx) => routeTo("queued", { deliverAt: ctx.clock.now() + tomorrow }),
    });
    const bed = await attemptBed(pipeline(nightly));
    const id = await bed.send("bob");
    await bed.spool.release({ id }, "eve");
    const [outcome] = await bed.gateway.runQueue();
    assert.deepEqual(
      [outcome?.outcome, outcome?.failure, outcome?.notBefore, outcome?.destination],
      ["deferred", undefined, START + tomorrow, "queued"],
    );
    bed.clock.forward(tomorrow);
    assert.deepEqual(await bed.run(), ["bob delivered 250 2.0.0"]);
  });
});
