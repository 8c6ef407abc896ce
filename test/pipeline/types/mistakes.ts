/**
 * Mistakes that the compiler must tell in readable words. Each stands under `@ts-expect-error`, and the comment above
 * that says what the last line of the error must hold; pipeline-types.test.ts compares both.
 */
import {
  always,
  choose,
  defineGateway,
  definePlugin,
  fact,
  parallel,
  pipeline,
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
const odd: boolean = Date.now() % 2 === 0;

// What is right compiles.
export const right = pipeline(spf(), dkim(), dmarc(), routes());
export const nested = pipeline(pipeline(spf(), dkim()), when(always, dmarc()), routes());
export const either = pipeline(odd ? spf() : spf(), dkim(), dmarc(), routes());
export const chosen = pipeline(choose(always, spf(), spf()), dkim(), dmarc(), routes());
export const atOnce = pipeline(parallel(spf(), dkim()), dmarc(), routes());
export const gateway = defineGateway({ pipeline: right });

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

// want: Property 'addField' does not exist on type 'MessageView'
// @ts-expect-error
export const undeclaredEdit = definePlugin({ name: "p", data: (ctx) => ctx.message.addField("A", "b", "c") });
