/** What the engine does where there is no durable spool: configs that ask for one do not start, messages that need one are put off. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defineGateway, definePlugin, pipeline, quarantine, routeTo, smtp } from "postern";
import { routes } from "postern/plugins";
import { createMemorySpool, createTestGateway } from "postern/testing";
import { mark, replyOf, to, watched } from "./spool-engine-fixtures.ts";

describe("the engine with a spool", () => {
  describe("that is not durable, or is none", () => {
    const spools = [
      { name: "no spool", spool: undefined },
      { name: "a spool that is not durable", spool: () => createMemorySpool({ durable: false }) },
    ];
    for (const { name, spool } of spools) {
      const verdicts = [
        {
          what: "a quarantine verdict",
          plugins: pipeline(mark({ a: quarantine("spam") }), routes([{ recipient: "*", nextHop: "inline" }])),
        },
        {
          what: "two deliveries",
          plugins: pipeline(
            definePlugin({
              name: "split",
              routes: true,
              nextHops: ["inline", "other"],
              route: (ctx) => routeTo(ctx.recipient.forwardPath.localPart === "a" ? "inline" : "other"),
            }),
          ),
        },
      ];
      for (const { what, plugins } of verdicts) {
        it(`with ${name} answers 451 4.3.5 to ${what}, stores nothing and sends nothing`, async () => {
          const inner = spool?.();
          let puts = 0;
          const gateway = await createTestGateway(
            defineGateway({
              listeners: [{ address: "127.0.0.1:2525" }],
              nextHops: { inline: smtp("127.0.0.1:2500"), other: smtp("127.0.0.1:2501") },
              pipeline: plugins,
            }),
            inner ? { spool: watched(inner, () => void puts++) } : {},
          );
          const { reply, deliveries, recipients } = await gateway.inject(to("a", "b"));
          assert.equal(replyOf(reply), "451 4.3.5");
          assert.deepEqual([puts, deliveries.length], [0, 0]);
          assert.deepEqual(
            recipients.map(({ outcome }) => outcome),
            ["deferred", "deferred"],
          );
        });
      }
    }

    const asks: readonly { name: string; config: object; want: string }[] = [
      {
        name: "mode queue",
        config: { nextHops: { backend: smtp({ host: "127.0.0.1", mode: "queue" }) } },
        want: 'nextHops.backend.mode: found "queue", expected "inline"',
      },
      {
        name: "onMixedVerdict quarantine",
        config: { onMixedVerdict: "quarantine" },
        want: 'onMixedVerdict: found "quarantine", expected "refuse"',
      },
      {
        name: "onMixedVerdict dsn",
        config: { onMixedVerdict: "dsn" },
        want: 'onMixedVerdict: found "dsn", expected "refuse"',
      },
      {
        name: "onMixedTempfail spool",
        config: { onMixedTempfail: "spool" },
        want: 'onMixedTempfail: found "spool", expected "all"',
      },
      { name: "split spool", config: { split: "spool" }, want: 'split: found "spool", expected "later"' },
    ];
    for (const { name, config, want } of asks) {
      it(`does not start a config that asks for ${name}, and says why; with a durable one it starts`, async () => {
        const asking = defineGateway({
          nextHops: { backend: smtp("127.0.0.1:2500") },
          pipeline: pipeline(routes([{ recipient: "*", nextHop: "backend" }])),
          ...config,
        });
        const why = "there is no durable spool here, and without one accepted mail could be lost";
        for (const options of [{}, { spool: createMemorySpool() }]) {
          await assert.rejects(createTestGateway(asking, options), { message: `${want}: ${why}` });
        }
        await createTestGateway(asking, { spool: createMemorySpool({ durable: true }) });
      });
    }
  });
});
