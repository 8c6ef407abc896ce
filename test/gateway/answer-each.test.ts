/** LMTP: each RCPT has an answer of its own, and nobody's copy is lost or doubled for what another recipient got. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  definePlugin,
  discard,
  type MessageVerdict,
  type Plugin,
  pipeline,
  quarantine,
  type Reply,
  reject,
  routeTo,
  tempfail,
} from "postern";
import { createMemorySpool, recordingNextHop } from "postern/testing";
import { DELIVERIES_AT_ONCE_MAX } from "../../core/gateway/answer-each.ts";
import type { NextHopDriver, Spool } from "../../core/gateway/mod.ts";
import { forward } from "./engine-bed.ts";
import { alias, at, openLmtpBed, storeNextHop } from "./lmtp-bed.ts";
import { manualClock } from "./manual-clock.ts";
import { mark } from "./spool-engine-fixtures.ts";

/** Routes to the next hop that the local part names before "-", else to "backend". */
const routes = definePlugin({
  name: "routes",
  routes: true,
  envelopeRoute: ({ recipient }) => ({ nextHop: hopOf(recipient.forwardPath.localPart) }),
  route: ({ recipient }) => routeTo(hopOf(recipient.forwardPath.localPart)),
});
const hopOf = (localPart: string): string => (localPart.startsWith("other") ? "other" : "backend");

const verdicts: { readonly [name: string]: MessageVerdict } = {
  full: reject("5.2.2", "Mailbox full"),
  busy: tempfail("4.2.1", "Mailbox busy"),
  gone: discard("unwanted"),
  odd: quarantine("suspect"),
};
const FULL: Reply = { code: 552, enhanced: "5.2.2", text: "Over quota" };
const BUSY: Reply = { code: 451, enhanced: "4.2.1", text: "Locked" };

describe("an LMTP message", () => {
  const cases: readonly { name: string; to: readonly string[]; want: readonly string[]; got: string }[] = [
    { name: "of one recipient", to: ["ann"], want: ["250 2.0.0"], got: "ann" },
    { name: "of one that is refused", to: ["full"], want: ["550 5.2.2"], got: "" },
    {
      name: "with one refused and one put off: the others are delivered, once",
      to: ["ann", "full", "bob", "busy"],
      want: ["250 2.0.0", "550 5.2.2", "250 2.0.0", "451 4.2.1"],
      got: "ann,bob",
    },
    {
      name: "with a discarded one, which is taken and goes nowhere",
      to: ["gone", "full", "ann"],
      want: ["250 2.0.0", "550 5.2.2", "250 2.0.0"],
      got: "ann",
    },
    {
      name: "with one to hold and no spool: that one is put off, and only that one",
      to: ["ann", "odd"],
      want: ["250 2.0.0", "451 4.3.5"],
      got: "ann",
    },
    {
      name: "of two next hops: no recipient is sent away at RCPT",
      to: ["ann", "other", "bob", "other-2"],
      want: ["250 2.0.0", "250 2.0.0", "250 2.0.0", "250 2.0.0"],
      got: "ann,bob|other,other-2",
    },
    {
      name: "of a recipient that comes twice, which has two answers",
      to: ["ann", "ann", "full", "full"],
      want: ["250 2.0.0", "250 2.0.0", "550 5.2.2", "550 5.2.2"],
      got: "ann,ann",
    },
  ];
  for (const { name, to, want, got } of cases) {
    it(`${name}`, async () => {
      const bed = await openLmtpBed({ pipeline: pipeline(mark(verdicts), routes) });
      assert.deepEqual(await bed.deliver(to.map(at)), want);
      const delivered = bed.deliveries.map(({ recipients }) =>
        recipients.map(({ forwardPath }) => forwardPath.localPart).join(),
      );
      assert.equal(delivered.join("|"), got);
      assert.deepEqual(
        bed.deliveries.map(({ number }) => number),
        bed.deliveries.map((_, i) => i + 1),
      );
    });
  }

  it("has the outcome of each recipient in its record, and accepted where any is", async () => {
    const bed = await openLmtpBed({ pipeline: pipeline(mark(verdicts), routes) });
    await bed.deliver(["ann", "full", "busy", "gone"].map(at));
    const record = bed.last();
    assert.equal(record.outcome, "accepted");
    assert.deepEqual(
      record.recipients.map(({ outcome, reply }) => `${outcome} ${reply?.code ?? "-"}`),
      ["delivered 250", "refused 550", "deferred 451", "discarded -"],
    );
    assert.ok(
      record.entries.some((e) => "event" in e && e.event === "answers" && e.detail?.startsWith("2 of 4")),
    );
    await bed.deliver(["full", "busy"].map(at));
    assert.deepEqual([bed.last().outcome, bed.last().reply?.code], ["deferred", 451]);
  });

  it("has in its record the edits of the form that left, where there is one delivery", async () => {
    const sign = definePlugin({
      name: "sign",
      edits: ["header"],
      delivery: (ctx) => ctx.message.addField("X-Signature", "s", "signed"),
    });
    const bed = await openLmtpBed({ pipeline: pipeline(routes, sign) });
    await bed.deliver(["ann", "bob"].map(at));
    assert.deepEqual(
      bed.last().edits.map(({ author }) => author),
      ["sign"],
    );
    await bed.deliver(["ann", "other"].map(at));
    assert.deepEqual(bed.last().edits, []);
  });

  it("answers each in its own words, with the trace id", async () => {
    const bed = await openLmtpBed({ pipeline: pipeline(mark(verdicts), routes) });
    const [ann, full] = await bed.answers(["ann", "full"].map(at));
    const { id } = bed.last();
    assert.deepEqual([ann?.text, full?.text], [`Message accepted (ref ${id})`, `Mailbox full (ref ${id})`]);
  });

  for (const [proto, hop] of [
    ["an LMTP next hop answers after the content", storeNextHop({ full: FULL, busy: BUSY })],
    [
      "a next hop answers at RCPT",
      recordingNextHop("backend", (path) =>
        path.startsWith("full") ? FULL : path.startsWith("busy") ? BUSY : undefined,
      ),
    ],
  ] as const) {
    it(`passes on what ${proto}, recipient by recipient`, async () => {
      const bed = await openLmtpBed({ pipeline: pipeline(routes), nextHops: { backend: hop } });
      const answers = await bed.deliver(["ann", "full", "busy", "bob"].map(at));
      assert.deepEqual(answers, ["250 2.0.0", "552 5.2.2", "451 4.2.1", "250 2.0.0"]);
      assert.equal(bed.deliveries.length, 1);
    });
  }

  it("of which one next hop is lost: the recipients of the other have their 250", async () => {
    const lost: NextHopDriver = {
      ...recordingNextHop("other"),
      deliver: async () => Promise.reject(new Error("broken driver")),
    };
    const bed = await openLmtpBed({ pipeline: pipeline(routes), nextHops: { other: lost } });
    assert.deepEqual(await bed.deliver(["other", "ann"].map(at)), ["451 4.4.7", "250 2.0.0"]);
  });

  it("whose delivery hook fails for one next hop is put off there alone", async () => {
    const sign = definePlugin({
      name: "sign",
      delivery: ({ delivery }) => (delivery.nextHop === "other" ? tempfail("4.7.5", "no key") : undefined),
    });
    const bed = await openLmtpBed({ pipeline: pipeline(routes, sign) });
    assert.deepEqual(await bed.deliver(["other", "ann"].map(at)), ["451 4.7.5", "250 2.0.0"]);
  });

  it("is 451 for all at the deadline, but for those of whom a driver still tells", async () => {
    const clock = manualClock();
    let reached = (): void => {};
    const called = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const silent: NextHopDriver = {
      ...recordingNextHop("other"),
      deliver: () => {
        reached();
        return new Promise(() => {});
      },
    };
    const bed = await openLmtpBed({ pipeline: pipeline(routes), nextHops: { other: silent }, clock });
    const answers = bed.deliver(["ann", "other"].map(at));
    await called;
    await clock.advance(120_000);
    await clock.advance(2_000);
    assert.deepEqual(await answers, ["250 2.0.0", "451 4.4.7"]);
    assert.ok(bed.last().entries.some((e) => "event" in e && e.event === "duplicatePossible"));
  });

  it("of many next hops runs a bounded number of deliveries at once", async () => {
    let running = 0;
    let most = 0;
    const slow: NextHopDriver = {
      ...recordingNextHop("backend"),
      async deliver({ recipients }) {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        const reply = { code: 250, enhanced: "2.0.0", text: "Ok" };
        return { recipients: recipients.map(() => ({ status: "delivered", reply })), ended: "reply" };
      },
    };
    const own = definePlugin({
      name: "own",
      edits: ["header"],
      route(ctx) {
        ctx.message.addField("X-For", ctx.recipient.forwardPath.text, "test");
      },
    });
    const bed = await openLmtpBed({ pipeline: pipeline(own, routes), nextHops: { backend: slow } });
    const names = Array.from({ length: 3 * DELIVERIES_AT_ONCE_MAX }, (_, i) => at(`u${i}`));
    assert.ok((await bed.deliver(names)).every((answer) => answer === "250 2.0.0"));
    assert.equal(bed.deliveries.length, names.length);
    assert.equal(most, DELIVERIES_AT_ONCE_MAX);
    assert.equal(new Set(bed.deliveries.map(({ number }) => number)).size, names.length);
  });
});

describe("an alias in an LMTP message", () => {
  const team = { team: ["ann", "full"], pair: ["ann", "bob"], wide: ["ann", "other"], same: ["ann"] };
  const refuses = recordingNextHop("backend", (path) => (path.startsWith("full") ? FULL : undefined));

  it("has one answer for all of its targets", async () => {
    const bed = await openLmtpBed({ pipeline: pipeline(alias(team), routes) });
    assert.deepEqual(await bed.deliver(["pair", "carl"].map(at)), ["250 2.0.0", "250 2.0.0"]);
  });

  it("of which a target is refused at RCPT is refused whole before its content is sent, and stops nobody else", async () => {
    const bed = await openLmtpBed({
      pipeline: pipeline(alias(team), routes),
      nextHops: { backend: refuses },
    });
    assert.deepEqual(await bed.deliver(["team", "carl"].map(at)), ["552 5.2.2", "250 2.0.0"]);
    assert.deepEqual(
      refuses.deliveries.map(({ recipients }) => recipients),
      [[at("carl")]],
    );
  });

  it("of which a target is refused after the content is put off, as some of it is delivered", async () => {
    const store = storeNextHop({ full: FULL });
    const bed = await openLmtpBed({ pipeline: pipeline(alias(team), routes), nextHops: { backend: store } });
    assert.deepEqual(await bed.deliver(["team", "carl"].map(at)), ["451 4.3.0", "250 2.0.0"]);
    assert.ok(bed.last().entries.some((e) => "event" in e && e.event === "duplicatePossible"));
  });

  it("of two next hops is put off before anything of it is sent", async () => {
    const bed = await openLmtpBed({ pipeline: pipeline(alias(team), routes) });
    assert.deepEqual(await bed.deliver(["wide", "carl"].map(at)), ["451 4.3.5", "250 2.0.0"]);
    assert.deepEqual(
      bed.deliveries.map(({ recipients }) => recipients.map(({ forwardPath }) => forwardPath.localPart)),
      [["carl"]],
    );
  });

  it("that leads to another recipient shares its copy and its answer", async () => {
    const hop = recordingNextHop("backend", (path) => (path.startsWith("ann") ? BUSY : undefined));
    for (const to of [
      ["ann", "same", "carl"],
      ["same", "ann", "carl"],
    ]) {
      const bed = await openLmtpBed({ pipeline: pipeline(alias(team), routes), nextHops: { backend: hop } });
      assert.deepEqual(await bed.deliver(to.map(at)), ["451 4.2.1", "451 4.2.1", "250 2.0.0"]);
    }
    const bed = await openLmtpBed({ pipeline: pipeline(alias(team), routes) });
    assert.deepEqual(await bed.deliver(["ann", "same"].map(at)), ["250 2.0.0", "250 2.0.0"]);
    assert.equal(bed.deliveries.flatMap(({ recipients }) => recipients).length, 1);
  });

  it("that leads to a recipient who is rewritten afterwards shares its answer all the same", async () => {
    const moved = definePlugin({
      name: "moved",
      edits: ["envelope"],
      route(ctx) {
        if (ctx.recipient.forwardPath.localPart === "ann") ctx.rewriteRecipient(forward(at("full")), "moved");
      },
    }) as Plugin<never, never, false>;
    const bed = await openLmtpBed({
      pipeline: pipeline(alias(team), moved, routes),
      nextHops: { backend: refuses },
    });
    assert.deepEqual(await bed.deliver(["same", "ann", "carl"].map(at)), [
      ...["552 5.2.2", "552 5.2.2"],
      "250 2.0.0",
    ]);
  });

  it("that shares a copy with an alias of many is answered with it", async () => {
    const chain = { one: ["x", "y"], two: ["y", "z"], three: ["z"] };
    const hop = recordingNextHop("backend", (path) => (path.startsWith("x") ? FULL : undefined));
    const bed = await openLmtpBed({ pipeline: pipeline(alias(chain), routes), nextHops: { backend: hop } });
    assert.deepEqual(await bed.deliver(["one", "two", "three", "carl"].map(at)), [
      ...["552 5.2.2", "552 5.2.2", "552 5.2.2"],
      "250 2.0.0",
    ]);
    assert.deepEqual(
      hop.deliveries.map(({ recipients }) => recipients),
      [[at("carl")]],
    );
  });
});

const kept = async (spool: Spool): Promise<number> => (await spool.list({}, undefined, 100)).entries.length;

describe("an LMTP message with a durable spool", () => {
  const bedWith = (plugins: Parameters<typeof openLmtpBed>[0]["pipeline"], more = {}) => {
    const spool = createMemorySpool({ durable: true });
    return openLmtpBed({ pipeline: plugins, services: { spool }, ...more }).then((bed) => ({ bed, spool }));
  };

  it("refuses for one recipient what it refuses, and holds nothing for that", async () => {
    const { bed, spool } = await bedWith(pipeline(mark(verdicts), routes));
    assert.deepEqual(await bed.deliver(["ann", "full"].map(at)), ["250 2.0.0", "550 5.2.2"]);
    assert.equal(await kept(spool), 0);
    assert.equal(bed.deliveries.length, 1);
  });

  it("holds a quarantined one, and what goes on with it is in the same commit", async () => {
    const { bed, spool } = await bedWith(pipeline(mark(verdicts), routes));
    assert.deepEqual(await bed.deliver(["ann", "odd", "busy"].map(at)), [
      ...["250 2.0.0", "250 2.0.0"],
      "451 4.2.1",
    ]);
    assert.equal(bed.deliveries.length, 0);
    assert.deepEqual(
      bed.last().recipients.map(({ outcome }) => outcome),
      ["queued", "quarantined", "deferred"],
    );
    assert.equal(await kept(spool), 2);
  });

  it("keeps the rest of an alias of which some is delivered, before its 250", async () => {
    const store = storeNextHop({ full: FULL });
    const { bed, spool } = await bedWith(pipeline(alias({ team: ["ann", "full"] }), routes), {
      nextHops: { backend: store },
    });
    assert.deepEqual(await bed.deliver(["team", "carl"].map(at)), ["250 2.0.0", "250 2.0.0"]);
    assert.equal(await kept(spool), 1);
    // Named beside the alias it has the copy that is kept for both.
    assert.deepEqual(await bed.deliver(["team", "full"].map(at)), ["250 2.0.0", "250 2.0.0"]);
    assert.equal(await kept(spool), 2);
  });
});
