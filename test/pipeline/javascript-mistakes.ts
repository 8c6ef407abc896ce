/**
 * The mistakes of types/mistakes.ts made in JavaScript, and where they are told: by the call that makes the mistake, by
 * the start, or, where only a running hook shows it, by the fault of its run.
 */
import assert from "node:assert/strict";
import * as postern from "postern";
import { benchFor, slotsOf } from "./fakes.ts";
import { atCall, atRun, atStart, type Case } from "./where-told.ts";

/** The package without its types. */
// biome-ignore lint/suspicious/noExplicitAny: JavaScript is what is tested
const { z, ...js } = postern as any;
const { always, choose, condition, definePlugin, fact, parallel, pipeline, reject, routeTo, when } = js;

const Spf = fact("spf", { stage: "mail", scope: "transaction", schema: z.string(), fallback: "none" });
const Dkim = fact("dkim", { stage: "data", scope: "transaction", schema: z.string(), fallback: "none" });
const Score = fact("score", { stage: "rcpt", scope: "recipient", schema: z.number(), fallback: 0 });
const Weight = fact("weight", { stage: "data", scope: "recipient", schema: z.number(), fallback: 0 });

/** A context without its types. */
// biome-ignore lint/suspicious/noExplicitAny: JavaScript is what is tested
type Ctx = any;

const spf = () => definePlugin({ name: "spf", provides: [Spf], mail: (c: Ctx) => c.provide(Spf, "pass") });
const dkim = () =>
  definePlugin({ name: "dkim", provides: [Dkim], data: (c: Ctx) => c.provide(Dkim, "pass") });
const dmarc = () => definePlugin({ name: "dmarc", reads: [Spf, Dkim], data: () => undefined });
const routes = () => definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") });
const holds = () => true;
const passes = condition("passes", { from: "mail", per: "transaction", reads: [Spf], holds });

const NEEDS_SPF = "needs the fact 'spf': put the plugin that provides it earlier";
const NEEDS_DKIM = "needs the fact 'dkim': put the plugin that provides it earlier";
const TWICE = "the fact 'spf' is provided by an earlier plugin already: a fact has one provider";
const SIBLING_SPF =
  "reads the fact 'spf' of a sibling: plugins in parallel(...) do not see each other's facts";
const SIBLING_DKIM =
  "reads the fact 'dkim' of a sibling: plugins in parallel(...) do not see each other's facts";
const LIST =
  "a list is no element: write its plugins one by one, and use when(...) for what is only sometimes there";
const NO_PLUGIN =
  "this is no plugin: call the plugin's function, and use when(...) for what is only sometimes there";
const READ_MAIL = "the fact 'dkim' is known from the stage 'data' on: it can not be read in 'mail'";
const READ_RCPT = "the fact 'dkim' is known from the stage 'data' on: it can not be read in 'rcpt'";
const HEADER = "to change this, put 'header' into the plugin's 'edits'";
const BODY = "to change this, put 'body' into the plugin's 'edits'";
const ENVELOPE = "to change this, put 'envelope' into the plugin's 'edits'";

/** All of them. */
export const cases: readonly Case[] = [
  { name: "wrong order", want: NEEDS_DKIM, told: atStart(() => [spf(), dmarc(), dkim(), routes()]) },
  { name: "missing provider", want: NEEDS_SPF, told: atStart(() => [dkim(), dmarc(), routes()]) },
  { name: "two providers", want: TWICE, told: atStart(() => [spf(), spf(), routes()]) },
  {
    name: "nested too early",
    want: NEEDS_SPF,
    told: atStart(() => [when(always, dkim(), dmarc()), spf(), routes()]),
  },
  {
    name: "only the second branch provides",
    want: NEEDS_SPF,
    told: atStart(() => [choose(always, routes(), spf()), dkim(), dmarc()]),
  },
  {
    name: "only one branch provides",
    want: NEEDS_SPF,
    told: atStart(() => [choose(always, spf(), routes()), dkim(), dmarc()]),
  },
  { name: "siblings", want: SIBLING_DKIM, told: atStart(() => [spf(), parallel(dkim(), dmarc()), routes()]) },
  {
    name: "siblings, the reader first",
    want: SIBLING_DKIM,
    told: atStart(() => [spf(), parallel(dmarc(), dkim()), routes()]),
  },
  {
    name: "siblings in a group",
    want: SIBLING_SPF,
    told: atStart(() => [dkim(), parallel(when(always, spf(), dmarc())), routes()]),
  },
  {
    name: "siblings in a pipeline",
    want: SIBLING_SPF,
    told: atStart(() => [dkim(), parallel(pipeline(spf()), dmarc()), routes()]),
  },
  {
    name: "a condition of a sibling's fact",
    want: SIBLING_SPF,
    told: atStart(() => [parallel(spf(), when(passes, dkim())), routes()]),
  },
  { name: "two siblings provide", want: TWICE, told: atStart(() => [parallel(spf(), spf()), routes()]) },
  {
    name: "two in a group provide",
    want: TWICE,
    told: atStart(() => [when(always, spf(), spf()), routes()]),
  },
  {
    name: "provided in one branch and again",
    want: TWICE,
    told: atStart(() => [choose(always, spf(), dkim()), spf(), routes()]),
  },
  {
    name: "no routes",
    want: "the pipeline has no plugin that routes: add routes(...)",
    told: atStart(() => [spf()]),
  },
  {
    name: "a condition before its fact",
    want: NEEDS_SPF,
    told: atStart(() => [when(passes, dkim()), spf(), routes()]),
  },
  {
    name: "choose() before its fact",
    want: NEEDS_SPF,
    told: atStart(() => [choose(passes, dkim(), routes())]),
  },
  { name: "a list as element", want: LIST, told: atStart(() => [[spf(), dkim()], routes()]) },
  { name: "an empty list", want: LIST, told: atStart(() => [[], routes()]) },
  { name: "false as element", want: NO_PLUGIN, told: atStart(() => [false, routes()]) },
  { name: "undefined as element", want: NO_PLUGIN, told: atStart(() => [undefined, routes()]) },
  { name: "a function as element", want: NO_PLUGIN, told: atStart(() => [spf, routes()]) },
  { name: "a function in when()", want: NO_PLUGIN, told: atStart(() => [when(always, spf), routes()]) },
  { name: "nothing in choose()", want: NO_PLUGIN, told: atStart(() => [choose(always, spf()), routes()]) },
  {
    name: "wrong scope",
    want: "a fact of the stage 'mail' has the scope 'transaction'",
    told: atCall(() => fact("x", { stage: "mail", scope: "session", schema: z.string(), fallback: "" })),
  },
  {
    name: "wrong scope in data",
    want: "a fact of the stage 'data' has the scope '",
    told: atCall(() => fact("x", { stage: "data", scope: "delivery", schema: z.string(), fallback: "" })),
  },
  {
    name: "wrong class",
    want: "reject() takes an enhanced status code of class 5, as '5.7.1'",
    told: atCall(() => reject("4.7.1", "no")),
  },
  {
    name: "wrong transient class",
    want: "tempfail() takes an enhanced status code of class 4, as '4.7.1'",
    told: atCall(() => js.tempfail("5.7.1", "no")),
  },
  {
    name: "wrong class of disconnect()",
    want: "disconnect() takes an enhanced status code of class 4, as '4.7.1'",
    told: atCall(() => js.disconnect("5.7.1", "no")),
  },
  {
    name: "read too early",
    want: READ_MAIL,
    told: atCall(() => definePlugin({ name: "p", reads: [Dkim], mail: (c: Ctx) => c.fact(Dkim) })),
  },
  {
    name: "read too early by mayRead",
    want: READ_RCPT,
    told: atCall(() => definePlugin({ name: "p", mayRead: [Dkim], rcpt: (c: Ctx) => c.fact(Dkim) })),
  },
  {
    name: "read too early by envelopeRoute",
    want: READ_RCPT,
    told: atCall(() => definePlugin({ name: "p", mayRead: [Dkim], envelopeRoute: (c: Ctx) => c.fact(Dkim) })),
  },
  {
    name: "read too early beside a hook that may",
    want: READ_MAIL,
    told: atRun("mail", { mayRead: [Dkim], mail: (c: Ctx) => void c.fact(Dkim), data: () => undefined }),
  },
  {
    name: "provided too late",
    want: "the fact 'spf' belongs to the stage 'mail': it can not be provided in 'data'",
    told: atCall(() => definePlugin({ name: "p", provides: [Spf], data: (c: Ctx) => c.provide(Spf, "x") })),
  },
  {
    name: "provided too late beside a hook that may",
    want: "the fact 'spf' belongs to the stage 'mail': it can not be provided in 'data'",
    told: atRun("data", { provides: [Spf], mail: () => undefined, data: (c: Ctx) => c.provide(Spf, "x") }),
  },
  {
    name: "undeclared read",
    want: "to read the fact 'spf', put it into the plugin's 'reads' or 'mayRead'",
    told: atRun("data", { data: (c: Ctx) => void c.fact(Spf) }),
  },
  {
    name: "undeclared fact",
    want: "to provide the fact 'spf', put it into the plugin's 'provides'",
    told: atRun("mail", { mail: (c: Ctx) => c.provide(Spf, "pass") }),
  },
  {
    name: "undeclared edit",
    want: HEADER,
    told: atRun("data", { data: (c: Ctx) => c.message.addField("A", "b", "c") }),
  },
  {
    name: "undeclared body edit",
    want: BODY,
    told: atRun("route", { edits: ["header"], route: (c: Ctx) => c.message.removePart(1, "b") }),
  },
  {
    name: "undeclared envelope edit",
    want: ENVELOPE,
    told: atRun("rcpt", { rcpt: (c: Ctx) => c.rewriteRecipient("a@b") }),
  },
  {
    name: "undeclared reverse-path",
    want: ENVELOPE,
    told: atRun("route", { edits: ["body"], route: (c: Ctx) => c.setReversePath(null, "") }),
  },
  {
    name: "body edit in delivery",
    want: "a 'delivery' hook edits header fields only: edit bodies in 'data' or 'route'",
    told: atRun("delivery", { edits: ["body"], delivery: (c: Ctx) => c.message.appendText("a") }),
  },
  {
    name: "undeclared routeTo",
    want: "to return routeTo, put 'routes: true' into the plugin",
    told: atRun("route", { route: async () => routeTo("backend") }),
  },
  ...(
    [
      ["connect", js.discard("x"), "'connect' takes reject, tempfail, disconnect or nothing"],
      ["ehlo", js.discard("x"), "'ehlo' takes reject, tempfail, disconnect or nothing"],
      [
        "auth",
        js.discard("x"),
        "'auth' takes identify, identifyByProof, reject, tempfail, disconnect or nothing",
      ],
      ["mail", js.identify({ user: "u" }), "'mail' takes reject, tempfail, discard, quarantine or nothing"],
      ["rcpt", js.disconnect("4.7.1", "x"), "'rcpt' takes reject, tempfail, discard, quarantine or nothing"],
      ["data", routeTo("b"), "'data' takes reject, tempfail, discard, quarantine, forRecipients or nothing"],
      ["route", js.forRecipients([]), "'route' takes routeTo, reject, tempfail or nothing"],
      ["delivery", reject("5.7.1", "x"), "'delivery' takes tempfail or nothing"],
    ] as const
  ).map(
    ([stage, verdict, want]): Case => ({
      name: `a wrong verdict in ${stage}`,
      want,
      told: atRun(stage, { [stage]: () => verdict }),
    }),
  ),
  {
    name: "a recipient fact of nobody",
    want: "the fact 'score' is about a recipient: name the recipient in 'data'",
    told: atRun("data", { mayRead: [Score], data: (c: Ctx) => void c.fact(Score) }),
  },
  {
    name: "a recipient fact for nobody",
    want: "the fact 'weight' is about a recipient: name the recipient in 'data'",
    told: atRun("data", { provides: [Weight], data: (c: Ctx) => c.provide(Weight, 1) }),
  },
  {
    name: "a recipient fact of none of them",
    want: "the fact 'score' is about a recipient: name the recipient in 'delivery'",
    told: atRun("delivery", { mayRead: [Score], delivery: (c: Ctx) => void c.fact(Score) }),
  },
  {
    name: "a condition that reads too early",
    want: READ_MAIL,
    told: atCall(() => condition("c", { from: "mail", per: "transaction", reads: [Dkim], holds })),
  },
  {
    name: "a condition that reads more than a session",
    want: "the fact 'spf' has the scope 'transaction': a condition per session can not read it",
    told: atCall(() => condition("c", { from: "mail", per: "session", reads: [Spf], holds })),
  },
  {
    name: "a condition that reads more than a transaction",
    want: "the fact 'score' has the scope 'recipient': a condition per transaction can not read it",
    told: atCall(() => condition("c", { from: "rcpt", per: "transaction", reads: [Score], holds })),
  },
  {
    name: "a condition per recipient before RCPT",
    want: "a condition per recipient can not be known from the stage 'mail' on",
    told: atCall(() => condition("c", { from: "mail", per: "recipient", holds })),
  },
  ...(
    [
      ["mail", "session", (c: Ctx) => !c.envelope.reversePath, "a condition per session has no envelope"],
      [
        "rcpt",
        "transaction",
        (c: Ctx) => !c.recipient.original,
        "a condition per transaction has no recipient",
      ],
      [
        "mail",
        "transaction",
        (c: Ctx) => !c.fact(Spf),
        "to read the fact 'spf', put it into the condition's 'reads'",
      ],
    ] as const
  ).map(([from, per, looks, want]): Case => {
    const seeing = condition("c", { from, per, holds: looks });
    const under = () => [when(seeing, definePlugin({ name: "p", data: () => undefined }))];
    return {
      name: want,
      want,
      told: async () => {
        const [slot] = slotsOf(...under());
        assert.ok(slot);
        return [(await postern.runSlot(slot, "data", benchFor("data").subject)).fault ?? "no fault"];
      },
    };
  }),
];

/** What JavaScript can not do wrong, or zod tells in its own words. */
export const TYPES_ALONE: readonly string[] = [
  // A spread list is a list of plugins like any other once it is spread.
  "a spread list hides which plugins there are: use when(...) or choose(...)",
  "its type hides which facts it needs: let definePlugin() infer it",
  // The schema tells.
  "Argument of type 'number' is not assignable to parameter of type 'string'",
];

/** Mistakes of which the whole line of the start is wanted. */
export const whole: readonly Case[] = [
  {
    name: "a plugin before its provider",
    want: `plugin 'dmarc' ${NEEDS_SPF}`,
    told: atStart(() => [dkim(), dmarc(), routes()]),
  },
  {
    name: "a second provider",
    want: `plugin 'spf': ${TWICE}`,
    told: atStart(() => [spf(), spf(), routes()]),
  },
  {
    name: "a condition before its provider",
    want: `condition 'passes' ${NEEDS_SPF}`,
    told: atStart(() => [when(passes, dkim()), routes()]),
  },
];
