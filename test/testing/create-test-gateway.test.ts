/** Every option of `createTestGateway`; what `inject` takes and gives is in inject.test.ts. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type Clock,
  ConfigFaults,
  defineGateway,
  definePlugin,
  fact,
  mailbox,
  pipeline,
  type Resolver,
  z,
} from "postern";
import { routes } from "postern/plugins";
import { createTestGateway, recordingNextHop } from "postern/testing";
import type { NextHopDriver } from "../../core/gateway/mod.ts";

const content = "From: ann@example.com\nSubject: hello\n\nbody\n";
const message = { reversePath: "ann@example.com", recipients: ["bob@example.org"], content };
const toBackend = routes([{ recipient: "*", nextHop: "backend" }]);
const nextHops = { backend: mailbox() };
const plain = defineGateway({ nextHops, pipeline: pipeline(toBackend) });

/** A fact of the stage `data` that a plugin fills in. */
const Seen = fact("seen", { stage: "data", scope: "transaction", schema: z.any(), fallback: null });

describe("createTestGateway", () => {
  describe("option", () => {
    it("dns answers look-ups; absent, every name is NXDOMAIN", async () => {
      const asks = definePlugin({
        name: "asks",
        provides: [Seen],
        async data(ctx) {
          ctx.provide(Seen, await ctx.dns.resolve("example.com", "MX"));
        },
      });
      const config = defineGateway({ nextHops, pipeline: pipeline(asks, toBackend) });
      const found = { status: "found", records: ["10 mx.example.com."], ttlSeconds: 60 } as const;
      const dns: Resolver = {
        resolve: async (name, type) =>
          name === "example.com" && type === "MX" ? found : { status: "nodata" },
      };
      const told = async (options: object) =>
        (await (await createTestGateway(config, options)).inject(message)).facts.seen;
      assert.deepEqual(await told({ dns }), found);
      assert.deepEqual(await told({}), { status: "nxdomain" });
    });

    it("fetch is what plugins call; absent, every call rejects", async () => {
      const asks = definePlugin({
        name: "asks",
        provides: [Seen],
        async data(ctx) {
          const answer = await ctx.fetch("https://api.example/check");
          ctx.provide(Seen, await answer.text());
        },
      });
      const config = defineGateway({ nextHops, pipeline: pipeline(asks, toBackend) });
      const fetch = async (url: unknown) => new Response(`asked ${url}`);
      const with_ = await createTestGateway(config, { fetch: fetch as typeof globalThis.fetch });
      assert.equal((await with_.inject(message)).facts.seen, "asked https://api.example/check");
      const without = await (await createTestGateway(config)).inject(message);
      assert.equal(without.reply.code, 451);
      const fault = without.trace?.entries.find((entry) => "fault" in entry && entry.fault);
      assert.match(JSON.stringify(fault), /a test gateway has no network: give 'fetch'/);
    });

    it("clock is the time of plugins, of the store, of trace ids and of the trace field", async () => {
      let now = Date.UTC(2030, 0, 2, 3, 4, 5);
      const clock: Clock = { now: () => now, monotonic: () => now, sleep: () => new Promise(() => {}) };
      const counts = definePlugin({
        name: "counts",
        provides: [Seen],
        async data(ctx) {
          ctx.provide(Seen, [ctx.clock.now(), await ctx.store.increment("count", 1, 1_000)]);
        },
      });
      const config = defineGateway({ nextHops, pipeline: pipeline(counts, toBackend) });
      const gateway = await createTestGateway(config, { clock });
      const first = await gateway.inject(message);
      assert.match(first.deliveries[0]?.text ?? "", /Wed, 2 Jan 2030 03:04:05 \+0000\r\n/);
      assert.equal(first.trace?.startedAt, now);
      now += 999;
      assert.deepEqual((await gateway.inject(message)).facts.seen, [now, 2]);
      now += 1;
      const third = await gateway.inject(message);
      assert.deepEqual(third.facts.seen, [now, 1]);
      assert.ok((third.trace?.id ?? "") > (first.trace?.id ?? "z"));
    });

    it("env is what the config's function gets; absent, it is empty", async () => {
      const config = defineGateway((env) => ({
        nextHops,
        hostName: env.NAME ?? "unnamed.example",
        pipeline: pipeline(toBackend),
      }));
      for (const [env, want] of [
        [{ NAME: "mx.example.com" }, "mx.example.com"],
        [undefined, "unnamed.example"],
      ] as const) {
        const gateway = await createTestGateway(config, env ? { env } : {});
        const { deliveries } = await gateway.inject(message);
        assert.match(deliveries[0]?.text ?? "", new RegExp(`\r\n\tby ${want.replaceAll(".", "\\.")} `));
      }
    });

    it("nextHops stand in by name: recording, refusing, or a driver of one's own", async () => {
      const own: NextHopDriver = {
        ...recordingNextHop("own"),
        deliver: async ({ recipients }) => ({
          ended: "connection",
          recipients: recipients.map(() => ({
            status: "tempfailed",
            reply: { code: 451, enhanced: "4.4.1", text: "down" },
          })),
        }),
      };
      const { deliveries: _, ...driver } = own as NextHopDriver & { deliveries: unknown };
      const busy = { code: 452, enhanced: "4.2.2", text: "Mailbox full" };
      const gone = { code: 550, enhanced: "5.1.1", text: "No such user" };
      const picky = recordingNextHop("picky", (forwardPath, delivery) => {
        assert.equal(delivery.nextHop, "picky");
        return forwardPath.startsWith("full") ? busy : forwardPath.startsWith("gone") ? gone : undefined;
      });
      const config = defineGateway({
        nextHops: { picky: mailbox(), down: mailbox(), other: mailbox() },
        pipeline: pipeline(
          routes([
            { recipient: "*@picky.example", nextHop: "picky" },
            { recipient: "*@down.example", nextHop: "down" },
            { recipient: "*", nextHop: "other" },
          ]),
        ),
      });
      const gateway = await createTestGateway(config, { nextHops: { picky, down: driver } });
      const send = async (...recipients: string[]) => {
        const { reply, deliveries } = await gateway.inject({ ...message, recipients });
        return `${reply.code} ${reply.enhanced} ${deliveries.map((each) => `${each.nextHop}:${each.recipients}`)}`;
      };
      assert.equal(await send("ann@picky.example"), "250 2.0.0 picky:ann@picky.example");
      assert.equal(await send("gone@picky.example"), "550 5.1.1 ");
      assert.equal(await send("full@picky.example"), "452 4.2.2 ");
      assert.equal(await send("ann@picky.example", "full@picky.example"), "452 4.2.2 ");
      assert.equal(await send("ann@down.example"), "451 4.4.1 ");
      assert.equal(
        await send("a@other.example", "b@other.example"),
        "250 2.0.0 other:a@other.example,b@other.example",
      );
      assert.equal(picky.deliveries.length, 1);
    });

    it("nextHops refuses a name that the config does not have", async () => {
      await assert.rejects(
        createTestGateway(plain, { nextHops: { backened: recordingNextHop("backened") } }),
        {
          name: "TypeError",
          message: "the config has no next hop 'backened': backend",
        },
      );
    });
  });

  it("rejects a wrong config with the words of the start", async () => {
    const wrong = defineGateway({ nextHops, deadline: "soon", pipeline: pipeline(toBackend) } as never);
    await assert.rejects(createTestGateway(wrong), (error) => {
      assert.ok(error instanceof ConfigFaults);
      assert.match(error.message, /^deadline: found "soon", expected a duration/);
      return true;
    });
  });

  it("rejects a config that is none", async () => {
    await assert.rejects(createTestGateway({} as never), /expected export default defineGateway/);
  });
});
