import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { condition, defineGateway, definePlugin, fact, mailbox, pipeline, when, z } from "postern";
import { createTestGateway, type Injection } from "postern/testing";
import { smtpAuth } from "../../../plugins/auth/smtp-auth.ts";
import { type RouteEntry, type RouteFunction, routes } from "../../../plugins/route/routes.ts";
import { path, replyText, runHook } from "../fakes.ts";

const Score = fact("score", {
  stage: "data",
  scope: "transaction",
  schema: z.number(),
  fallback: 0,
});
const score = definePlugin({
  name: "score",
  provides: [Score],
  data: (ctx) => ctx.provide(Score, Number(ctx.message.header.get("X-Score") ?? "0")),
});
const login = smtpAuth({
  verify: ({ user }) => ({ user, maySendAs: ["@inside.example", "@outside.example"] }),
});
const nextHops = { inside: mailbox(), other: mailbox(), spam: mailbox() };
const domains = ["inside.example"];

const plugin = routes(
  [
    {
      recipient: ["gone@inside.example", "left@inside.example"],
      reject: { enhanced: "5.1.6", text: "Moved" },
    },
    { sender: "<>", nextHop: "other", mode: "inline" },
    { user: "boss*", nextHop: "spam" },
    { network: ["192.0.2.0/24", "2001:db8::/32"], recipient: "net@inside.example", nextHop: "other" },
    { recipient: "*+spam@inside.example", when: (ctx) => ctx.fact(Score) > 5, nextHop: "spam" },
    {
      recipient: "*@inside.example",
      when: async (ctx) => ctx.fact(Score) > 9,
      reject: { enhanced: "5.7.1", text: "Too much" },
    },
    (ctx) => (ctx.message.header.get("X-To") === undefined ? undefined : "other"),
    { recipient: "*@inside.example", nextHop: "inside" },
  ],
  { facts: [Score] },
);
const config = defineGateway({ domains, nextHops, pipeline: pipeline(login, score, plugin) });

const content = (fields = "") => `From: a@outside.example\n${fields}\nHello\n`;
const TABLE: readonly { name: string; injection: Partial<Injection>; want: string }[] = [
  { name: "the next hop of the last entry", injection: {}, want: "inside" },
  {
    name: "the recipient in another letter case",
    injection: { recipients: ["B@INSIDE.example"] },
    want: "inside",
  },
  {
    name: "a refusal of the envelope, at RCPT",
    injection: { recipients: ["Left@inside.example"] },
    want: "550 5.1.6 Moved",
  },
  { name: "the null reverse-path", injection: { reversePath: "" }, want: "other" },
  {
    name: "a user's pattern",
    injection: { login: { user: "Boss2", password: "x" } },
    want: "spam",
  },
  { name: "another user", injection: { login: { user: "ann", password: "x" } }, want: "inside" },
  {
    name: "a network",
    injection: { client: { ip: "192.0.2.7" }, recipients: ["net@inside.example"] },
    want: "other",
  },
  {
    name: "a network of IPv6",
    injection: { client: { ip: "2001:db8::1" }, recipients: ["net@inside.example"] },
    want: "other",
  },
  {
    name: "another network",
    injection: { client: { ip: "198.51.100.1" }, recipients: ["net@inside.example"] },
    want: "inside",
  },
  {
    name: "a fact that a condition reads",
    injection: { recipients: ["b+spam@inside.example"], content: content("X-Score: 6\n") },
    want: "spam",
  },
  {
    name: "a fact that does not reach",
    injection: { recipients: ["b+spam@inside.example"], content: content("X-Score: 5\n") },
    want: "inside",
  },
  {
    name: "a refusal of the content",
    injection: { content: content("X-Score: 10\n") },
    want: "550 5.7.1 Too much",
  },
  { name: "a function", injection: { content: content("X-To: other\n") }, want: "other" },
  {
    name: "no route for a domain of no entry",
    injection: { client: { ip: "127.0.0.1" }, recipients: ["b@elsewhere.example"] },
    want: "550 5.1.2 No route to this recipient",
  },
];
for (const { name, injection, want } of TABLE) {
  test(`routes goes by ${name}`, async () => {
    const gateway = await createTestGateway(config);
    const outcome = await gateway.inject({
      client: { ip: "203.0.113.1" },
      reversePath: "a@outside.example",
      recipients: ["b@inside.example"],
      content: content(),
      ...injection,
    });
    const got = outcome.deliveries.map(({ nextHop }) => nextHop).join(" ");
    assert.equal(got || replyText(outcome), want);
  });
}

const view = (local: string, domain = "inside.example", more: object = {}) => ({
  envelope: { reversePath: path("a", "outside.example") },
  recipient: { forwardPath: path(local, domain) },
  client: { ip: "203.0.113.1" },
  identity: undefined,
  ...more,
});
const ENVELOPE: readonly {
  name: string;
  list: readonly (RouteEntry | RouteFunction)[];
  ctx?: object;
  otherwise?: "pass";
  want: unknown;
}[] = [
  { name: "the next hop of an entry", list: [{ nextHop: "inside" }], want: { nextHop: "inside" } },
  {
    name: "the mode with it",
    list: [{ nextHop: "inside", mode: "queue" }],
    want: { nextHop: "inside", mode: "queue" },
  },
  { name: "none for a refusal", list: [{ reject: { enhanced: "5.1.1", text: "No" } }], want: "none" },
  {
    name: "none where no entry holds",
    list: [{ recipient: "*@one.example", nextHop: "inside" }],
    want: "none",
  },
  {
    name: "undecided where no entry holds and others follow",
    list: [{ recipient: "*@one.example", nextHop: "inside" }],
    otherwise: "pass",
    want: undefined,
  },
  {
    name: "undecided where an earlier entry asks for the content",
    list: [{ when: () => false, nextHop: "other" }, { nextHop: "inside" }],
    want: undefined,
  },
  { name: "undecided for a function", list: [() => "other", { nextHop: "inside" }], want: undefined },
  {
    name: "the later entry where an earlier one that asks for the content does not hold",
    list: [{ recipient: "*@one.example", when: () => true, nextHop: "other" }, { nextHop: "inside" }],
    want: { nextHop: "inside" },
  },
];
for (const { name, list, otherwise, want } of ENVELOPE) {
  test(`the envelopeRoute of routes gives ${name}`, () => {
    const { envelopeRoute } = routes(list, otherwise ? { otherwise } : {}).definition;
    assert.deepEqual(envelopeRoute?.(view("b") as never), want);
  });
}

test("routes leaves what it passes on to the plugin that follows, and gives it no verdict of its own", async () => {
  const special = routes([{ recipient: "vip@inside.example", nextHop: "other" }], { otherwise: "pass" });
  const rest = routes([{ nextHop: "inside" }]);
  const gateway = await createTestGateway(
    defineGateway({ domains, nextHops, pipeline: pipeline(special, rest) }),
  );
  for (const [recipient, want] of [
    ["vip@inside.example", "other"],
    ["b@inside.example", "inside"],
  ] as const) {
    const outcome = await gateway.inject({ reversePath: "", recipients: [recipient], content: content() });
    assert.deepEqual(
      outcome.deliveries.map(({ nextHop }) => nextHop),
      [want],
    );
  }
});

test("routes under a condition leaves the rest to others when it says otherwise: pass", async () => {
  const special = routes([{ recipient: "*@inside.example", nextHop: "other" }], { otherwise: "pass" });
  const isBulk = condition("isBulk", {
    from: "mail",
    per: "transaction",
    holds: (ctx) => ctx.envelope.reversePath === null,
  });
  const gateway = await createTestGateway(
    defineGateway({
      domains,
      nextHops,
      pipeline: pipeline(when(isBulk, special), routes([{ nextHop: "inside" }])),
    }),
  );
  const nextHopOf = async (reversePath: string) =>
    (await gateway.inject({ reversePath, recipients: ["b@inside.example"], content: content() }))
      .deliveries[0]?.nextHop;
  assert.equal(await nextHopOf(""), "other");
  assert.equal(await nextHopOf("a@outside.example"), "inside");
});

test("a route function that answers for anyone opens no relay", async () => {
  const open = routes([() => "inside"]);
  const gateway = await createTestGateway(defineGateway({ domains, nextHops, pipeline: pipeline(open) }));
  const outcome = await gateway.inject({
    client: { ip: "203.0.113.1" },
    reversePath: "a@outside.example",
    recipients: ["b@elsewhere.example"],
    content: content(),
  });
  assert.equal(replyText(outcome), "550 5.7.1 Relaying denied");
  assert.equal(outcome.deliveries.length, 0);
});

test("routes says of what it needs: the client's address for networks, AUTH for users, else nothing", () => {
  assert.deepEqual(routes([{ nextHop: "a" }]).definition.needs, []);
  assert.deepEqual(routes([{ network: "192.0.2.0/24", nextHop: "a" }]).definition.needs, ["clientIp"]);
  assert.deepEqual(routes([{ user: "*", nextHop: "a" }]).definition.needs, ["auth"]);
});

test("routes names each of its next hops once, so that check finds those that the config lacks", async () => {
  const list: RouteEntry[] = [{ recipient: "a@inside.example", nextHop: "insid" }, { nextHop: "other" }];
  assert.deepEqual(routes([...list, { nextHop: "other" }]).definition.nextHops, ["insid", "other"]);
  await assert.rejects(
    createTestGateway(defineGateway({ domains, nextHops, pipeline: pipeline(routes(list)) })),
    /routes: found the next hop "insid", expected one of nextHops: inside, other, spam/,
  );
});

test("routes stops the start with what its check tells", async () => {
  const list: RouteEntry[] = [{ recipient: "*@one.example", nextHop: "other" }];
  await assert.rejects(
    createTestGateway(defineGateway({ domains, nextHops, pipeline: pipeline(routes(list)) })),
    /no route matches the domain 'inside\.example'/,
  );
});

test("what the envelopeRoute of routes says at RCPT is what the stage route does, for any list", async () => {
  const pattern = fc.constantFrom("*", "*@one.example", "a@*", "a*@one.example", "b@two.example");
  const entry = fc.record(
    {
      recipient: pattern,
      sender: fc.constantFrom("<>", "*", "a@one.example"),
      user: fc.constantFrom("*", "ann"),
      network: fc.constantFrom("192.0.2.0/24", "::/0"),
      refuse: fc.boolean(),
      content: fc.boolean(),
      nextHop: fc.constantFrom("x", "y"),
    },
    { requiredKeys: ["nextHop"] },
  );
  const ctx = fc.record({
    envelope: fc.record({
      reversePath: fc.constantFrom(null, path("a", "one.example"), path("b", "two.example")),
    }),
    recipient: fc.record({
      forwardPath: fc.constantFrom(
        path("a", "one.example"),
        path("b", "two.example"),
        path("ab", "one.example"),
      ),
    }),
    identity: fc.constantFrom(undefined, { user: "ann" }, { user: "bob" }),
    client: fc.record({ ip: fc.constantFrom("192.0.2.1", "198.51.100.1", "2001:db8::1", "") }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { minLength: 1, maxLength: 5 }), ctx, async (entries, given) => {
      const any = routes(
        entries.map(({ refuse, content: asks, nextHop, ...conditions }) => ({
          ...conditions,
          ...(asks ? { when: () => true } : {}),
          ...(refuse ? { reject: { enhanced: "5.1.1" as const, text: "No" } } : { nextHop }),
        })),
      );
      const early = any.definition.envelopeRoute?.(given as never);
      const atRcpt = await runHook(any, "rcpt", given);
      const late = (await runHook(any, "route", given)) as { nextHop?: string; verdict: string } | undefined;
      if (early === undefined) assert.notEqual(late, undefined);
      else if (early === "none") assert.equal(late?.nextHop, undefined);
      else assert.equal(late?.nextHop, early.nextHop);
      if (atRcpt !== undefined) assert.deepEqual(late, atRcpt);
    }),
    { numRuns: 500 },
  );
});
