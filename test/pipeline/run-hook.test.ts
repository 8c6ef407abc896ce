/** A hook run that ends well: its verdict, its facts, its edits and what the trace says. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  definePlugin,
  discard,
  disconnect,
  fact,
  forRecipients,
  identify,
  identifyByProof,
  type Message,
  quarantine,
  reject,
  routeTo,
  runHook,
  STAGES,
  tempfail,
  VERDICTS_OF,
  z,
} from "postern";
import { benchFor, FACTS, loadMessage, recipient, slotOf, slotsOf } from "./fakes.ts";

type Definition = Parameters<typeof definePlugin>[0];

const Weight = fact("weight", { stage: "data", scope: "recipient", schema: z.number(), fallback: 0 });
const Spf = fact("spf", {
  stage: "mail",
  scope: "transaction",
  schema: z.object({ result: z.string(), list: z.array(z.string()).optional() }),
  fallback: { result: "none" },
});

const textOf = async (message: Message): Promise<string> => {
  let text = "";
  for await (const chunk of message.content.read()) text += new TextDecoder().decode(chunk);
  return text;
};

describe("runHook() on a hook that ends well", () => {
  const verdicts = {
    reject: reject("5.7.1", "no"),
    tempfail: tempfail("4.7.1", "later"),
    disconnect: disconnect("4.7.0", "bye"),
    discard: discard("junk"),
    quarantine: quarantine("odd"),
    identify: identify({ user: "ann", maySendAs: ["@example.com"] }),
    identifyByProof: identifyByProof(
      {
        ...{ salt: new Uint8Array(16), iterations: 4096 },
        ...{ storedKey: new Uint8Array(32), serverKey: new Uint8Array(32).fill(1) },
      },
      { user: "ann", maySendAs: ["@example.com"] },
    ),
    routeTo: routeTo("backend", { mode: "inline", deliverAt: 5, requireTls: true }),
    forRecipients: forRecipients([]),
  };
  for (const stage of STAGES) {
    for (const kind of VERDICTS_OF[stage]) {
      it(`runHook() gives the verdict ${kind} of '${stage}', sync and async`, async () => {
        for (const hook of [() => verdicts[kind], async () => verdicts[kind]]) {
          const plugin = definePlugin({
            name: "p",
            routes: true,
            route: () => {},
            [stage]: hook,
          } as Definition);
          const mechanism = kind === "identifyByProof" ? "SCRAM-SHA-256" : "PLAIN";
          const bench = benchFor(stage, { more: { own: { attempt: { mechanism } } } });
          const outcome = await runHook(slotOf(plugin), stage, bench.subject);
          assert.deepEqual(outcome, { verdict: verdicts[kind], envelope: [] });
          assert.equal(bench.runs()[0]?.verdict?.verdict, kind);
          assert.equal(bench.runs()[0]?.fault, undefined);
        }
      });
    }
    it(`runHook() lets a hook of '${stage}' go on with nothing, and its fact counts`, async () => {
      for (const nothing of [undefined, null]) {
        const bench = benchFor(stage);
        const plugin = definePlugin({
          name: "p",
          provides: [FACTS[stage]],
          [stage]: (ctx: { provide(...args: unknown[]): void }) => {
            ctx.provide(FACTS[stage], { a: [1, "b", null, true] });
            return nothing;
          },
        } as Definition);
        assert.deepEqual(await runHook(slotOf(plugin), stage, bench.subject), { envelope: [] });
        assert.deepEqual(bench.facts(), { [FACTS[stage].name]: { a: [1, "b", null, true] } });
        assert.deepEqual(bench.runs()[0]?.facts, bench.facts());
      }
    });
  }

  it("runHook() hands the hook all services, and `this` is the definition", async () => {
    const bench = benchFor("mail");
    let seen: object = {};
    const plugin = definePlugin({
      name: "p",
      mail(ctx) {
        const { id, origin, listener, client, ehlo, tls, identity, envelope } = ctx;
        const { dns, fetch, clock, random, store, crypto, log } = ctx;
        seen = { id, origin, listener, client, ehlo, tls, identity, envelope, ...{ dns, fetch, clock } };
        seen = { ...seen, random, store, crypto, log, name: this.name };
      },
    });
    await runHook(slotOf(plugin), "mail", bench.subject);
    const { id, origin, listener, client, ehlo, tls, identity, services, own } = bench.subject;
    assert.deepEqual(seen, {
      ...{ id, origin, listener, client, ehlo, tls, identity, name: "p" },
      ...services,
      ...own,
    });
  });

  it("runHook() hands methods that may be destructured", async () => {
    const bench = benchFor("mail");
    const plugin = definePlugin({
      name: "p",
      provides: [Spf],
      mail({ fact: read, provide }) {
        provide(Spf, { result: read(Spf).result });
      },
    });
    await runHook(slotOf(plugin), "mail", bench.subject);
    assert.deepEqual(bench.facts(), { spf: { result: "none" } });
  });

  it("runHook() records milliseconds, and what the run was about", async () => {
    const bench = benchFor("route", { more: { about: { recipient: "bob@example.org" } } });
    bench.clock.jump(5);
    const plugin = definePlugin({ name: "p", route: async (ctx) => ctx.clock.sleep(7) });
    const running = runHook(slotOf(plugin), "route", bench.subject);
    await bench.clock.advance(10);
    await running;
    assert.deepEqual(bench.runs(), [
      { stage: "route", plugin: "p", at: 5, ms: 7, recipient: "bob@example.org" },
    ]);
  });

  it("runHook() gives the edited form and keeps the old one, with author and reason", async () => {
    const message = await loadMessage("Subject: a\r\n\r\nb\r\n");
    const bench = benchFor("data", { message });
    const plugin = definePlugin({
      name: "editor",
      edits: ["header", "body"],
      async data(ctx) {
        ctx.message.replaceField("Subject", "c", "shorter");
        await ctx.message.appendText({ plain: "footer" }, "law");
        assert.equal(ctx.message.header.get("subject"), "c");
      },
    });
    const { message: edited } = await runHook(slotOf(plugin), "data", bench.subject);
    assert.ok(edited);
    assert.match(await textOf(edited), /^Subject: c\r\n\r\nb\r\nfooter/);
    assert.equal(await textOf(message), "Subject: a\r\n\r\nb\r\n");
    assert.deepEqual(
      edited.edits.map(({ author, reason }) => [author, reason]),
      [
        ["editor", "shorter"],
        ["editor", "law"],
      ],
    );
    assert.deepEqual(bench.runs()[0]?.edits?.[0], { summary: "replaced Subject", reason: "shorter" });
  });

  it("runHook() gives no message when the hook may edit and does not", async () => {
    const bench = benchFor("data");
    const plugin = definePlugin({ name: "p", edits: ["header", "body"], data: () => undefined });
    assert.deepEqual(await runHook(slotOf(plugin), "data", bench.subject), { envelope: [] });
  });

  it("runHook() lets a plugin of body edits replace parts, but not the whole message with its header", async () => {
    const message = await loadMessage(
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n",
    );
    const editOf = (at: "part" | "root") =>
      definePlugin({
        name: "p",
        edits: ["body"],
        async data(ctx) {
          const root = await ctx.message.structure();
          const other = (await loadMessage("X-New: 1\r\n\r\nnew")).content;
          ctx.message.replacePart(at === "root" ? root : root.children[0]!, other, "r");
        },
      });
    const bench = benchFor("data", { message });
    const part = await runHook(slotOf(editOf("part")), "data", bench.subject);
    assert.match(await textOf(part.message!), /--b\r\nX-New: 1\r\n\r\nnew/);
    const root = await runHook(slotOf(editOf("root")), "data", bench.subject);
    assert.match(root.fault ?? "", /put 'header' into the plugin's 'edits' too$/);
    assert.equal(root.message, undefined);
  });

  it("runHook() bounds what one run writes into the trace", async () => {
    const recipients = Array.from({ length: 300 }, (_, i) => recipient(`r${i}`));
    const bench = benchFor("data", { recipients });
    const plugin = definePlugin({
      name: "p",
      provides: [Weight],
      edits: ["header"],
      data(ctx) {
        for (const one of ctx.recipients) {
          ctx.provide(Weight, 1, one);
          ctx.message.addField("X-A", "1", "r".repeat(1_000));
        }
        return reject("5.7.1", "t".repeat(1_000));
      },
    });
    const outcome = await runHook(slotOf(plugin), "data", bench.subject);
    assert.equal(outcome.message?.edits.length, 300);
    assert.equal([...bench.ofRecipient.values()].filter((map) => map.get(Weight) === 1).length, 300);
    const [run] = bench.runs();
    assert.equal(Object.keys(run?.facts ?? {}).length, 100);
    assert.equal(run?.facts?.["weight of r0@example.org"], 1);
    assert.equal(run?.edits?.length, 100);
    assert.equal(run?.edits?.[0]?.reason.length, 500);
    assert.equal(run?.verdict?.text?.length, 500);
  });
});

it("hooks of several plugins see the facts of those before them and their edits", async () => {
  const told = definePlugin({
    name: "teller",
    provides: [FACTS.data],
    edits: ["header"],
    data(ctx) {
      ctx.provide(FACTS.data, "told");
      ctx.message.addField("X-Told", "1", "r");
    },
  });
  let seen: unknown;
  const reader = definePlugin({
    name: "reader",
    reads: [FACTS.data],
    data(ctx) {
      seen = [ctx.fact(FACTS.data), ctx.message.header.get("x-told")];
    },
  });
  const bench = benchFor("data");
  const [first, second] = slotsOf(told, reader);
  const { message } = await runHook(first!, "data", bench.subject);
  await runHook(second!, "data", { ...bench.subject, message: message! });
  assert.deepEqual(seen, ["told", "1"]);
});
