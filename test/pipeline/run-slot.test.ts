/** runSlot(): where a hook runs, for whom, and what becomes of it where it does not. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  choose,
  condition,
  definePlugin,
  discard,
  forRecipients,
  type Recipient,
  reject,
  runSlot,
  STAGES,
  Trace,
  when,
} from "postern";
import { benchFor, counted, defined, ran, recipient, slotOf, slotsOf } from "./fakes.ts";

describe("runSlot()", () => {
  it("runs a hook without conditions, or whose conditions all hold, in every stage", async () => {
    for (const stage of STAGES) {
      const runs: unknown[] = [];
      const yes = condition("yes", { from: "connect", per: "session", holds: () => true });
      for (const slot of slotsOf(ran(stage, runs), when(yes, when(yes, ran(stage, runs))))) {
        const bench = benchFor(stage);
        const outcome = await runSlot(slot, stage, bench.subject);
        assert.equal(outcome.skipped ?? outcome.verdict, undefined);
        assert.equal(bench.runs().length, 1);
      }
      assert.deepEqual(runs, [stage, stage]);
    }
  });

  it("skips a hook whose condition does not hold, and the trace has its name, in every stage", async () => {
    for (const stage of STAGES) {
      const runs: unknown[] = [];
      const no = condition("sunny", { from: "connect", per: "session", holds: () => false });
      const yes = condition("rainy", { from: "connect", per: "session", holds: () => true });
      const [first, , third] = slotsOf(when(no, ran(stage, runs)), choose(yes, ran(stage), ran(stage, runs)));
      const bench = benchFor(stage, { more: { about: { recipient: "bob@example.org" } } });
      bench.clock.jump(3);
      assert.deepEqual(await runSlot(first!, stage, bench.subject), { envelope: [], skipped: "sunny" });
      assert.deepEqual(await runSlot(third!, stage, bench.subject), { envelope: [], skipped: "not rainy" });
      const entry = { stage, plugin: "under", at: 3, ms: 0, recipient: "bob@example.org" };
      assert.deepEqual(bench.runs(), [
        { ...entry, skipped: "sunny" },
        { ...entry, skipped: "not rainy" },
      ]);
      assert.deepEqual(runs, []);
    }
  });

  it("tempfails, whatever onError says, when a condition throws, with the plugin's name in the trace", async () => {
    for (const stage of STAGES) {
      for (const onError of ["tempfail", "reject", "skip"] as const) {
        const runs: unknown[] = [];
        const bad = condition("bad", {
          from: "connect",
          per: "session",
          holds: () => {
            throw new Error("oops");
          },
        });
        const under = defined({ onError, [stage]: () => void runs.push(1) });
        const bench = benchFor(stage);
        const outcome = await runSlot(slotOf(when(bad, under)), stage, bench.subject);
        assert.equal(outcome.verdict?.verdict, "tempfail");
        const message = "the condition 'bad': oops";
        assert.equal(outcome.fault, message);
        assert.deepEqual(runs, []);
        assert.deepEqual(bench.runs(), [
          { stage, plugin: "under", at: 0, ms: 0, fault: { message, onError: "tempfail" } },
        ]);
        assert.deepEqual(
          bench.logged.map(({ event, fields }) => [event, fields?.plugin, fields?.cause]),
          [["pluginFault", "under", message]],
        );
      }
    }
  });

  const isBob = condition("isBob", {
    from: "rcpt",
    per: "recipient",
    holds: (ctx) => ctx.recipient.original.localPart === "bob",
  });

  it("shows a 'data' hook only the recipients that its condition holds for, and says whom the verdict is about", async () => {
    const seen: (readonly Recipient[])[] = [];
    const plugin = definePlugin({
      name: "under",
      data(ctx) {
        seen.push(ctx.recipients);
        return reject("5.7.1", "not him");
      },
    });
    const bench = benchFor("data");
    const [bob, eve] = bench.recipients;
    const outcome = await runSlot(slotOf(when(isBob, plugin)), "data", bench.subject);
    assert.deepEqual(seen, [[bob]]);
    assert.deepEqual(outcome.recipients, [bob]);
    const other = await runSlot(slotsOf(choose(isBob, ran("data"), plugin))[1]!, "data", bench.subject);
    assert.deepEqual(seen[1], [eve]);
    assert.deepEqual(other.recipients, [eve]);
  });

  it("lets a 'data' hook under a recipient condition mark only those it sees", async () => {
    const bench = benchFor("data");
    const plugin = definePlugin({
      name: "under",
      data: () => forRecipients(bench.recipients.map((one) => ({ recipient: one, verdict: discard("d") }))),
    });
    const outcome = await runSlot(slotOf(when(isBob, plugin)), "data", bench.subject);
    assert.match(outcome.fault ?? "", /not among its recipients/);
  });

  it("skips a 'data' hook when its condition holds for no recipient", async () => {
    const bench = benchFor("data", { recipients: [recipient("eve"), recipient("mallory")] });
    const outcome = await runSlot(slotOf(when(isBob, ran("data"))), "data", bench.subject);
    assert.deepEqual(outcome, { envelope: [], skipped: "isBob" });
    assert.equal(bench.runs().length, 1);
  });

  it("evaluates common conditions of a 'data' hook once, not for each recipient", async () => {
    const { made, times } = counted("transaction", "mail", () => true);
    const recipients = Array.from({ length: 50 }, (_, i) => recipient(`r${i}`));
    const bench = benchFor("data", { recipients });
    const outcome = await runSlot(slotOf(when(made, ran("data"))), "data", bench.subject);
    assert.equal(outcome.recipients, undefined);
    assert.equal(times(), 1);
  });

  it("runs a 'route' hook for the recipient that its condition holds for", async () => {
    for (const [who, skipped] of [
      ["bob", undefined],
      ["eve", "isBob"],
    ] as const) {
      const bench = benchFor("route", { recipients: [recipient(who)] });
      const outcome = await runSlot(slotOf(when(isBob, ran("route"))), "route", bench.subject);
      assert.equal(outcome.skipped, skipped);
    }
  });

  it("takes no more than a third of the trace for hooks that did not run", async () => {
    const no = condition("no", { from: "connect", per: "session", holds: () => false });
    const trace = new Trace(9);
    const bench = benchFor("mail", { more: { trace } });
    for (let i = 0; i < 20; i++) await runSlot(slotOf(when(no, ran("mail"))), "mail", bench.subject);
    await runSlot(slotOf(ran("mail")), "mail", bench.subject);
    const { entries, dropped } = trace.entries();
    assert.deepEqual(
      entries.map((entry) => "skipped" in entry),
      [true, true, true, false],
    );
    assert.equal(dropped, 17);
  });
});
