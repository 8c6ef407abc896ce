/** Every part of what `inject` takes, every field of what it gives, and where it ends. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  defineGateway,
  definePlugin,
  discard,
  disconnect,
  fact,
  mailbox,
  pipeline,
  reject,
  tempfail,
  z,
} from "postern";
import { routes, smtpAuth } from "postern/plugins";
import { createTestGateway, recordingNextHop } from "postern/testing";

const content = "From: ann@example.com\nSubject: hello\n\nbody\n";
const message = { reversePath: "ann@example.com", recipients: ["bob@example.org"], content };
const toBackend = routes([{ recipient: "*", nextHop: "backend" }]);
const nextHops = { backend: mailbox() };
const plain = defineGateway({ nextHops, pipeline: pipeline(toBackend) });

/** A fact of the stage `data` that a plugin fills in. */
const Seen = fact("seen", { stage: "data", scope: "transaction", schema: z.any(), fallback: null });

const REFUSALS = [
  {
    stage: "connect",
    plugin: definePlugin({ name: "p", connect: () => reject("5.7.1", "no") }),
    want: 554,
    traced: false,
  },
  {
    stage: "connect (421)",
    plugin: definePlugin({ name: "p", connect: () => disconnect("4.7.0", "no") }),
    want: 421,
    traced: false,
  },
  {
    stage: "ehlo",
    plugin: definePlugin({ name: "p", ehlo: () => reject("5.7.1", "no") }),
    want: 550,
    traced: false,
  },
  {
    stage: "mail",
    plugin: definePlugin({ name: "p", mail: () => tempfail("4.7.1", "no") }),
    want: 451,
    traced: true,
  },
  {
    stage: "rcpt",
    plugin: definePlugin({ name: "p", rcpt: () => reject("5.1.1", "no") }),
    want: 550,
    traced: true,
  },
  {
    stage: "data",
    plugin: definePlugin({ name: "p", data: () => reject("5.7.1", "no") }),
    want: 550,
    traced: true,
  },
];

const WRONG = [
  {
    name: "a recipient that is no address",
    injection: { ...message, recipients: ["bob"] },
    want: /'bob' is no address: no domain/,
  },
  {
    name: "an empty recipient",
    injection: { ...message, recipients: [""] },
    want: /'' is no address: empty/,
  },
  {
    name: "a reverse-path that is no address",
    injection: { ...message, reversePath: "a b@c" },
    want: /'a b@c' is no address/,
  },
  {
    name: "a listener that is not there",
    injection: { ...message, listener: "submission" },
    want: /the config has no listener 'submission': relay/,
  },
];

describe("inject of a test gateway", () => {
  it("client is who connects and greets", async () => {
    const sees = definePlugin({
      name: "sees",
      provides: [Seen],
      data: (ctx) => ctx.provide(Seen, [ctx.client.ip, ctx.client.trusted, ctx.ehlo]),
    });
    const config = defineGateway({
      nextHops,
      pipeline: pipeline(sees, toBackend),
      domains: ["example.org"],
    });
    const gateway = await createTestGateway(config);
    const { facts, deliveries } = await gateway.inject({
      ...message,
      client: { ip: "192.0.2.7", ehlo: "mx.example.net" },
    });
    assert.deepEqual(facts.seen, ["192.0.2.7", false, "mx.example.net"]);
    assert.match(deliveries[0]?.text ?? "", /^Received: from mx\.example\.net \(\[192\.0\.2\.7\]\)\r\n/);
    assert.deepEqual((await gateway.inject(message)).facts.seen, ["127.0.0.1", true, "client.example"]);
    const relayed = await gateway.inject({
      ...message,
      client: { ip: "192.0.2.7" },
      recipients: ["x@elsewhere.example"],
    });
    assert.equal(relayed.reply.enhanced, "5.7.1");
  });

  it("login is AUTH before MAIL: its user is known, and a wrong one ends the session with 535", async () => {
    const auth = smtpAuth({
      verify: ({ user, password }) =>
        user === "ann@example.com" && password === "secret" ? { user } : undefined,
    });
    const config = defineGateway({
      nextHops,
      domains: ["served.example"],
      pipeline: pipeline(auth, toBackend),
    });
    const gateway = await createTestGateway(config);
    const from = { ...message, client: { ip: "192.0.2.7" } };
    const right = await gateway.inject({ ...from, login: { user: "ann@example.com", password: "secret" } });
    assert.deepEqual([right.reply.code, right.trace?.user], [250, "ann@example.com"]);
    const wrong = await gateway.inject({ ...from, login: { user: "ann@example.com", password: "guess" } });
    assert.deepEqual([wrong.reply.code, wrong.trace, wrong.deliveries], [535, undefined, []]);
    assert.equal((await gateway.inject(from)).reply.code, 550);
  });

  it("parameters are those of MAIL, and reach the next hop", async () => {
    let got: unknown;
    const backend = recordingNextHop("backend", (_, { parameters }) => {
      got = parameters;
      return undefined;
    });
    const gateway = await createTestGateway(plain, { nextHops: { backend } });
    await gateway.inject({ ...message, parameters: { body: "8BITMIME", ret: "HDRS", envid: "q1" } });
    assert.deepEqual(got, { body: "8BITMIME", ret: "HDRS", envid: "q1" });
  });

  it("listener says by name where the client connects; absent, at the first", async () => {
    const config = defineGateway({
      nextHops,
      domains: ["example.org"],
      listeners: [{ address: "127.0.0.1:2525" }, { name: "outside", address: "0.0.0.0:2526" }],
      pipeline: pipeline(toBackend),
    });
    const gateway = await createTestGateway(config);
    assert.equal((await gateway.inject(message)).trace?.listener, "relay");
    const outside = { ...message, listener: "outside" };
    assert.equal((await gateway.inject(outside)).trace?.listener, "outside");
    // Loopback is trusted only where the listener is bound to it.
    const elsewhere = { recipients: ["x@elsewhere.example"] };
    assert.equal((await gateway.inject({ ...message, ...elsewhere })).reply.code, 250);
    assert.equal((await gateway.inject({ ...outside, ...elsewhere })).reply.enhanced, "5.7.1");
  });

  it("content as text gets CRLF line ends; as bytes it stays as it is", async () => {
    const gateway = await createTestGateway(plain);
    const text = await gateway.inject({ ...message, content: "A: 1\r\nB: 2\n\n.x\n" });
    assert.match(text.deliveries[0]?.text ?? "", /\r\nA: 1\r\nB: 2\r\n\r\n\.x\r\n$/);
    const bytes = Uint8Array.from([65, 58, 32, 0xf6, 13, 10, 13, 10, 0xff, 10]);
    const raw = await gateway.inject({ ...message, content: bytes });
    assert.deepEqual(raw.deliveries[0]?.bytes.slice(-bytes.length), bytes);
  });

  it("reversePath may be the null one", async () => {
    const { trace, deliveries } = await (await createTestGateway(plain)).inject({
      ...message,
      reversePath: "",
    });
    assert.deepEqual([trace?.reversePath, deliveries[0]?.reversePath], ["", ""]);
  });

  it("gives reply, recipients, facts, edits, deliveries and trace of an accepted message", async () => {
    const Score = fact("score", { stage: "data", scope: "transaction", schema: z.number(), fallback: 0 });
    const scores = definePlugin({
      name: "scores",
      provides: [Score],
      edits: ["header"],
      data(ctx) {
        ctx.provide(Score, 3);
        ctx.message.addField("X-Score", "3", "for the reader");
      },
    });
    const gateway = await createTestGateway(
      defineGateway({ nextHops, pipeline: pipeline(scores, toBackend) }),
    );
    const outcome = await gateway.inject({
      ...message,
      recipients: ["bob@example.org", "eve@example.org"],
    });
    const { reply, recipients, facts, edits, deliveries, trace } = outcome;
    assert.deepEqual(
      [reply.code, reply.enhanced, reply.text],
      [250, "2.0.0", `Message accepted (ref ${trace?.id})`],
    );
    assert.deepEqual(
      recipients.map((each) => [each.forwardPath, each.outcome, each.nextHop, each.reply?.code]),
      [
        ["bob@example.org", "delivered", "backend", 250],
        ["eve@example.org", "delivered", "backend", 250],
      ],
    );
    assert.deepEqual(facts, { score: 3 });
    assert.deepEqual(edits, [{ author: "scores", summary: edits[0]?.summary, reason: "for the reader" }]);
    assert.equal(deliveries.length, 1);
    const [delivered] = deliveries;
    assert.deepEqual(
      [delivered?.id, delivered?.nextHop, delivered?.reversePath, delivered?.recipients],
      [trace?.id, "backend", "ann@example.com", ["bob@example.org", "eve@example.org"]],
    );
    assert.match(delivered?.text ?? "", /^Received: [\s\S]*X-Score: 3\r\n[\s\S]*\r\n\r\nbody\r\n$/);
    assert.equal(delivered?.text, new TextDecoder().decode(delivered?.bytes));
    assert.deepEqual(
      [trace?.outcome, trace?.origin, trace?.subject, trace?.headerFrom, trace?.recipients, trace?.reply],
      ["accepted", "smtp", "hello", "ann@example.com", recipients, reply],
    );
    assert.ok(
      trace?.entries.some(
        (entry) => "plugin" in entry && entry.plugin === "scores" && entry.stage === "data",
      ),
    );
  });

  for (const { stage, plugin, want, traced } of REFUSALS) {
    it(`ends at ${stage} with its reply when that refuses`, async () => {
      const gateway = await createTestGateway(
        defineGateway({ nextHops, pipeline: pipeline(plugin, toBackend) }),
      );
      const outcome = await gateway.inject(message);
      assert.equal(outcome.reply.code, want);
      assert.match(outcome.reply.text, /^no \(ref [0-9a-z]{14}\)$/);
      assert.equal(outcome.trace !== undefined, traced);
      assert.deepEqual([outcome.deliveries, outcome.edits, outcome.facts], [[], [], {}]);
      const told = ["rcpt", "data"].includes(stage) ? ["refused"] : [];
      assert.deepEqual(
        outcome.recipients.map((each) => each.outcome),
        told,
      );
    });
  }

  it("goes on to the content while one recipient is taken, and lists the refused one", async () => {
    const picky = definePlugin({
      name: "picky",
      rcpt: (ctx) => (ctx.recipient.forwardPath.localPart === "eve" ? reject("5.1.1", "not her") : undefined),
    });
    const gateway = await createTestGateway(
      defineGateway({ nextHops, pipeline: pipeline(picky, toBackend) }),
    );
    const { reply, recipients } = await gateway.inject({
      ...message,
      recipients: ["bob@example.org", "eve@example.org"],
    });
    assert.equal(reply.code, 250);
    const told = recipients.map((each) => `${each.forwardPath} ${each.outcome}`);
    assert.deepEqual(told.sort(), ["bob@example.org delivered", "eve@example.org refused"]);
  });

  it("without recipients answers 503", async () => {
    const outcome = await (await createTestGateway(plain)).inject({ ...message, recipients: [] });
    assert.deepEqual([outcome.reply.code, outcome.trace], [503, undefined]);
  });

  it("tells of discarded ones", async () => {
    const drop = definePlugin({ name: "drop", data: () => discard("unwanted") });
    const gateway = await createTestGateway(defineGateway({ nextHops, pipeline: pipeline(drop, toBackend) }));
    const { recipients, deliveries } = await gateway.inject(message);
    assert.deepEqual(
      recipients.map(({ outcome, reason }) => [outcome, reason]),
      [["discarded", "unwanted"]],
    );
    assert.deepEqual(deliveries, []);
  });

  it("keeps messages apart that are under way at once", async () => {
    const waits: (() => void)[] = [];
    const both = definePlugin({
      name: "both",
      edits: ["header"],
      async data(ctx) {
        ctx.message.addField("X-For", ctx.recipients[0]?.forwardPath.localPart ?? "", "shows it");
        await new Promise<void>((resolve) => {
          waits.push(resolve);
          // The second lets itself go first.
          if (waits.length === 2) for (const go of waits.reverse()) go();
        });
      },
    });
    const gateway = await createTestGateway(defineGateway({ nextHops, pipeline: pipeline(both, toBackend) }));
    const outcomes = await Promise.all(
      ["a", "b"].map((name) => gateway.inject({ ...message, recipients: [`${name}@example.org`] })),
    );
    outcomes.forEach(({ trace, deliveries, recipients }, i) => {
      const name = "ab"[i];
      assert.equal(recipients[0]?.forwardPath, `${name}@example.org`);
      assert.equal(deliveries.length, 1);
      assert.match(deliveries[0]?.text ?? "", new RegExp(`X-For: ${name}\r\n`));
      assert.equal(deliveries[0]?.id, trace?.id);
    });
  });

  for (const { name, injection, want } of WRONG) {
    it(`rejects with a TypeError for ${name}, and the next message goes as ever`, async () => {
      const gateway = await createTestGateway(plain);
      await assert.rejects(gateway.inject(injection), (error) => {
        assert.ok(error instanceof TypeError);
        assert.match(error.message, want);
        return true;
      });
      const { reply, deliveries } = await gateway.inject(message);
      assert.deepEqual([reply.code, deliveries.length], [250, 1]);
    });
  }
});
