/** The facts of the engine: they need no provider, may have none, and keep their names to themselves. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  compilePipeline,
  condition,
  definePlugin,
  EarlyTalk,
  ENGINE_FACTS,
  fact,
  pipeline,
  routeTo,
  when,
  z,
} from "postern";

const routes = definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") });
const reader = definePlugin({ name: "reader", reads: [EarlyTalk], mail: (ctx) => void ctx.fact(EarlyTalk) });

describe("ENGINE_FACTS", () => {
  it("are read in any place, also by conditions, in groups and in nested pipelines", () => {
    const early = condition("early", {
      ...{ from: "mail", per: "session", reads: [EarlyTalk] },
      holds: (ctx) => ctx.fact(EarlyTalk) === "pipelining",
    });
    const nested = pipeline(when(early, reader));
    assert.deepEqual(compilePipeline(pipeline(nested, routes)).faults, []);
  });

  it("have no provider among plugins: the compiler and the start say so", () => {
    const second = definePlugin({
      name: "second",
      provides: [EarlyTalk],
      connect: (ctx) => ctx.provide(EarlyTalk, "none"),
    });
    // @ts-expect-error the fact 'earlyTalk' is provided by an earlier plugin already: a fact has one provider
    const { faults } = compilePipeline(pipeline(second, routes));
    assert.deepEqual(faults, [
      "plugin 'second': the fact 'earlyTalk' is provided by an earlier plugin already: a fact has one provider",
    ]);
  });

  it("share their names with no other fact", () => {
    for (const { name } of ENGINE_FACTS) {
      const Other = fact(name, { stage: "mail", scope: "transaction", schema: z.string(), fallback: "" });
      const plugin = definePlugin({ name: "other", mayRead: [Other], mail: () => undefined });
      assert.deepEqual(compilePipeline(pipeline(plugin, routes)).faults, [
        `plugin 'other': there are two facts named '${name}': export one and import it everywhere`,
      ]);
    }
  });
});
