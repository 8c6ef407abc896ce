/** Every way in which a hook can go wrong, and what the trace says of it. */
import { type AnyFact, type Stage, VERDICTS_OF } from "postern";
import { type Bench, FACTS } from "./fakes.ts";

/** A context as JavaScript sees it. */
export interface Ctx {
  readonly message: { addField(...args: readonly string[]): void };
  readonly signal: AbortSignal;
  fact(of: unknown, recipient?: unknown): unknown;
  provide(of: unknown, value: unknown, recipient?: unknown): void;
  rewriteRecipient(...args: readonly unknown[]): void;
}

export interface Fault {
  readonly name: string;
  readonly hook: (ctx: Ctx, stage: Stage, bench: Bench) => unknown;
  /** What the trace says. */
  readonly want: RegExp;
  /** Default all. */
  readonly stages?: readonly Stage[];
  /** Declared beside the hook. */
  readonly definition?: (stage: Stage) => object;
  /** Lets the plugin's time run out. */
  readonly hangs?: boolean;
}

/** A function that throws. */
export const thrown = (value: unknown) => () => {
  throw value;
};
const providing = (stage: Stage) => ({ provides: [FACTS[stage]] });
const given = (value: unknown) => (ctx: Ctx, stage: Stage) => ctx.provide(FACTS[stage], value);
const editing: readonly Stage[] = ["data", "route", "delivery"];
const hostile = { toString: thrown(new Error("no")) };
const cyclic: { self?: unknown } = {};
cyclic.self = cyclic;
class Point {
  x = 1;
}
const otherVerdict = (stage: Stage) =>
  ["identify", "routeTo", "forRecipients", "disconnect", "discard"].find(
    (kind) => !(VERDICTS_OF[stage] as readonly string[]).includes(kind),
  );
const wrongStageFact = (stage: Stage): AnyFact => FACTS[stage === "connect" ? "mail" : "connect"];

/** All of them. */
export const faults: readonly Fault[] = [
  { name: "throws", hook: thrown(new Error("oops")), want: /^oops$/ },
  { name: "throws an error of a class", hook: thrown(new RangeError("far")), want: /^RangeError: far$/ },
  { name: "throws undefined", hook: thrown(undefined), want: /^threw undefined$/ },
  { name: "throws null", hook: thrown(null), want: /^threw null$/ },
  { name: "throws a text", hook: thrown("oops"), want: /^threw oops$/ },
  { name: "throws a symbol", hook: thrown(Symbol("s")), want: /^threw Symbol\(s\)$/ },
  { name: "throws what can not be shown", hook: thrown(hostile), want: /can not be shown/ },
  {
    name: "throws an object without a prototype",
    hook: thrown(Object.create(null)),
    want: /can not be shown/,
  },
  {
    name: "throws an error whose message throws",
    hook: thrown(Object.defineProperty(new Error("x"), "message", { get: thrown(new Error("no")) })),
    want: /can not be shown/,
  },
  { name: "throws a long text", hook: thrown(new Error("x".repeat(10_000))), want: /^x{500}$/ },
  { name: "rejects", hook: async () => Promise.reject(new Error("oops")), want: /^oops$/ },
  { name: "throws after its first await", hook: async () => thrown(new Error("late"))(), want: /^late$/ },
  { name: "rejects with undefined", hook: () => Promise.reject(undefined), want: /^threw undefined$/ },
  { name: "hangs", hook: () => new Promise(() => {}), want: /^did not return within 1000 ms$/, hangs: true },
  {
    name: "gives a thenable that never settles",
    // biome-ignore lint/suspicious/noThenProperty: that is the test
    hook: () => ({ then() {} }),
    want: /^did not return within 1000 ms$/,
    hangs: true,
  },
  {
    name: "gives a thenable whose then throws",
    // biome-ignore lint/suspicious/noThenProperty: that is the test
    hook: () => ({ then: thrown(new Error("no then")) }),
    want: /^no then$/,
  },
  {
    name: "gives an object whose getter of then throws",
    // biome-ignore lint/suspicious/noThenProperty: that is the test
    hook: () => Object.defineProperty({}, "then", { get: thrown(new Error("no getter")) }),
    want: /^no getter$/,
  },
  {
    name: "gives an object whose getter of verdict throws",
    hook: () => Object.defineProperty({}, "verdict", { get: thrown(new Error("no verdict")) }),
    want: /^no verdict$/,
  },
  {
    name: "blocks everything for longer than its time",
    hook: (_ctx, _stage, bench) => bench.clock.jump(1_001),
    want: /^did not return within 1000 ms$/,
  },
  ...[42, "reject", true, false, 0, "", {}, [], { verdict: 7 }, Symbol("v"), () => undefined].map(
    (rubbish): Fault => ({
      name: `returns ${typeof rubbish} ${String(rubbish)}`,
      hook: () => rubbish,
      want: /^returned something that is no verdict: '\w+' takes .* or nothing$/,
    }),
  ),
  {
    name: "resolves to rubbish",
    hook: async () => ({ reject: "5.7.1" }),
    want: /^returned something that is no verdict/,
  },
  {
    name: "returns a verdict that no stage has",
    hook: () => ({ verdict: "bounce", text: "x" }),
    want: /^returned the verdict 'bounce': '\w+' takes/,
  },
  {
    name: "returns another stage's verdict",
    hook: (_ctx, stage) => ({ verdict: otherVerdict(stage) }),
    want: /^returned the verdict '\w+': '\w+' takes .* or nothing$/,
  },
  { name: "returns tempfail without anything", hook: () => ({ verdict: "tempfail" }), want: /class 4$/ },
  {
    name: "returns tempfail without a text",
    hook: () => ({ verdict: "tempfail", enhanced: "4.7.1", text: 7 }),
    want: /^returned tempfail without a text$/,
  },
  {
    name: "returns tempfail with a code of class 5",
    hook: () => ({ verdict: "tempfail", enhanced: "5.7.1", text: "x" }),
    want: /^returned tempfail without an enhanced status code of class 4$/,
  },
  {
    name: "reads a fact that it does not declare",
    hook: (ctx) => ctx.fact(FACTS.connect),
    want: /^to read the fact 'ofConnect', put it into the plugin's 'reads' or 'mayRead'$/,
  },
  {
    name: "reads what is no fact",
    hook: (ctx) => ctx.fact("spf"),
    want: /^this is not a fact: make one with fact\(\)$/,
  },
  {
    name: "provides what is no fact",
    hook: (ctx) => ctx.provide(undefined, 1),
    want: /^this is not a fact: make one with fact\(\)$/,
  },
  {
    name: "provides a fact that it does not declare",
    hook: given(1),
    want: /^to provide the fact 'of\w+', put it into the plugin's 'provides'$/,
  },
  {
    name: "provides a fact of another stage",
    definition: (stage) => ({ provides: [wrongStageFact(stage)], [wrongStageFact(stage).stage]: () => {} }),
    hook: (ctx, stage) => ctx.provide(wrongStageFact(stage), 1),
    want: /^the fact 'of\w+' belongs to the stage '\w+': it can not be provided in '\w+'$/,
  },
  {
    name: "provides nothing that it declared",
    definition: providing,
    hook: () => undefined,
    want: /^went on without providing the fact 'of\w+' that it declares$/,
  },
  {
    name: "provides twice",
    definition: providing,
    hook: (ctx, stage) => void [1, 1].map((value) => ctx.provide(FACTS[stage], value)),
    want: /^provided the fact 'of\w+' twice$/,
  },
  ...(
    [
      ["a bigint", 1n, /JSON can not keep a bigint$/],
      ["a function", () => 1, /JSON can not keep a function$/],
      ["a symbol", Symbol("s"), /JSON can not keep a symbol$/],
      ["undefined", undefined, /JSON can not keep undefined$/],
      ["NaN", Number.NaN, /JSON can not keep NaN$/],
      ["Infinity", Infinity, /JSON can not keep Infinity$/],
      ["a date", new Date(0), /JSON can not keep an object of a class$/],
      ["a map", new Map(), /JSON can not keep an object of a class$/],
      ["bytes", new Uint8Array(4), /JSON can not keep an object of a class$/],
      ["an instance", new Point(), /JSON can not keep an object of a class$/],
      ["a bigint deep within", { a: [{ b: 1n }] }, /JSON can not keep a bigint$/],
      ["a list with a hole", new Array(3), /JSON can not keep undefined$/],
      ["a cycle", cyclic, /nested deeper than 32$/],
      ["a very long list", new Array(20_000).fill(0), /more than 10000 values$/],
      ["a very long text", "x".repeat(300_000), /more than 262144 characters$/],
      ["a very long key", { ["x".repeat(300_000)]: 1 }, /more than 262144 characters$/],
      [
        "an object whose getter throws",
        Object.defineProperty({}, "a", { enumerable: true, get: thrown("g") }),
        /threw g$/,
      ],
    ] as const
  ).map(
    ([what, value, want]): Fault => ({
      name: `provides ${what}`,
      definition: providing,
      hook: given(value),
      want: new RegExp(`^the fact 'of\\w+' was given a wrong value: .*${want.source}`),
    }),
  ),
  {
    name: "provides and then throws",
    definition: providing,
    hook: (ctx, stage) => {
      ctx.provide(FACTS[stage], 1);
      throw new Error("after");
    },
    want: /^after$/,
  },
  {
    name: "provides and then hangs",
    definition: providing,
    hook: (ctx, stage) => {
      ctx.provide(FACTS[stage], 1);
      return new Promise(() => {});
    },
    want: /^did not return within/,
    hangs: true,
  },
  {
    name: "edits and then throws",
    definition: () => ({ edits: ["header"] }),
    hook: (ctx) => {
      ctx.message.addField("X-Lost", "1", "r");
      throw new Error("after");
    },
    want: /^after$/,
    stages: editing,
  },
  {
    name: "edits without declaring it",
    hook: (ctx) => ctx.message.addField("X-Lost", "1", "r"),
    want: /^to change this, put 'header' into the plugin's 'edits'$/,
    stages: editing,
  },
  {
    name: "edits the body in delivery",
    definition: () => ({ edits: ["body"] }),
    hook: (ctx) =>
      (ctx.message as unknown as { appendText(a: object, b: string): void }).appendText({ plain: "x" }, "r"),
    want: /^a 'delivery' hook edits header fields only: edit bodies in 'data' or 'route'$/,
    stages: ["delivery"],
  },
  {
    name: "changes the envelope without declaring it",
    hook: (ctx) => ctx.rewriteRecipient({}, "r"),
    want: /^to change this, put 'envelope' into the plugin's 'edits'$/,
  },
  {
    name: "changes the envelope in a stage that can not",
    definition: () => ({ edits: ["envelope"] }),
    hook: (ctx) => ctx.rewriteRecipient({}, "r"),
    want: /^a hook of '\w+' can not change the envelope so$/,
    stages: ["connect", "ehlo", "auth", "mail", "data", "delivery"],
  },
  {
    name: "returns routeTo without declaring it",
    hook: () => ({ verdict: "routeTo", nextHop: "backend" }),
    want: /^to return routeTo, put 'routes: true' into the plugin$/,
    stages: ["route"],
  },
];
