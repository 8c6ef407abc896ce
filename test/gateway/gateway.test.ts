/** The engine through a real config, in process: what a config's author sees of verdicts, facts, edits and faults. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  always,
  condition,
  defineGateway,
  definePlugin,
  discard,
  fact,
  forRecipients,
  mailbox,
  type Plugin,
  pipeline,
  reject,
  routeTo,
  tempfail,
  when,
  z,
} from "postern";
import { createTestGateway, recordingNextHop } from "postern/testing";

const content = "From: ann@example.com\nSubject: hello\n\nbody\n";
const routes = (to = "backend") => definePlugin({ name: "routes", routes: true, route: () => routeTo(to) });
const nextHops = { backend: mailbox(), other: mailbox({ folder: "other" }) };
const base = { listeners: [{ address: "127.0.0.1:2525" }], nextHops };
const message = { reversePath: "ann@example.com", recipients: ["bob@example.org"], content };

const Word = fact("word", {
  stage: "mail",
  scope: "transaction",
  schema: z.string().min(2),
  fallback: "unknown",
});

describe("the engine", () => {
  it("relays a message byte for byte behind one Received field", async () => {
    const gateway = await createTestGateway(defineGateway({ ...base, pipeline: pipeline(routes()) }));
    const { reply, deliveries, trace } = await gateway.inject(message);
    assert.equal(reply.code, 250);
    assert.match(reply.text, /\(ref [0-9a-z]{14}\)$/);
    assert.equal(deliveries.length, 1);
    const [received, rest] = [deliveries[0]!.text.slice(0, 9), deliveries[0]!.text];
    assert.equal(received, "Received:");
    assert.ok(rest.endsWith(`\r\nFrom: ann@example.com\r\nSubject: hello\r\n\r\nbody\r\n`));
    assert.equal(trace?.recipients[0]?.outcome, "delivered");
    assert.equal(trace?.subject, "hello");
  });

  it("gives facts to later plugins, and fallbacks where no provider ran", async () => {
    const never = condition("never", { from: "connect", per: "session", holds: () => false });
    const teller = (name: string) =>
      definePlugin({ name, provides: [Word], mail: (ctx) => ctx.provide(Word, "told") });
    const writer = definePlugin({
      name: "writer",
      reads: [Word],
      edits: ["header"],
      data: (ctx) => ctx.message.addField("X-Word", ctx.fact(Word), "the word is shown"),
    });
    for (const [on, want] of [
      [always, "told"],
      [never, "unknown"],
    ] as const) {
      const gateway = await createTestGateway(
        defineGateway({ ...base, pipeline: pipeline(when(on, teller("teller")), writer, routes()) }),
      );
      const { deliveries, edits, trace } = await gateway.inject(message);
      assert.match(deliveries[0]!.text, new RegExp(`X-Word: ${want}\r\n`));
      assert.equal(edits[0]?.author, "writer");
      const run = trace?.entries.find((entry) => "plugin" in entry && entry.plugin === "writer");
      assert.deepEqual(
        run && "fallbacks" in run ? run.fallbacks : undefined,
        want === "unknown" ? ["word"] : undefined,
      );
    }
  });

  const faults: readonly [string, Parameters<typeof definePlugin>[0]][] = [
    [
      "throws",
      {
        name: "p",
        data: () => {
          throw new Error("oops");
        },
      },
    ],
    [
      "rejects",
      {
        name: "p",
        data: async () => {
          throw new Error("oops");
        },
      },
    ],
    ["hangs", { name: "p", timeout: 20, data: () => new Promise<undefined>(() => {}) }],
    ["returns rubbish", { name: "p", data: (() => 42) as never }],
    ["returns another stage's verdict", { name: "p", data: (() => routeTo("backend")) as never }],
    [
      "edits, then throws",
      {
        name: "p",
        edits: ["header"],
        data: ((ctx: { message: { addField(a: string, b: string, c: string): void } }) => {
          ctx.message.addField("X-Lost", "1", "r");
          throw new Error("oops");
        }) as never,
      },
    ],
  ];
  for (const [what, definition] of faults) {
    it(`tempfails by default when a plugin ${what}, and skips it with onError "skip"`, async () => {
      for (const onError of ["tempfail", "skip", "reject"] as const) {
        const gateway = await createTestGateway(
          defineGateway({
            ...base,
            pipeline: pipeline(
              definePlugin({ ...definition, onError }) as Plugin<never, never, false>,
              routes(),
            ),
          }),
        );
        const { reply, deliveries, trace } = await gateway.inject(message);
        assert.equal(reply.code, { tempfail: 451, skip: 250, reject: 550 }[onError]);
        assert.equal(deliveries.length, onError === "skip" ? 1 : 0);
        if (onError === "skip") assert.doesNotMatch(deliveries[0]!.text, /X-Lost/);
        assert.ok(trace?.entries.some((entry) => "fault" in entry && entry.fault?.onError === onError));
      }
    });
  }

  it("treats a plugin that provides nothing it declared as faulty", async () => {
    const silent = definePlugin({ name: "silent", provides: [Word], mail: () => undefined });
    const gateway = await createTestGateway(defineGateway({ ...base, pipeline: pipeline(silent, routes()) }));
    assert.equal((await gateway.inject(message)).reply.code, 451);
  });

  it("refuses all when some recipients are refused and nothing can be held", async () => {
    const picky = definePlugin({
      name: "picky",
      data: (ctx) =>
        forRecipients(
          ctx.recipients.slice(0, 1).map((recipient) => ({ recipient, verdict: reject("5.7.1", "not him") })),
        ),
    });
    const gateway = await createTestGateway(defineGateway({ ...base, pipeline: pipeline(picky, routes()) }));
    const { reply, deliveries } = await gateway.inject({
      ...message,
      recipients: ["a@example.org", "b@example.org"],
    });
    assert.equal(reply.code, 550);
    assert.equal(deliveries.length, 0);
  });

  it("tempfails all when one recipient is tempfailed", async () => {
    const slow = definePlugin({
      name: "slow",
      data: (ctx) =>
        forRecipients(
          ctx.recipients.slice(0, 1).map((recipient) => ({ recipient, verdict: tempfail("4.7.1", "later") })),
        ),
    });
    const gateway = await createTestGateway(defineGateway({ ...base, pipeline: pipeline(slow, routes()) }));
    const { reply, deliveries } = await gateway.inject({
      ...message,
      recipients: ["a@example.org", "b@example.org"],
    });
    assert.equal(reply.code, 451);
    assert.equal(deliveries.length, 0);
  });

  it("takes a discarded message and delivers it nowhere", async () => {
    const drop = definePlugin({ name: "drop", data: () => discard("unwanted") });
    const gateway = await createTestGateway(defineGateway({ ...base, pipeline: pipeline(drop, routes()) }));
    const { reply, deliveries, trace } = await gateway.inject(message);
    assert.equal(reply.code, 250);
    assert.equal(deliveries.length, 0);
    assert.equal(trace?.recipients[0]?.outcome, "discarded");
  });

  it("passes a next hop's refusal on, and sends nothing when one of two recipients is refused", async () => {
    const backend = recordingNextHop("backend", (to) =>
      to.startsWith("no") ? { code: 550, enhanced: "5.1.1", text: "No such user" } : undefined,
    );
    const gateway = await createTestGateway(defineGateway({ ...base, pipeline: pipeline(routes()) }), {
      nextHops: { backend },
    });
    const alone = await gateway.inject({ ...message, recipients: ["no@example.org"] });
    assert.match(
      `${alone.reply.code} ${alone.reply.enhanced} ${alone.reply.text}`,
      /^550 5\.1\.1 No such user \(ref /,
    );
    const both = await gateway.inject({ ...message, recipients: ["yes@example.org", "no@example.org"] });
    assert.equal(both.reply.code, 550);
    assert.equal(backend.deliveries.length, 0);
  });

  it("answers 451 4.3.5 when a message would need two deliveries and there is no spool", async () => {
    const split = definePlugin({
      name: "split",
      routes: true,
      route: (ctx) => routeTo(ctx.recipient.forwardPath.localPart === "a" ? "backend" : "other"),
    });
    const gateway = await createTestGateway(defineGateway({ ...base, pipeline: pipeline(split) }));
    const { reply, deliveries } = await gateway.inject({
      ...message,
      recipients: ["a@example.org", "b@example.org"],
    });
    assert.equal(`${reply.code} ${reply.enhanced}`, "451 4.3.5");
    assert.equal(deliveries.length, 0);
  });
});
