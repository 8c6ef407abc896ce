/** Inline delivery: the `delivery` hooks on what leaves, and what the next hop's answers mean for the client. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definePlugin, fact, type Plugin, pipeline, type Reply, routeTo, tempfail, z } from "postern";
import { recordingNextHop } from "postern/testing";
import type { NextHopDriver, RecipientResult } from "../../core/gateway/mod.ts";
import { CONTENT, openBed, short } from "./engine-bed.ts";

const routes = definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") });
const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

describe("delivery hooks", () => {
  it("edit the header section of what leaves, under our trace field, and leave the body", async () => {
    const sign = definePlugin({
      name: "sign",
      edits: ["header", "body"],
      delivery(ctx) {
        const { message } = ctx as unknown as { message: { appendText(text: object, reason: string): void } };
        assert.throws(() => message.appendText({ text: "a footer" }, "too late"), /header fields/);
        ctx.message.addField("X-Signature", "s", "signed", "top");
      },
    });
    const bed = await openBed({ pipeline: pipeline(routes, sign) });
    assert.equal(short(await bed.send(["a@example.org"])), "250 2.0.0");
    const sent = text(bed.deliveries[0]?.content.bytes);
    assert.match(sent, /^Received: [^\r]*(?:\r\n\t[^\r]*)*\r\nX-Signature: s\r\nFrom: /);
    assert.ok(sent.endsWith(CONTENT));
  });

  it("see the edits of data and route, and those of the delivery hooks before them", async () => {
    const add = (name: string, stage: "data" | "route" | "delivery") =>
      definePlugin({
        name,
        edits: ["header"],
        [stage]: (ctx: { message: { addField(n: string, v: string, r: string): void } }) =>
          ctx.message.addField(`X-${name}`, "1", "test"),
      }) as Plugin<never, never, false>;
    const seen: string[] = [];
    const look = definePlugin({
      name: "look",
      delivery: (ctx) => void seen.push(...ctx.message.header.fields.map(({ name }) => name)),
    });
    const bed = await openBed({
      pipeline: pipeline(
        add("atData", "data"),
        add("atRoute", "route"),
        routes,
        add("atDelivery", "delivery"),
        look,
      ),
    });
    await bed.send(["a@example.org"]);
    assert.deepEqual(seen.filter((name) => name.startsWith("X-")).sort(), [
      "X-atData",
      "X-atDelivery",
      "X-atRoute",
    ]);
    assert.deepEqual(
      bed.last().edits.map(({ author }) => author),
      ["atData", "atRoute", "atDelivery"],
    );
  });

  for (const onError of ["tempfail", "reject"] as const) {
    it(`that fail put the message off with 451, never refuse it, also with onError "${onError}"`, async () => {
      const sign = definePlugin({
        name: "sign",
        edits: ["header"],
        onError,
        delivery(ctx) {
          ctx.message.addField("X-Half", "1", "signed");
          throw new Error("the key is gone");
        },
      });
      const bed = await openBed({ pipeline: pipeline(routes, sign) });
      assert.equal(short(await bed.send(["a@example.org"])), "451 4.3.0");
      assert.equal(bed.deliveries.length, 0);
      assert.equal(bed.last().recipients[0]?.outcome, "deferred");
    });
  }

  it("may put the message off themselves", async () => {
    const wait = definePlugin({ name: "wait", delivery: () => tempfail("4.7.5", "no key yet") });
    const bed = await openBed({ pipeline: pipeline(routes, wait) });
    const answer = await bed.send(["a@example.org"]);
    assert.equal(short(answer), "451 4.7.5");
    assert.ok(answer.text.startsWith("no key yet (ref "));
  });

  it("give each other facts of the delivery, and see its next hop, reverse-path and recipients", async () => {
    const Key = fact("key", { stage: "delivery", scope: "delivery", schema: z.string(), fallback: "none" });
    const seen: unknown[] = [];
    const choose = definePlugin({
      name: "choose",
      provides: [Key],
      delivery: (ctx) => ctx.provide(Key, "k1"),
    });
    const sign = definePlugin({
      name: "sign",
      reads: [Key],
      delivery(ctx) {
        const { nextHop, reversePath, recipients } = ctx.delivery;
        seen.push(
          ctx.fact(Key),
          nextHop,
          reversePath?.text,
          recipients.map(({ forwardPath }) => forwardPath.text),
        );
        seen.push(ctx.attempt.number);
      },
    });
    const bed = await openBed({ pipeline: pipeline(routes, choose, sign) });
    await bed.send(["a@example.org", "b@example.org"]);
    assert.deepEqual(seen, ["k1", "backend", "ann@example.com", ["a@example.org", "b@example.org"], 1]);
  });
});

describe("the trace field", () => {
  for (const { to, want } of [
    { to: ["a@example.org"], want: /\r\n\tfor <a@example\.org>;\r\n/ },
    { to: ["a@example.org", "b@example.org"], want: /with ESMTP id [0-9a-z]{14};\r\n/ },
  ]) {
    it(`names ${to.length === 1 ? "the one recipient" : "none of several recipients"}`, async () => {
      const bed = await openBed({ pipeline: pipeline(routes) });
      await bed.send(to);
      assert.match(text(bed.deliveries[0]?.content.bytes), want);
    });
  }
});

const reply = (code: number, enhanced: string, words = "words"): Reply => ({ code, enhanced, text: words });
const ok: RecipientResult = { status: "delivered", reply: reply(250, "2.0.0") };
const no: RecipientResult = { status: "rejected", reply: reply(550, "5.1.1", "No such user") };
const later: RecipientResult = { status: "tempfailed", reply: reply(450, "4.2.1", "Busy") };
const aside: RecipientResult = { status: "aside", reply: reply(451, "4.4.0") };

describe("a next hop's answers, without a durable spool", () => {
  const table: readonly {
    readonly name: string;
    readonly results: readonly RecipientResult[];
    readonly want: string;
    readonly outcomes: readonly string[];
  }[] = [
    {
      name: "all took it",
      results: [ok, ok],
      want: "250 2.0.0",
      outcomes: ["delivered 250", "delivered 250"],
    },
    {
      name: "all are refused",
      results: [no, no],
      want: "550 5.1.1",
      outcomes: ["refused 550", "refused 550"],
    },
    {
      name: "one is refused, and nothing was sent for the other",
      results: [aside, no],
      want: "550 5.1.1",
      outcomes: ["refused 550", "refused 550"],
    },
    {
      name: "one is put off, and nothing was sent for the other",
      results: [aside, later],
      want: "450 4.2.1",
      outcomes: ["deferred 450", "deferred 450"],
    },
    {
      name: "one is put off and one refused: a 4xx outweighs",
      results: [no, later],
      want: "450 4.2.1",
      outcomes: ["deferred 550", "deferred 450"],
    },
    {
      name: "one took it and one did not: the client must send again",
      results: [ok, no],
      want: "451 4.3.0",
      outcomes: ["delivered 250", "deferred 451"],
    },
    {
      name: "one took it and one is put off after the dot",
      results: [ok, later],
      want: "451 4.3.0",
      outcomes: ["delivered 250", "deferred 451"],
    },
    {
      name: "none has any answer",
      results: [aside, aside],
      want: "451 4.3.0",
      outcomes: ["deferred 451", "deferred 451"],
    },
  ];
  for (const { name, results, want, outcomes } of table) {
    it(`are ${want} for the message when ${name}`, async () => {
      const backend: NextHopDriver = {
        ...recordingNextHop("backend"),
        deliver: async () => ({ ended: "reply", recipients: results }),
      };
      const bed = await openBed({ pipeline: pipeline(routes), nextHops: { backend } });
      const answer = await bed.send(["a@example.org", "b@example.org"]);
      assert.equal(short(answer), want);
      assert.ok(answer.text.endsWith(`(ref ${bed.last().id})`));
      assert.deepEqual(
        bed.last().recipients.map(({ outcome, reply }) => `${outcome} ${reply?.code}`),
        outcomes,
      );
      const mixed = results.some(({ status }) => status === "delivered") && want.startsWith("4");
      const notes = JSON.stringify(bed.last().entries);
      assert.equal(notes.includes("duplicatePossible"), mixed);
    });
  }
});

describe("a next hop's driver", () => {
  it("may send the content only when every RCPT was taken", async () => {
    const asked: boolean[] = [];
    const backend: NextHopDriver = {
      ...recordingNextHop("backend"),
      async deliver(_, { proceed }) {
        asked.push(
          proceed(["accepted", "accepted"]),
          proceed(["accepted", no]),
          proceed(["accepted", later]),
        );
        return { ended: "reply", recipients: [ok, ok] };
      },
    };
    const bed = await openBed({ pipeline: pipeline(routes), nextHops: { backend } });
    await bed.send(["a@example.org", "b@example.org"]);
    assert.deepEqual(asked, [true, false, false]);
  });

  for (const [ended, event] of [
    ["us", "nextHopRefusesUs"],
    ["connection", "nextHopDown"],
  ] as const) {
    it(`that ends by ${ended} is told the operator as ${event}, and the client nothing of the cause`, async () => {
      const backend: NextHopDriver = {
        ...recordingNextHop("backend"),
        deliver: async () => ({ ended, cause: "the cause", recipients: [later] }),
      };
      const bed = await openBed({ pipeline: pipeline(routes), nextHops: { backend } });
      const answer = await bed.send(["a@example.org"]);
      assert.ok(!answer.text.includes("the cause"));
      assert.ok(bed.lines.some((line) => line.event === event && line.fields.cause === "the cause"));
    });
  }
});
