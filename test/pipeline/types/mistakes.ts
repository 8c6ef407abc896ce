/**
 * Mistakes that the compiler must tell in readable words. Each stands under `@ts-expect-error`, and the comment above
 * that says what the last line of the error must hold; pipeline-types.test.ts compares both.
 */
import {
  always,
  type Condition,
  choose,
  condition,
  defineGateway,
  definePlugin,
  discard,
  disconnect,
  fact,
  forRecipients,
  identify,
  makeAddress,
  type Plugin,
  parallel,
  pipeline,
  quarantine,
  reject,
  routeTo,
  tempfail,
  when,
  z,
} from "postern";

export const Spf = fact("spf", {
  stage: "mail",
  scope: "transaction",
  schema: z.string(),
  fallback: "none",
});
export const Dkim = fact("dkim", {
  stage: "data",
  scope: "transaction",
  schema: z.string(),
  fallback: "none",
});
const spf = () => definePlugin({ name: "spf", provides: [Spf], mail: (ctx) => ctx.provide(Spf, "pass") });
const dkim = () => definePlugin({ name: "dkim", provides: [Dkim], data: (ctx) => ctx.provide(Dkim, "pass") });
const dmarc = () =>
  definePlugin({
    name: "dmarc",
    reads: [Spf, Dkim],
    data: (ctx) => (ctx.fact(Spf) === ctx.fact(Dkim) ? undefined : reject("5.7.1", "no")),
  });
const routes = () => definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") });
const Score = fact("score", { stage: "rcpt", scope: "recipient", schema: z.number(), fallback: 0 });
const Weight = fact("weight", { stage: "data", scope: "recipient", schema: z.number(), fallback: 0 });
const score = () => definePlugin({ name: "score", provides: [Score], rcpt: (ctx) => ctx.provide(Score, 1) });
const passes = condition("passes", {
  from: "mail",
  per: "transaction",
  reads: [Spf],
  holds: (ctx) => ctx.fact(Spf) === "pass" && ctx.envelope.reversePath !== null,
});
const odd: boolean = Date.now() % 2 === 0;

// What is right compiles.
export const right = pipeline(spf(), dkim(), dmarc(), routes());
export const nested = pipeline(pipeline(spf(), dkim()), when(always, dmarc()), routes());
export const either = pipeline(odd ? spf() : spf(), dkim(), dmarc(), routes());
export const chosen = pipeline(choose(always, spf(), spf()), dkim(), dmarc(), routes());
export const atOnce = pipeline(parallel(spf(), dkim()), dmarc(), routes());
export const gateway = defineGateway({ pipeline: right });
export const underFact = pipeline(spf(), when(passes, dkim()), routes());
export const widened: Condition = passes;
export const underWidened = pipeline(when(widened, dkim()), routes());
export const eitherBranch = pipeline(choose(passes as Condition<never>, spf(), dkim()), routes());
export const recipientFacts = pipeline(
  score(),
  definePlugin({
    name: "weigh",
    reads: [Score],
    provides: [Weight],
    edits: ["header", "body", "envelope"],
    async data(ctx) {
      for (const recipient of ctx.recipients) ctx.provide(Weight, ctx.fact(Score, recipient), recipient);
      ctx.message.addField("X-A", "b", "c");
      await ctx.message.appendText({ plain: "d" }, "e");
      return forRecipients([]);
    },
    route(ctx) {
      ctx.rewriteRecipient(makeAddress("a", "b.example"), `${ctx.fact(Weight)} ${ctx.fact(Score)}`);
      ctx.setReversePath(null, "f");
    },
    delivery: (ctx) =>
      ctx.message.addField("X-B", String(ctx.fact(Weight, ctx.delivery.recipients[0]!)), "c"),
  }),
  routes(),
);
export const verdicts = [
  definePlugin({ name: "a", connect: () => disconnect("4.7.0", "no"), ehlo: async () => undefined }),
  definePlugin({ name: "b", auth: async () => (odd ? identify({ user: "u" }) : reject("5.7.8", "no")) }),
  definePlugin({ name: "c", mail: () => discard("d"), rcpt: () => (odd ? quarantine("q") : undefined) }),
  definePlugin({ name: "d", data: async () => (odd ? tempfail("4.7.1", "t") : undefined) }),
  definePlugin({ name: "e", delivery: () => (odd ? tempfail("4.7.1", "t") : undefined) }),
  definePlugin({ name: "f", route: () => (odd ? reject("5.7.1", "t") : undefined) }),
];

// want: needs the fact 'dkim': put the plugin that provides it earlier
// @ts-expect-error
export const wrongOrder = pipeline(spf(), dmarc(), dkim(), routes());

// want: needs the fact 'spf': put the plugin that provides it earlier
// @ts-expect-error
export const missingProvider = pipeline(dkim(), dmarc(), routes());

// want: needs the fact 'spf': put the plugin that provides it earlier
// @ts-expect-error
export const unionProvidesWhatBothDo = pipeline(odd ? spf() : routes(), dkim(), dmarc());

// want: needs the fact 'dkim': put the plugin that provides it earlier
// @ts-expect-error
export const unionNeedsWhatEitherDoes = pipeline(spf(), odd ? dmarc() : routes());

// want: a spread list hides which plugins there are: use when(...) or choose(...)
// @ts-expect-error
export const conditionalSpread = pipeline(dkim(), ...(odd ? [spf()] : []), routes());

const list = [spf(), dkim()];
// want: a spread list hides which plugins there are: use when(...) or choose(...)
// @ts-expect-error
export const plainArray = pipeline(...list, routes());

// want: the fact 'spf' is provided by an earlier plugin already: a fact has one provider
// @ts-expect-error
export const twoProviders = pipeline(spf(), spf(), routes());

// want: needs the fact 'spf': put the plugin that provides it earlier
// @ts-expect-error
export const nestedTooEarly = pipeline(when(always, dkim(), dmarc()), spf(), routes());

// want: reads the fact 'dkim' of a sibling: plugins in parallel(...) do not see each other's facts
// @ts-expect-error
export const siblings = pipeline(spf(), parallel(dkim(), dmarc()), routes());

// want: the pipeline has no plugin that routes: add routes(...)
// @ts-expect-error
export const noRoutes = defineGateway({ pipeline: pipeline(spf()) });

// want: a fact of the stage 'mail' has the scope 'transaction'
// @ts-expect-error
export const wrongScope = fact("x", { stage: "mail", scope: "session", schema: z.string(), fallback: "" });

// want: reject() takes an enhanced status code of class 5, as '5.7.1'
// @ts-expect-error
export const wrongClass = () => reject("4.7.1", "no");

// want: tempfail() takes an enhanced status code of class 4, as '4.7.1'
// @ts-expect-error
export const wrongTransientClass = () => tempfail("5.7.1", "no");

// want: the fact 'dkim' is known from the stage 'data' on: it can not be read in 'mail'
// @ts-expect-error
export const readTooEarly = definePlugin({ name: "p", reads: [Dkim], mail: (ctx) => void ctx.fact(Dkim) });

// want: the fact 'spf' belongs to the stage 'mail': it can not be provided in 'data'
// @ts-expect-error
export const providedTooLate = definePlugin({ name: "p", provides: [Spf], data: (c) => c.provide(Spf, "x") });

// want: to read the fact 'spf', put it into the plugin's 'reads' or 'mayRead'
// @ts-expect-error
export const undeclaredRead = definePlugin({ name: "p", data: (ctx) => void ctx.fact(Spf) });

export const readTooEarlyByUndefined = definePlugin({
  name: "p",
  mayRead: [Dkim],
  // want: the fact 'dkim' is known from the stage 'data' on: it can not be read in 'rcpt'
  // @ts-expect-error
  rcpt: (c) => void c.fact(Dkim),
});

// want: to change this, put 'header' into the plugin's 'edits'
// @ts-expect-error
export const undeclaredEdit = definePlugin({ name: "p", data: (ctx) => ctx.message.addField("A", "b", "c") });

export const undeclaredBody = definePlugin({
  name: "p",
  edits: ["header"],
  // want: to change this, put 'body' into the plugin's 'edits'
  // @ts-expect-error
  route: (c) => c.message.removePart(1, "b"),
});

// want: to change this, put 'envelope' into the plugin's 'edits'
// @ts-expect-error
export const undeclaredEnvelope = definePlugin({ name: "p", rcpt: (ctx) => ctx.rewriteRecipient("a@b") });

export const undeclaredSrs = definePlugin({
  name: "p",
  edits: ["body"],
  // want: to change this, put 'envelope' into the plugin's 'edits'
  // @ts-expect-error
  route: (c) => c.setReversePath(null, ""),
});

export const bodyInDelivery = definePlugin({
  name: "p",
  edits: ["body"],
  // want: a 'delivery' hook edits header fields only: edit bodies in 'data' or 'route'
  // @ts-expect-error
  delivery: (c) => c.message.appendText("a"),
});

// want: to return routeTo, put 'routes: true' into the plugin
// @ts-expect-error
export const undeclaredRoute = definePlugin({ name: "p", route: () => routeTo("backend") });

export const undeclaredAsyncRoute = definePlugin({
  name: "p",
  // want: to return routeTo, put 'routes: true' into the plugin
  // @ts-expect-error
  route: async () => (odd ? routeTo("b") : undefined),
});

// want: 'connect' takes reject, tempfail, disconnect or nothing
// @ts-expect-error
export const discardAtConnect = definePlugin({ name: "p", connect: () => discard("x") });

// want: 'auth' takes identify, identifyByProof, reject, tempfail, disconnect or nothing
// @ts-expect-error
export const discardAtAuth = definePlugin({ name: "p", auth: async () => discard("x") });

// want: 'mail' takes reject, tempfail, discard, quarantine or nothing
// @ts-expect-error
export const identifyAtMail = definePlugin({ name: "p", mail: () => identify({ user: "u" }) });

// want: 'data' takes reject, tempfail, discard, quarantine, forRecipients or nothing
// @ts-expect-error
export const routeAtData = definePlugin({ name: "p", data: async () => (odd ? routeTo("b") : undefined) });

// want: 'route' takes routeTo, reject, tempfail or nothing
// @ts-expect-error
export const marksAtRoute = definePlugin({ name: "p", routes: true, route: () => forRecipients([]) });

// want: 'delivery' takes tempfail or nothing
// @ts-expect-error
export const rejectAtDelivery = definePlugin({ name: "p", delivery: () => reject("5.7.1", "x") });

export const disconnectAtRcpt = definePlugin({
  name: "p",
  // want: 'rcpt' takes reject, tempfail, discard, quarantine or nothing
  // @ts-expect-error
  rcpt: () => (odd ? disconnect("4.7.1", "x") : undefined),
});

// want: disconnect() takes an enhanced status code of class 4, as '4.7.1'
// @ts-expect-error
export const wrongDisconnectClass = () => disconnect("5.7.1", "no");

// want: the fact 'score' is about a recipient: name the recipient in 'data'
// @ts-expect-error
export const ofNobody = definePlugin({ name: "p", reads: [Score], data: (ctx) => void ctx.fact(Score) });

export const forNobody = definePlugin({
  name: "p",
  provides: [Weight],
  // want: the fact 'weight' is about a recipient: name the recipient in 'data'
  // @ts-expect-error
  data: (ctx) => ctx.provide(Weight, 1),
});

// want: the fact 'score' is about a recipient: name the recipient in 'delivery'
// @ts-expect-error
export const ofNoneOfThem = definePlugin({ name: "p", reads: [Score], delivery: (c) => void c.fact(Score) });

// want: to provide the fact 'spf', put it into the plugin's 'provides'
// @ts-expect-error
export const undeclaredFact = definePlugin({ name: "p", mail: (ctx) => ctx.provide(Spf, "pass") });

// want: Argument of type 'number' is not assignable to parameter of type 'string'
// @ts-expect-error
export const wrongValue = definePlugin({ name: "p", provides: [Spf], mail: (ctx) => ctx.provide(Spf, 1) });

export const early = condition("c", {
  from: "mail",
  per: "transaction",
  reads: [Dkim],
  // want: the fact 'dkim' is known from the stage 'data' on: it can not be read in 'mail'
  // @ts-expect-error
  holds: (c) => !c.fact(Dkim),
});

export const undeclared = condition("c", {
  from: "mail",
  per: "transaction",
  // want: to read the fact 'spf', put it into the condition's 'reads'
  // @ts-expect-error
  holds: (c) => c.fact(Spf) === "",
});

export const wide = condition("c", {
  from: "mail",
  per: "session",
  reads: [Spf],
  // want: the fact 'spf' has the scope 'transaction': a condition per session can not read it
  // @ts-expect-error
  holds: (c) => !c.fact(Spf),
});

export const wider = condition("c", {
  from: "rcpt",
  per: "transaction",
  reads: [Score],
  // want: the fact 'score' has the scope 'recipient': a condition per transaction can not read it
  // @ts-expect-error
  holds: (c) => !c.fact(Score),
});

// want: a condition per recipient can not be known from the stage 'mail' on
// @ts-expect-error
export const perEarly = condition("c", { from: "mail", per: "recipient", holds: () => true });

export const noEnvelope = condition("c", {
  from: "mail",
  per: "session",
  // want: a condition per session has no envelope
  // @ts-expect-error
  holds: (c) => !c.envelope.reversePath,
});

export const noRecipient = condition("c", {
  from: "rcpt",
  per: "transaction",
  // want: a condition per transaction has no recipient
  // @ts-expect-error
  holds: (c) => !c.recipient.original,
});

// want: needs the fact 'spf': put the plugin that provides it earlier
// @ts-expect-error
export const conditionTooEarly = pipeline(when(passes, dkim()), routes());

// want: needs the fact 'spf': put the plugin that provides it earlier
// @ts-expect-error
export const chooseTooEarly = pipeline(choose(passes, dkim(), routes()), routes());

// want: reads the fact 'spf' of a sibling: plugins in parallel(...) do not see each other's facts
// @ts-expect-error
export const conditionOfSibling = pipeline(parallel(spf(), when(passes, dkim())), routes());

// want: reads the fact 'spf' of a sibling: plugins in parallel(...) do not see each other's facts
// @ts-expect-error
export const nestedSiblings = pipeline(dkim(), parallel(when(always, spf(), dmarc()), routes()));

// want: the fact 'spf' is provided by an earlier plugin already: a fact has one provider
// @ts-expect-error
export const twoSiblings = pipeline(parallel(spf(), spf()), routes());

// want: the fact 'spf' is provided by an earlier plugin already: a fact has one provider
// @ts-expect-error
export const twiceInGroup = pipeline(when(always, spf(), spf()), routes());

// want: the fact 'spf' is provided by an earlier plugin already: a fact has one provider
// @ts-expect-error
export const twiceAfterChoose = pipeline(choose(always, spf(), dkim()), spf(), routes());

// want: the fact 'spf' is provided by an earlier plugin already: a fact has one provider
// @ts-expect-error
export const twiceAfterUnion = pipeline(odd ? spf() : dkim(), spf(), routes());

// want: needs the fact 'spf': put the plugin that provides it earlier
// @ts-expect-error
export const oneBranchOnly = pipeline(choose(always, spf(), routes()), dkim(), dmarc(), routes());

// want: a spread list hides which plugins there are: use when(...) or choose(...)
// @ts-expect-error
export const spreadInWhen = pipeline(when(always, ...list), routes());

// want: a spread list hides which plugins there are: use when(...) or choose(...)
// @ts-expect-error
export const spreadInParallel = pipeline(parallel(...(odd ? [spf()] : [])), routes());

// want: a list is no element: write its plugins one by one, and use when(...) for what is only sometimes there
// @ts-expect-error
export const listAsElement = pipeline([spf(), dkim()], routes());

// want: a list is no element: write its plugins one by one, and use when(...) for what is only sometimes there
// @ts-expect-error
export const conditionalList = pipeline(odd ? [spf()] : [], routes());

// want: this is no plugin: call the plugin's function, and use when(...) for what is only sometimes there
// @ts-expect-error
export const conditionalElement = pipeline(odd && spf(), routes());

// want: this is no plugin: call the plugin's function, and use when(...) for what is only sometimes there
// @ts-expect-error
export const notCalled = pipeline(spf, routes());

// want: this is no plugin: call the plugin's function, and use when(...) for what is only sometimes there
// @ts-expect-error
export const notCalledInWhen = when(always, spf);

// want: this is no plugin: call the plugin's function, and use when(...) for what is only sometimes there
// @ts-expect-error
export const nothingChosen = choose(always, spf(), undefined);

// want: its type hides which facts it needs: let definePlugin() infer it
// @ts-expect-error
export const widenedPlugin = pipeline(spf() as Plugin, routes());

// want: the pipeline has no plugin that routes: add routes(...)
// @ts-expect-error
export const routesByChance = defineGateway({ pipeline: pipeline(odd ? routes() : spf()) });

export const wrongDataScope = fact("x", {
  stage: "data",
  // want: a fact of the stage 'data' has the scope '
  // @ts-expect-error
  scope: "delivery",
  schema: z.string(),
  fallback: "",
});
