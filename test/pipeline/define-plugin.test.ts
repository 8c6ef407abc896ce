/** Definitions of plugins and facts that are wrong by themselves, as JavaScript users write them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  CAPABILITIES,
  compilePipeline,
  definePlugin,
  type Element,
  EVENT_NAMES,
  fact,
  type Plugin,
  reject,
  runHook,
  STAGES,
  z,
} from "postern";
import { benchFor, FACTS, slotOf } from "./fakes.ts";

const Spf = fact("spf", { stage: "mail", scope: "transaction", schema: z.string(), fallback: "none" });
const hook = () => undefined;
const name = "p";

const wrong: readonly { readonly name: string; readonly input: unknown; readonly want: string }[] = [
  { name: "nothing", input: undefined, want: "a plugin without a name: definePlugin() takes an object" },
  { name: "null", input: null, want: "a plugin without a name: definePlugin() takes an object" },
  { name: "a text", input: "spf", want: "a plugin without a name: definePlugin() takes an object" },
  { name: "no name", input: {}, want: "a plugin without a name: its 'name' is letters and digits" },
  { name: "an empty name", input: { name: "" }, want: "a plugin without a name: its 'name' is letters" },
  { name: "a number as name", input: { name: 7 }, want: "a plugin without a name: its 'name' is letters" },
  {
    name: "a name with a dash",
    input: { name: "a-b" },
    want: "plugin 'a-b': its 'name' is letters and digits",
  },
  { name: "a name with a capital", input: { name: "Spf" }, want: "plugin 'Spf': its 'name' is letters" },
  { name: "a name with a line end", input: { name: "a\nb" }, want: "plugin 'a\nb': its 'name' is letters" },
  { name: "a long name", input: { name: "a".repeat(65) }, want: `plugin '${"a".repeat(64)}': its 'name' is` },
  { name: "a mistyped hook", input: { name, dta: hook }, want: "plugin 'p': there is no 'dta' in a plugin" },
  { name: "a stage without hooks", input: { name, relay: hook }, want: "there is no 'relay' in a plugin" },
  { name: "state", input: { name, cache: new Map() }, want: "there is no 'cache' in a plugin" },
  ...[...STAGES, "envelopeRoute", "check"].map((key) => ({
    name: `a text as ${key}`,
    input: { name, [key]: "yes" },
    want: `plugin 'p': its '${key}' is no function`,
  })),
  { name: "null as a hook", input: { name, data: null }, want: "its 'data' is no function" },
  {
    name: "unknown edits",
    input: { name, edits: ["head"] },
    want: "its 'edits' is a list of header, body, envelope",
  },
  {
    name: "edits as a text",
    input: { name, edits: "header" },
    want: "its 'edits' is a list of header, body",
  },
  {
    name: "unknown needs",
    input: { name, needs: ["DNS"] },
    want: "its 'needs' is a list of clientIp, ehlo, tls",
  },
  {
    name: "an unknown onError",
    input: { name, onError: "ignore" },
    want: "its 'onError' is one of tempfail, reject, skip",
  },
  {
    name: "a timeout without a unit",
    input: { name, timeout: "5" },
    want: "its 'timeout': '5' is no duration",
  },
  { name: "a negative timeout", input: { name, timeout: -1 }, want: "its 'timeout': '-1' is no duration" },
  {
    name: "no timeout at all",
    input: { name, timeout: Infinity },
    want: "its 'timeout': 'Infinity' is no duration",
  },
  {
    name: "a timeout of nothing",
    input: { name, timeout: 0 },
    want: "its 'timeout' must be longer than nothing",
  },
  {
    name: "a timeout of 0s",
    input: { name, timeout: "0s" },
    want: "its 'timeout' must be longer than nothing",
  },
  {
    name: "an object as timeout",
    input: { name, timeout: { toString: () => "5s" } },
    want: "is no duration",
  },
  {
    name: "routes as a text",
    input: { name, routes: "yes", route: hook },
    want: "its 'routes' is true or false",
  },
  {
    name: "routes without a hook",
    input: { name, routes: true },
    want: "it has 'routes: true' and no 'route' hook",
  },
  {
    name: "an unknown digest",
    input: { name, digests: [{ canonical: "relaxed", hash: "md5" }] },
    want: "its 'digests'",
  },
  {
    name: "an unknown canonical form",
    input: { name, digests: [{ hash: "sha256" }] },
    want: "its 'digests' is a list",
  },
  { name: "a digest that is none", input: { name, digests: [undefined] }, want: "its 'digests' is a list" },
  ...[
    true,
    {},
    { iterations: 4095, saltBytes: 16 },
    { iterations: 1_000_001, saltBytes: 16 },
    { iterations: "4096", saltBytes: 16 },
    { iterations: 4096 },
    { iterations: 4096, saltBytes: 7 },
    { iterations: 4096, saltBytes: 65 },
  ].map((scram) => ({
    name: `${JSON.stringify(scram)} as scram`,
    input: { name, scram, auth: hook },
    want: "its 'scram' is { iterations: 4096 to 1000000, saltBytes: 8 to 64 }",
  })),
  {
    name: "scram without a hook",
    input: { name, scram: { iterations: 4096, saltBytes: 16 } },
    want: "it has 'scram' and no 'auth' hook",
  },
  {
    name: "one next hop that is asked, as a text",
    input: { name, verifies: "backend" },
    want: "its 'verifies' is a list of names",
  },
  {
    name: "one next hop as a text",
    input: { name, nextHops: "backend" },
    want: "its 'nextHops' is a list of names",
  },
  {
    name: "a next hop that is no name",
    input: { name, nextHops: [1] },
    want: "its 'nextHops' is a list of names",
  },
  { name: "a function as on", input: { name, on: "delivered" }, want: "its 'on' is an object of functions" },
  {
    name: "an unknown event",
    input: { name, on: { bounced: hook } },
    want: "there is no event 'bounced': there are accepted",
  },
  {
    name: "an event that is no function",
    input: { name, on: { failed: 1 } },
    want: "its 'on.failed' is no function",
  },
  { name: "one fact as reads", input: { name, reads: Spf }, want: "its 'reads' is a list of facts" },
  ...["reads", "mayRead", "provides"].map((key) => ({
    name: `a name in ${key}`,
    input: { name, [key]: ["spf"], mail: hook },
    want: `plugin 'p': in its '${key}': this is not a fact: make one with fact()`,
  })),
  {
    name: "a hole in reads",
    input: { name, reads: [undefined], mail: hook },
    want: "in its 'reads': this is not a fact",
  },
  {
    name: "a fact twice",
    input: { name, reads: [Spf, Spf], mail: hook },
    want: "its 'reads' names a fact twice",
  },
  {
    name: "a fact without any hook",
    input: { name, provides: [Spf] },
    want: "it provides the fact 'spf' of the stage 'mail' and has no hook for it",
  },
];

describe("definePlugin()", () => {
  for (const { name: what, input, want } of wrong) {
    it(`definePlugin() refuses ${what}`, () => {
      assert.throws(
        () => definePlugin(input as Parameters<typeof definePlugin>[0]),
        (error) => {
          assert.ok(error instanceof TypeError);
          assert.ok(error.message.includes(want), error.message);
          return true;
        },
      );
    });
    it(`compilePipeline() refuses ${what} in a plugin that was made by hand`, () => {
      const element = { kind: "plugin", name: "p", definition: input } as unknown as Element;
      const { faults, slots } = compilePipeline({ kind: "pipeline", elements: [element], "~": undefined });
      assert.ok(faults[0]?.includes(want), faults.join("; "));
      assert.deepEqual(slots, []);
    });
  }

  it("definePlugin() takes all that a plugin may have", () => {
    const definition = {
      name: "all9",
      needs: CAPABILITIES,
      reads: [FACTS.connect],
      mayRead: [Spf],
      provides: [FACTS.data, FACTS.route],
      edits: ["header", "body", "envelope"],
      routes: true,
      digests: [{ canonical: "simple", hash: "sha1" }],
      scram: { iterations: 4096, saltBytes: 16 },
      timeout: "250ms",
      onError: "skip",
      envelopeRoute: hook,
      nextHops: ["backend"],
      check: () => [],
      on: Object.fromEntries(EVENT_NAMES.map((event) => [event, hook])),
      ...Object.fromEntries(STAGES.map((stage) => [stage, hook])),
    } as const;
    const plugin = definePlugin(definition as Parameters<typeof definePlugin>[0]);
    assert.equal(plugin.name, "all9");
    assert.equal(plugin.definition, definition);
  });

  it("definePlugin() takes undefined where a key may be absent", () => {
    const keys = [
      "needs",
      "reads",
      "mayRead",
      "provides",
      "edits",
      "routes",
      "digests",
      "scram",
      "timeout",
      "onError",
    ];
    const more = ["envelopeRoute", "nextHops", "check", "on", ...STAGES];
    const absent = Object.fromEntries([...keys, ...more].map((key) => [key, undefined]));
    const plugin: Plugin = definePlugin({ name: "p", ...absent } as Parameters<typeof definePlugin>[0]);
    assert.deepEqual(compilePipeline({ kind: "pipeline", elements: [plugin], "~": undefined }).faults, [
      "the pipeline has no plugin that routes: add routes(...)",
    ]);
  });

  it("definePlugin() takes an instance of a class, whose hooks keep their `this`", async () => {
    class Strict {
      readonly name = "strict";
      data() {
        return reject("5.7.1", `no, says ${this.name}`);
      }
    }
    const { verdict } = await runHook(slotOf(definePlugin(new Strict())), "data", benchFor("data").subject);
    assert.deepEqual(verdict, reject("5.7.1", "no, says strict"));
  });
});

describe("fact()", () => {
  const right = { stage: "mail", scope: "transaction", schema: z.string(), fallback: "" };
  const cases: readonly { name: string; input: readonly [unknown, unknown]; want: RegExp }[] = [
    { name: "no name", input: [undefined, right], want: /^'undefined' is no name of a fact/ },
    { name: "an empty name", input: ["", right], want: /^'' is no name of a fact/ },
    { name: "a name with a capital", input: ["Spf", right], want: /^'Spf' is no name of a fact/ },
    { name: "a name with a dot", input: ["a.b", right], want: /^'a\.b' is no name of a fact/ },
    {
      name: "an unknown stage",
      input: ["x", { ...right, stage: "relay" }],
      want: /^fact 'x': there is no stage 'relay'/,
    },
    {
      name: "a property of objects as stage",
      input: ["x", { ...right, stage: "toString" }],
      want: /there is no stage/,
    },
    { name: "no scope", input: ["x", { ...right, scope: undefined }], want: /has the scope 'transaction'$/ },
    {
      name: "no schema",
      input: ["x", { ...right, schema: undefined }],
      want: /^fact 'x': its schema is no zod schema/,
    },
    {
      name: "a type as schema",
      input: ["x", { ...right, schema: String }],
      want: /its schema is no zod schema/,
    },
    {
      name: "a fallback of another type",
      input: ["x", { ...right, fallback: 7 }],
      want: /its fallback does not fit: .*string/,
    },
    {
      name: "no fallback",
      input: ["x", { ...right, fallback: undefined }],
      want: /its fallback does not fit/,
    },
    {
      name: "a fallback that JSON can not keep",
      input: ["x", { ...right, schema: z.date(), fallback: new Date(0) }],
      want: /its fallback does not fit: .*an object of a class/,
    },
    {
      name: "a schema that waits",
      input: ["x", { ...right, schema: z.string().refine(async () => true) }],
      want: /its fallback does not fit/,
    },
    {
      name: "version 0",
      input: ["x", { ...right, version: 0 }],
      want: /its version is a whole number from 1 on/,
    },
    {
      name: "a text as version",
      input: ["x", { ...right, version: "2" }],
      want: /its version is a whole number/,
    },
  ];
  for (const { name: what, input, want } of cases) {
    it(`fact() refuses ${what}`, () => {
      assert.throws(() => fact(...(input as Parameters<typeof fact>)), { name: "TypeError", message: want });
    });
  }

  it("fact() gives a frozen fact with a frozen fallback of its own", () => {
    const fallback = { list: ["a"], none: undefined };
    const made = fact("x", {
      stage: "mail",
      scope: "transaction",
      schema: z.object({ list: z.array(z.string()), none: z.string().optional() }),
      fallback,
      version: 3,
    });
    fallback.list.push("b");
    assert.deepEqual(made.fallback, { list: ["a"] });
    assert.throws(() => made.fallback.list.push("c"), TypeError);
    assert.ok(Object.isFrozen(made));
    assert.equal(made.version, 3);
  });

  it("fact() keeps a key named __proto__ as a key", () => {
    const fallback = JSON.parse('{"__proto__": 1}') as { [key: string]: number };
    const made = fact("x", { stage: "mail", scope: "transaction", schema: z.unknown(), fallback });
    assert.equal(JSON.stringify(made.fallback), '{"__proto__":1}');
    assert.equal(Object.getPrototypeOf(made.fallback), Object.prototype);
  });
});
