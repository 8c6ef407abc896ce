/** What the start makes of a pipeline: slots, the hooks of each stage, and what only the start can see. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  always,
  type Condition,
  choose,
  compilePipeline,
  condition,
  definePlugin,
  fact,
  type Pipeline,
  type Plugin,
  parallel,
  pipeline,
  routeTo,
  STAGES,
  when,
  z,
} from "postern";

type Definition = Parameters<typeof definePlugin>[0];

const plugin = (name: string, definition: object = {}) =>
  definePlugin({ name, data: () => undefined, ...definition } as Definition) as Plugin<never, never, false>;
const routes = () => definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") });
const faultsOf = (...elements: readonly unknown[]): readonly string[] =>
  compilePipeline({ kind: "pipeline", elements, "~": undefined } as unknown as Pipeline).faults;
const named = (name: string, stage: "mail" | "data" = "mail") =>
  fact(name, { stage, scope: "transaction", schema: z.string(), fallback: "" });
const isBob = condition("isBob", { from: "rcpt", per: "recipient", holds: () => true });

describe("compilePipeline()", () => {
  it("keeps the written order through groups and pipelines, stage by stage", () => {
    const compiled = compilePipeline(
      pipeline(
        plugin("a"),
        pipeline(plugin("b"), when(always, plugin("c"), pipeline(plugin("d")))),
        choose(always, plugin("e"), plugin("f")),
        parallel(plugin("g"), plugin("h")),
        plugin("i", { data: undefined, mail: () => undefined }),
        routes(),
      ),
    );
    assert.deepEqual(compiled.faults, []);
    assert.equal(compiled.routes, true);
    assert.equal(compiled.slots.map((slot) => slot.plugin.name).join(" "), "a b c d e f g h i routes");
    const hooks = STAGES.map((stage) => compiled.hooks[stage].map((slot) => slot.plugin.name).join(" "));
    assert.deepEqual(hooks, ["", "", "", "i", "", "a b c d e f g h", "routes", ""]);
  });

  it("gives slots their conditions, nested ones together, and the second branch of choose() negated", () => {
    const one = condition("one", { from: "connect", per: "session", holds: () => true });
    const two = condition("two", { from: "connect", per: "session", holds: () => true });
    const { slots } = compilePipeline(
      pipeline(when(one, when(two, plugin("a")), choose(two, plugin("b"), plugin("c"))), routes()),
    );
    const conditions = slots.map((slot) =>
      slot.conditions.map((each) => `${each.negate ? "not " : ""}${each.condition.name}`).join(" "),
    );
    assert.deepEqual(conditions, ["one two", "one two", "one not two", ""]);
  });

  it("gives slots of one parallel() one number, those of groups and of a parallel() within it too", () => {
    const { slots, faults } = compilePipeline(
      pipeline(
        parallel(plugin("a"), when(always, plugin("b")), parallel(plugin("c"), plugin("d")), plugin("e")),
        parallel(plugin("f"), plugin("g")),
        plugin("h"),
        routes(),
      ),
    );
    assert.deepEqual(faults, []);
    const numbers = slots.map((slot) => slot.parallel);
    assert.deepEqual(numbers, [0, 0, 0, 0, 0, 1, 1, undefined, undefined]);
  });

  it("knows the facts of a parallel() after it", () => {
    const [One, Two] = [named("one"), named("two")];
    const teller = (of: typeof One) => plugin(of.name, { provides: [of], mail: () => undefined });
    const reader = plugin("reader", { reads: [One, Two] });
    assert.deepEqual(faultsOf(parallel(teller(One), teller(Two)), reader, routes()), []);
    assert.deepEqual(
      faultsOf(teller(One), parallel(teller(Two), plugin("r", { reads: [One] })), routes()),
      [],
    );
  });

  it("has timeouts of 30 s, 10 s for plugins that need dns, or as they say", () => {
    for (const [definition, want] of [
      [{}, 30_000],
      [{ needs: ["dns"] }, 10_000],
      [{ needs: ["clientIp"] }, 30_000],
      [{ needs: ["dns"], timeout: "1m" }, 60_000],
      [{ timeout: 250 }, 250],
    ] as const) {
      assert.equal(compilePipeline(pipeline(plugin("p", definition), routes())).slots[0]?.timeoutMs, want);
    }
  });

  it("has onError tempfail, no edits and its own facts as readable, or as the plugin says", () => {
    const [One, Two, Three] = [named("one"), named("two"), named("three", "data")];
    const told = plugin("told", { provides: [One], mail: () => undefined });
    const all = plugin("all", {
      onError: "skip",
      edits: ["body", "envelope"],
      reads: [One],
      mayRead: [Two],
      provides: [Three],
    });
    const [first, second] = compilePipeline(pipeline(told, all, routes())).slots;
    assert.deepEqual(
      [first?.onError, first?.editsHeader, first?.editsBody, first?.editsEnvelope],
      ["tempfail", false, false, false],
    );
    assert.deepEqual([...(first?.readable ?? [])], [One]);
    assert.deepEqual(
      [second?.onError, second?.editsHeader, second?.editsBody, second?.editsEnvelope],
      ["skip", false, true, true],
    );
    assert.deepEqual([...(second?.readable ?? [])], [One, Two, Three]);
    assert.deepEqual(second?.provides, [Three]);
  });

  const [Word, OtherWord] = [named("word"), named("word")];
  const teller = plugin("teller", { provides: [Word], mail: () => undefined });
  const twoWords = "there are two facts named 'word': export one and import it everywhere";
  const reading = condition("reading", {
    from: "mail",
    per: "transaction",
    reads: [OtherWord],
    holds: () => true,
  });
  const cases: readonly { name: string; elements: readonly unknown[]; want: string }[] = [
    {
      name: "reads another object",
      elements: [teller, plugin("p", { reads: [OtherWord] })],
      want: `plugin 'p': ${twoWords}`,
    },
    {
      name: "may read another object",
      elements: [teller, plugin("p", { mayRead: [OtherWord] })],
      want: `plugin 'p': ${twoWords}`,
    },
    {
      name: "may read another object, first",
      elements: [plugin("p", { mayRead: [OtherWord] }), teller],
      want: `plugin 'teller': ${twoWords}`,
    },
    {
      name: "provides another object",
      elements: [choose(always, teller, plugin("p", { provides: [OtherWord], mail: () => undefined }))],
      want: `plugin 'p': ${twoWords}`,
    },
    {
      name: "has a condition that reads another object",
      elements: [teller, when(reading as Condition, plugin("p"))],
      want: `condition 'reading': ${twoWords}`,
    },
    {
      name: "edits in parallel()",
      elements: [parallel(plugin("p", { edits: ["header"] }))],
      want: "plugin 'p' edits: a plugin in parallel(...) may not edit",
    },
    {
      name: "edits in a group in parallel()",
      elements: [parallel(when(always, plugin("p", { edits: ["envelope"] })))],
      want: "plugin 'p' edits: a plugin in parallel(...) may not edit",
    },
    {
      name: "may read the fact of a sibling",
      elements: [parallel(teller, plugin("p", { mayRead: [Word] }))],
      want: "plugin 'p' reads the fact 'word' of a sibling: plugins in parallel(...) do not see each other's facts",
    },
    {
      name: "has a hook before its condition is known",
      elements: [when(isBob, plugin("p", { mail: () => undefined }))],
      want: "plugin 'p' has a hook in 'mail': the condition 'isBob' over it is known from 'rcpt' on",
    },
    {
      name: "edits in data under a recipient condition",
      elements: [when(always, when(isBob, plugin("p", { edits: ["header"] })))],
      want: "plugin 'p' edits in 'data' under the recipient condition 'isBob': an edit for some recipients belongs to 'route'",
    },
    {
      name: "has a delivery hook under a recipient condition",
      elements: [choose(isBob, plugin("p", { delivery: () => undefined }), plugin("q"))],
      want: "plugin 'p' has a hook in 'delivery' under the recipient condition 'isBob': a delivery is about several recipients",
    },
    {
      name: "has no condition in when()",
      elements: [{ kind: "when", elements: [plugin("p")] }],
      want: "when(...) takes a condition first: make one with condition(...)",
    },
    {
      name: "has a function as condition of choose()",
      elements: [choose((() => true) as never, plugin("p"), plugin("q"))],
      want: "choose(...) takes a condition first: make one with condition(...)",
    },
  ];
  for (const { name, elements, want } of cases) {
    it(`stops the start of a pipeline that ${name}`, () => {
      assert.deepEqual(faultsOf(...elements, routes()), [want]);
    });
  }

  it("lets a plugin edit in route, and the envelope, under a recipient condition", () => {
    const inRoute = plugin("p", { data: undefined, route: () => undefined, edits: ["header", "body"] });
    assert.deepEqual(faultsOf(when(isBob, inRoute, plugin("q", { edits: ["envelope"] })), routes()), []);
  });

  it("takes one object of a fact wherever it stands", () => {
    const readers = [plugin("a", { reads: [Word] }), plugin("b", { mayRead: [Word] })];
    assert.deepEqual(faultsOf(teller, ...readers, routes()), []);
  });

  it("takes a plugin that may read a fact nobody provides", () => {
    assert.deepEqual(faultsOf(plugin("p", { mayRead: [Word] }), routes()), []);
  });

  it("tells all faults at once", () => {
    const faults = faultsOf(plugin("a", { reads: [Word] }), [], undefined);
    assert.equal(faults.length, 4, faults.join("; "));
  });

  it("never throws on what is no pipeline", () => {
    for (const rubbish of [
      undefined,
      null,
      7,
      "p",
      [],
      {},
      { kind: "pipeline" },
      routes(),
      { kind: "when", elements: [] },
    ]) {
      const { faults } = compilePipeline(rubbish as unknown as Pipeline);
      assert.equal(faults[0], "this is no pipeline: make one with pipeline(...)");
    }
  });

  it("never throws on elements made by hand, and ends on a pipeline within itself", () => {
    for (const rubbish of [
      { kind: "when", condition: always },
      { kind: "choose", condition: always },
      { kind: "choose", condition: always, elements: [], otherwise: 7 },
      { kind: "parallel", elements: "ab" },
      { kind: "pipeline", elements: null },
      { kind: "plugin" },
      { kind: "relay" },
    ]) {
      const faults = faultsOf(parallel(rubbish as never), rubbish, routes());
      assert.ok(faults.length >= 2, `${JSON.stringify(rubbish)}: ${faults.join("; ")}`);
    }
    const own: { kind: string; elements: unknown[]; "~": undefined } = {
      kind: "pipeline",
      elements: [],
      "~": undefined,
    };
    own.elements.push(own);
    assert.match(faultsOf(own, routes())[0] ?? "", /^the pipeline is nested deeper than 50$/);
  });
});
