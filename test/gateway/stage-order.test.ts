/** The order within a stage: as written, parallel(...) at once and folded as written, when(...) and choose(...). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  choose,
  condition,
  definePlugin,
  fact,
  type Plugin,
  parallel,
  pipeline,
  reject,
  routeTo,
  when,
  z,
} from "postern";
import { openBed, short } from "./engine-bed.ts";
import { manualClock } from "./manual-clock.ts";

const routes = definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") });
type Simple = Plugin<never, never, false>;

/** Sends one message with connect, EHLO and login, as far as the pipeline lets it. */
async function whole(bed: Awaited<ReturnType<typeof openBed>>): Promise<string> {
  const session = bed.open();
  for (const step of [() => session.connect(), () => session.ehlo("client.example")]) {
    const answer = await step();
    if (answer.kind !== "goOn") return short(answer);
  }
  return short(await bed.send(["bob@example.org"], { session }));
}

// A hook that is never begun leaves its message unanswered: the limit makes that a failure instead of a hang.
const limit = { timeout: 30_000 };

describe("parallel(...)", limit, () => {
  const stages = ["connect", "ehlo", "mail", "rcpt", "data", "route", "delivery"] as const;
  for (const stage of stages) {
    it(`runs the ${stage} hooks of its plugins at once`, async () => {
      const clock = manualClock();
      const order: string[] = [];
      const slow = (name: string, ms: number) =>
        definePlugin({
          name,
          async [stage](ctx: { clock: { sleep(ms: number): Promise<void> } }) {
            order.push(`${name} begins`);
            await ctx.clock.sleep(ms);
            order.push(`${name} ends`);
          },
        }) as Simple;
      const bed = await openBed({
        pipeline: pipeline(parallel(slow("slow", 300), slow("quick", 100)), routes),
        clock,
      });
      const sending = whole(bed);
      await clock.advance(300);
      assert.equal(await sending, "250 2.0.0");
      assert.deepEqual(order, ["slow begins", "quick begins", "quick ends", "slow ends"]);
    });
  }

  for (const stage of ["connect", "ehlo", "mail", "rcpt", "data"] as const) {
    it(`decides ${stage} by the first verdict in written order, not by the first to be there`, async () => {
      const clock = manualClock();
      const judge = (name: string, ms: number, code: "5.7.1" | "5.7.2") =>
        definePlugin({
          name,
          async [stage](ctx: { clock: { sleep(ms: number): Promise<void> } }) {
            await ctx.clock.sleep(ms);
            return reject(code, name);
          },
        }) as Simple;
      const later: string[] = [];
      const after = definePlugin({ name: "after", [stage]: () => void later.push("after") }) as Simple;
      const pipe = pipeline(
        parallel(judge("slow", 300, "5.7.1"), judge("quick", 100, "5.7.2")),
        after,
        routes,
      );
      const bed = await openBed({ pipeline: pipe, clock });
      const sending = whole(bed);
      await clock.advance(300);
      assert.equal(await sending, "550 5.7.1");
      assert.deepEqual(later, []);
    });
  }

  it("keeps the facts of all its plugins for those after it", async () => {
    const one = fact("one", { stage: "mail", scope: "transaction", schema: z.string(), fallback: "" });
    const two = fact("two", { stage: "mail", scope: "transaction", schema: z.string(), fallback: "" });
    const seen: string[] = [];
    const a = definePlugin({ name: "a", provides: [one], mail: (ctx) => ctx.provide(one, "1") });
    const b = definePlugin({ name: "b", provides: [two], mail: (ctx) => ctx.provide(two, "2") });
    const reader = definePlugin({
      name: "reader",
      reads: [one, two],
      mail: (ctx) => void seen.push(ctx.fact(one) + ctx.fact(two)),
    });
    const bed = await openBed({ pipeline: pipeline(parallel(a, b), reader, routes) });
    await bed.send(["bob@example.org"]);
    assert.deepEqual(seen, ["12"]);
  });
});

describe("when(...) and choose(...)", limit, () => {
  const isNull = condition("isNull", {
    from: "mail",
    per: "transaction",
    holds: (ctx) => ctx.envelope.reversePath === null,
  });
  const tell = (name: string, ran: string[]) =>
    definePlugin({
      name,
      data: () => void ran.push(`data ${name}`),
      mail: () => void ran.push(`mail ${name}`),
    });

  for (const { reversePath, want } of [
    { reversePath: "", want: "a" },
    { reversePath: "ann@example.com", want: "b" },
  ]) {
    it(`run the plugin ${want} of choose(isNull, a, b) for <${reversePath}>, in every stage`, async () => {
      const ran: string[] = [];
      const bed = await openBed({
        pipeline: pipeline(choose(isNull, tell("a", ran), tell("b", ran)), routes),
      });
      await bed.send(["bob@example.org"], { reversePath });
      assert.deepEqual(ran, [`mail ${want}`, `data ${want}`]);
      const skipped = bed.last().entries.filter((entry) => "skipped" in entry);
      assert.deepEqual(
        skipped.map((entry) => "plugin" in entry && [entry.stage, entry.plugin]),
        ["mail", "data"].map((stage) => [stage, want === "a" ? "b" : "a"]),
      );
      assert.match(JSON.stringify(skipped), /isNull/);
    });
  }

  it("show a data hook under a recipient condition only the recipients it holds for", async () => {
    const isTeam = condition("isTeam", {
      from: "rcpt",
      per: "recipient",
      holds: (ctx) => ctx.recipient.forwardPath.localPart.startsWith("team"),
    });
    const seen: string[][] = [];
    const filter = definePlugin({
      name: "filter",
      data(ctx) {
        seen.push(ctx.recipients.map(({ forwardPath }) => forwardPath.localPart));
        return reject("5.7.1", "not for teams");
      },
    });
    const bed = await openBed({ pipeline: pipeline(when(isTeam, filter), routes) });
    assert.equal(short(await bed.send(["ann@example.org", "bob@example.org"])), "250 2.0.0");
    assert.equal(short(await bed.send(["team1@example.org", "ann@example.org"])), "550 5.7.1");
    assert.deepEqual(seen, [["team1"]]);
  });

  for (const stage of ["connect", "ehlo", "mail", "rcpt", "data", "route", "delivery"] as const) {
    it(`tempfail what a plugin under a condition that throws would have judged, in ${stage}`, async () => {
      const broken = condition("broken", {
        from: "connect",
        per: "session",
        holds: () => {
          throw new Error("oops");
        },
      });
      const under = definePlugin({ name: "under", [stage]: () => undefined }) as Simple;
      const bed = await openBed({ pipeline: pipeline(when(broken, under), routes) });
      assert.equal(await whole(bed), "451 4.3.0");
      assert.equal(bed.deliveries.length, 0);
    });
  }

  it("do not let a client authenticate past a condition that throws", async () => {
    const broken = condition("broken", {
      from: "connect",
      per: "session",
      holds: () => {
        throw new Error("oops");
      },
    });
    const auth = definePlugin({ name: "auth", auth: () => undefined });
    const bed = await openBed({ pipeline: pipeline(when(broken, auth), routes) });
    const session = bed.open();
    assert.equal(short(await session.auth({ mechanism: "PLAIN", user: "a", password: "b" })), "451 4.3.0");
    assert.equal(session.identity, undefined);
  });
});
