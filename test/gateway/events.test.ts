/** The `on` hooks: which event for which outcome, what they are told, and that nothing they do reaches the client. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  definePlugin,
  discard,
  EVENT_NAMES,
  type MailEvent,
  type Plugin,
  pipeline,
  quarantine,
  reject,
  routeTo,
  tempfail,
} from "postern";
import { createMemorySpool, recordingNextHop } from "postern/testing";
import { EVENT_MS } from "../../core/gateway/event-hooks.ts";
import { forward, openBed, reverse, short } from "./engine-bed.ts";
import { manualClock, settle } from "./manual-clock.ts";

const routes = definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") });

function listen() {
  const events: MailEvent[] = [];
  const on = Object.fromEntries(
    EVENT_NAMES.map((name) => [name, (event: MailEvent) => void events.push(event)]),
  );
  return { events, listener: definePlugin({ name: "listener", on }) };
}

describe("events", () => {
  const judge = (verdict: ReturnType<typeof reject | typeof tempfail | typeof discard | typeof quarantine>) =>
    definePlugin({ name: "judge", data: () => verdict });
  const table = [
    { name: "delivered inline", plugin: definePlugin({ name: "idle" }), want: "delivered" },
    { name: "refused", plugin: judge(reject("5.7.1", "no")), want: "refused" },
    { name: "tempfailed", plugin: judge(tempfail("4.7.1", "later")), want: "deferred" },
    { name: "discarded", plugin: judge(discard("unwanted")), want: "accepted" },
    { name: "quarantined", plugin: judge(quarantine("suspect")), want: "quarantined" },
  ] as const;
  for (const { name, plugin, want } of table) {
    it(`tell ${want} of a message that is ${name}, once for each recipient`, async () => {
      const { events, listener } = listen();
      const services = { spool: createMemorySpool({ durable: true }) };
      const bed = await openBed({
        pipeline: pipeline(plugin as Plugin<never, never, false>, listener, routes),
        services,
      });
      await bed.send(["a@example.org", "b@example.org"]);
      await bed.gateway.drain();
      assert.deepEqual(
        events.map(({ event, forwardPath }) => [event, forwardPath]),
        [
          [want, "a@example.org"],
          [want, "b@example.org"],
        ],
      );
      const { id, origin, reversePath } = bed.last();
      for (const event of events) {
        assert.deepEqual([event.id, event.origin, event.reversePath], [id, origin, reversePath]);
      }
    });
  }

  it("tell accepted of a message that is queued", async () => {
    const { events, listener } = listen();
    const queue = definePlugin({
      name: "queue",
      routes: true,
      route: () => routeTo("backend", { mode: "queue" }),
    });
    const services = { spool: createMemorySpool({ durable: true }) };
    const bed = await openBed({ pipeline: pipeline(listener, queue), services });
    assert.equal(short(await bed.send(["a@example.org"])), "250 2.0.0");
    await bed.gateway.drain();
    assert.deepEqual(
      events.map(({ event, nextHop }) => [event, nextHop]),
      [["accepted", "backend"]],
    );
  });

  it("carry the next hop, and the reply in its words", async () => {
    const { events, listener } = listen();
    const backend = recordingNextHop("backend", () => ({
      code: 550,
      enhanced: "5.1.1",
      text: "No such user",
    }));
    const bed = await openBed({ pipeline: pipeline(listener, routes), nextHops: { backend } });
    await bed.send(["a@example.org"]);
    await bed.gateway.drain();
    assert.deepEqual(
      events.map(({ event, nextHop, reply }) => [event, nextHop, reply?.text]),
      [["refused", "backend", "No such user"]],
    );
  });

  it("tell refused and deferred of recipients refused at RCPT, and nothing of those that RSET drops", async () => {
    const { events, listener } = listen();
    const picky = definePlugin({
      name: "picky",
      rcpt(ctx) {
        const { localPart } = ctx.recipient.forwardPath;
        if (localPart === "no") return reject("5.1.1", "no");
        return localPart === "later" ? tempfail("4.2.1", "later") : undefined;
      },
    });
    const bed = await openBed({ pipeline: pipeline(picky, listener, routes) });
    const session = bed.open();
    await session.mail(reverse(""), {});
    for (const name of ["no", "later", "yes"]) await session.rcpt(forward(`${name}@example.org`), {});
    session.reset();
    await bed.gateway.drain();
    assert.equal(bed.last().outcome, "aborted");
    assert.deepEqual(
      events.map(({ event, forwardPath }) => `${event} ${forwardPath}`),
      ["refused no@example.org", "deferred later@example.org"],
    );
    assert.deepEqual(
      bed.lines
        .filter(({ level }) => level === "info")
        .map(({ event, fields }) => `${event} ${fields.forwardPath}`),
      ["refused no@example.org", "deferred later@example.org", "aborted yes@example.org"],
    );
  });

  for (const [what, hook] of [
    [
      "throws",
      () => {
        throw new Error("oops");
      },
    ],
    [
      "rejects",
      async () => {
        throw new Error("oops");
      },
    ],
  ] as const) {
    it(`of a hook that ${what} change nothing for the client, and the other plugins hear of it all the same`, async () => {
      const { events, listener } = listen();
      const faulty = definePlugin({ name: "faulty", on: { delivered: hook } });
      const bed = await openBed({ pipeline: pipeline(faulty, listener, routes) });
      assert.equal(short(await bed.send(["a@example.org"])), "250 2.0.0");
      await bed.gateway.drain();
      assert.equal(events.length, 1);
      const line = bed.lines.find(({ event }) => event === "eventHookFault");
      assert.deepEqual(
        [line?.level, line?.fields.plugin, line?.fields.event],
        ["warn", "faulty", "delivered"],
      );
    });
  }

  it("of a hook that hangs do not hold the answer; drain() waits for it until its time is over", async () => {
    const clock = manualClock();
    let aborted = false;
    const hanging = definePlugin({
      name: "hanging",
      on: {
        delivered(_, { signal }) {
          signal.addEventListener("abort", () => (aborted = true));
          return new Promise<void>(() => {});
        },
      },
    });
    const bed = await openBed({ pipeline: pipeline(hanging, routes), clock });
    assert.equal(short(await bed.send(["a@example.org"])), "250 2.0.0");
    let drained = false;
    void bed.gateway.drain().then(() => (drained = true));
    await clock.advance(EVENT_MS - 1);
    assert.deepEqual([drained, aborted], [false, false]);
    await clock.advance(1);
    assert.deepEqual([drained, aborted], [true, true]);
    assert.ok(bed.lines.some(({ event }) => event === "eventHookFault"));
  });
});

describe("drain()", () => {
  it("resolves at once when nothing is under way", async () => {
    await (await openBed({ pipeline: pipeline(routes) })).gateway.drain();
  });

  it("waits for a message from its first octet to its answer, aborted ones too, and not for an idle session", async () => {
    const bed = await openBed({ pipeline: pipeline(routes) });
    for (const finish of ["end", "abort"] as const) {
      const session = bed.open();
      await session.mail(reverse(""), {});
      await session.rcpt(forward("a@example.org"), {});
      await bed.gateway.drain();
      const receiver = session.receive();
      let drained = false;
      const draining = bed.gateway.drain().then(() => (drained = true));
      await settle();
      assert.equal(drained, false);
      await (finish === "end" ? receiver.end() : receiver.abort("the client vanished"));
      await draining;
    }
  });
});
