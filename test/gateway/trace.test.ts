/** The record of a transaction: what is in it, how it is bounded, its id, and that keeping it can not harm a message. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { definePlugin, fact, pipeline, reject, routeTo, z } from "postern";
import { createIds, following } from "../../core/gateway/ids.ts";
import { memoryTraces } from "../../core/gateway/mod.ts";
import { REFUSED_LISTED_MAX } from "../../core/gateway/transaction.ts";
import { CONTENT, forward, octets, openBed, reverse, short } from "./engine-bed.ts";
import { manualClock } from "./manual-clock.ts";

const routes = definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") });
const Score = fact("score", { stage: "data", scope: "transaction", schema: z.number(), fallback: 0 });

describe("the trace record", () => {
  it("has the transaction, and each hook run with stage, plugin, time, facts, edits and verdict", async () => {
    const clock = manualClock();
    const greet = definePlugin({ name: "greet", ehlo: () => undefined });
    const score = definePlugin({
      name: "score",
      provides: [Score],
      edits: ["header"],
      async data(ctx) {
        await ctx.clock.sleep(250);
        ctx.provide(Score, 4);
        ctx.message.addField("X-Score", "4", "told to readers");
      },
    });
    const tag = definePlugin({
      name: "tag",
      edits: ["header"],
      delivery: (ctx) => ctx.message.addField("X-Tag", "t", "for the next hop"),
    });
    const bed = await openBed({ pipeline: pipeline(greet, score, routes, tag), clock });
    const session = bed.open();
    await session.ehlo("client.example");
    const sending = bed.send(["bob@example.org"], { session });
    await clock.advance(300);
    const answer = await sending;
    const { entries, ...rest } = bed.last();
    assert.deepEqual(rest, {
      id: rest.id,
      session: session.id,
      origin: "smtp",
      startedAt: Date.UTC(2026, 0, 5, 10),
      ms: rest.ms,
      listener: "relay",
      client: { ip: "127.0.0.1", port: 40_000, trusted: true },
      ehlo: "client.example",
      reversePath: "ann@example.com",
      recipients: [
        {
          forwardPath: "bob@example.org",
          nextHop: "backend",
          outcome: "delivered",
          reply: { code: 250, enhanced: "2.0.0", text: "Ok" },
        },
      ],
      outcome: "accepted",
      reply: { code: 250, enhanced: "2.0.0", text: answer.text },
      messageBytes: CONTENT.length,
      subject: "hello",
      headerFrom: "ann@example.com",
      edits: [
        { author: "score", summary: rest.edits[0]?.summary, reason: "told to readers" },
        { author: "tag", summary: rest.edits[1]?.summary, reason: "for the next hop" },
      ],
      config: rest.config,
    });
    assert.ok(rest.ms >= 250 && rest.ms <= 300);
    const runs = entries.flatMap((entry) => ("plugin" in entry ? [entry] : []));
    assert.deepEqual(
      runs.map(({ stage, plugin }) => `${stage} ${plugin}`),
      ["ehlo greet", "data score", "route routes", "delivery tag"],
    );
    const [, data, route, delivery] = runs;
    assert.deepEqual(data?.facts, { score: 4 });
    assert.ok(data!.ms >= 250);
    assert.equal(data?.edits?.[0]?.reason, "told to readers");
    assert.deepEqual(
      [route?.recipient, route?.verdict],
      ["bob@example.org", { verdict: "routeTo", text: "backend" }],
    );
    assert.equal(delivery?.nextHop, "backend");
    assert.match(JSON.stringify(entries.at(-1)), /"event":"delivery".*test backend: reply/);
  });

  it("keeps the first third and the last two thirds of its entries, and says how many are gone", async () => {
    const config = { trace: { entriesMax: 9 } };
    const numbered = definePlugin({ name: "numbered", rcpt: () => undefined });
    const bed = await openBed({ pipeline: pipeline(numbered, routes), config });
    await bed.send(Array.from({ length: 20 }, (_, n) => `r${n}@example.org`));
    const { entries, entriesDropped } = bed.last();
    assert.equal(entries.length, 9);
    // 20 of rcpt, 20 of route, one of the delivery.
    assert.equal(entriesDropped, 41 - 9);
    const about = entries.map((entry) =>
      "recipient" in entry ? `${entry.stage} ${entry.recipient?.split("@")[0]}` : "delivery",
    );
    assert.deepEqual(about, [
      "rcpt r0",
      "rcpt r1",
      "rcpt r2",
      "route r15",
      "route r16",
      "route r17",
      "route r18",
      "route r19",
      "delivery",
    ]);
  });

  it(`lists ${REFUSED_LISTED_MAX} recipients refused at RCPT at most, however many are tried`, async () => {
    const none = definePlugin({ name: "none", rcpt: () => reject("5.1.1", "no") });
    const bed = await openBed({ pipeline: pipeline(none, routes) });
    const session = bed.open();
    await session.mail(reverse(""), {});
    for (let n = 0; n < REFUSED_LISTED_MAX + 20; n++) await session.rcpt(forward(`r${n}@example.org`), {});
    session.close();
    assert.equal(bed.last().recipients.length, REFUSED_LISTED_MAX);
  });

  it("cuts Subject and From to what a list shows", async () => {
    const bed = await openBed({ pipeline: pipeline(routes) });
    await bed.send(["a@example.org"], {
      content: `From: ${"f".repeat(500)}\r\nSubject: ${"s".repeat(500)}\r\n\r\n`,
    });
    assert.deepEqual([bed.last().subject?.length, bed.last().headerFrom?.length], [200, 200]);
  });

  it("is left for a transaction with a recipient that RSET or the end of the session drops, and for none without", async () => {
    const bed = await openBed({ pipeline: pipeline(routes) });
    const session = bed.open();
    await session.mail(reverse(""), {});
    session.reset();
    assert.equal(bed.records.length, 0);
    await session.mail(reverse(""), {});
    await session.rcpt(forward("a@example.org"), {});
    session.close();
    session.close();
    assert.deepEqual(
      bed.records.map(({ outcome, recipients }) => [outcome, recipients[0]?.reason]),
      [["aborted", "no content came"]],
    );
  });

  it("that can not be kept is a log line: a delivered message is still answered 250", async () => {
    const traces = {
      ...memoryTraces(10),
      put() {
        throw new Error("the disk is full");
      },
    };
    const bed = await openBed({ pipeline: pipeline(routes), services: { traces } });
    assert.equal(short(await bed.send(["a@example.org"])), "250 2.0.0");
    assert.equal(bed.deliveries.length, 1);
    assert.ok(bed.lines.some(({ event, level }) => event === "traceFault" && level === "error"));
  });
});

describe("every answer to a message", () => {
  const send = async (finish: "end" | "write fails" | "no room" | "abort" | "end twice") => {
    const fault = Object.assign(new Error("no space left"), {
      code: finish === "no room" ? "ENOSPC" : "EIO",
    });
    const fails = finish === "write fails" || finish === "no room";
    const contents = {
      create: () => ({
        write: () => undefined,
        finish: async () => Promise.reject(fault),
        dispose: async () => {},
      }),
    };
    const bed = await openBed({ pipeline: pipeline(routes), ...(fails ? { services: { contents } } : {}) });
    const session = bed.open();
    await session.mail(reverse(""), {});
    await session.rcpt(forward("a@example.org"), {});
    const receiver = session.receive();
    await receiver.write(octets("A: b\r\n\r\n"));
    const refusal = { kind: "reject", code: 552, enhanced: "5.3.4", text: "Message too large" } as const;
    if (finish === "abort") return { bed, answer: (await receiver.abort("too large", refusal))! };
    if (finish === "end twice") await receiver.end();
    return { bed, answer: (await receiver.end()).answer };
  };
  const table = [
    { name: "taken", finish: "end", want: "250 2.0.0", outcome: "delivered" },
    { name: "whose content can not be kept", finish: "write fails", want: "451 4.3.0", outcome: "deferred" },
    { name: "for which there is no room", finish: "no room", want: "452 4.3.1", outcome: "deferred" },
    { name: "refused by the host", finish: "abort", want: "552 5.3.4", outcome: "refused" },
    { name: "ended twice by a host", finish: "end twice", want: "451 4.3.0", outcome: "delivered" },
  ] as const;
  for (const { name, finish, want, outcome } of table) {
    it(`${name} ends with (ref ID), the id of its trace`, async () => {
      const { bed, answer } = await send(finish);
      assert.equal(short(answer), want);
      assert.ok(answer.text.endsWith(`(ref ${bed.last().id})`));
      assert.equal(bed.records.length, 1);
      assert.equal(bed.last().recipients[0]?.outcome, outcome);
      await bed.gateway.drain();
    });
  }
});

describe("ids", () => {
  it("are 14 characters that sort in the order they were given, whatever the clock does", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -5_000, max: 5_000 }), { minLength: 1, maxLength: 50 }),
        (steps) => {
          let now = 1_770_000_000_000;
          const clock = { ...manualClock(), now: () => now };
          const next = createIds(clock, { bytes: (length) => new Uint8Array(length).fill(255) });
          const ids = steps.map((step) => {
            now += step;
            return next();
          });
          assert.deepEqual(ids.toSorted(), ids);
          assert.equal(new Set(ids).size, ids.length);
          for (const id of ids) assert.match(id, /^[0-9a-hjkmnp-tv-z]{14}$/);
        },
      ),
    );
  });

  it("go on sorting when the number runs over, into the next millisecond", () => {
    const last = { ms: 5_000, number: 32 ** 5 - 1 };
    const over = following(last, 4_000);
    assert.deepEqual(over, { ms: 5_001, number: 0 });
    assert.deepEqual(following(over, 5_000), { ms: 5_001, number: 1 });
  });

  it("of one millisecond in two processes differ by where they begin", () => {
    const clock = manualClock();
    const [a, b] = [1, 2].map((n) =>
      createIds(clock, { bytes: (length) => new Uint8Array(length).fill(n) })(),
    );
    assert.notEqual(a, b);
  });
});
