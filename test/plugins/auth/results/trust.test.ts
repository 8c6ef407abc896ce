import assert from "node:assert/strict";
import { test } from "node:test";
import { type Client, defineGateway, definePlugin, identify, mailbox, pipeline } from "postern";
import { createTestGateway } from "postern/testing";
import { Trust, type TrustOptions, trust } from "../../../../plugins/auth/results/trust.ts";
import { assertOptionError, runHook, toBackend } from "../../fakes.ts";

const login = definePlugin({ name: "login", auth: ({ attempt }) => identify({ user: attempt.user }) });

/** Puts a message through listeners of which the second sits behind upstreams; gives what `data` hooks see. */
async function seen(
  options: TrustOptions,
  injection: { ip: string; listener?: string; user?: string; received?: string },
) {
  const clients: Client[] = [];
  const reader = definePlugin({
    name: "reader",
    reads: [Trust],
    data: (ctx) => void clients.push(ctx.client),
  });
  const gateway = await createTestGateway(
    defineGateway({
      domains: ["inside.example"],
      listeners: [
        { name: "outer", address: "0.0.0.0:25" },
        { name: "inner", address: "0.0.0.0:26", upstreams: ["192.0.2.0/24"] },
      ],
      pipeline: pipeline(login, trust(options), reader, toBackend),
      nextHops: { backend: mailbox() },
    }),
  );
  const { facts } = await gateway.inject({
    client: { ip: injection.ip },
    listener: injection.listener ?? "outer",
    ...(injection.user ? { login: { user: injection.user, password: "x" } } : {}),
    reversePath: "a@outside.example",
    recipients: ["b@inside.example"],
    content: `${injection.received ?? ""}Subject: x\n\nx\n`,
  });
  return { trust: facts.trust, client: clients[0]?.ip };
}

const NO = { trusted: false, reason: "not one of the trusted peers" };
const yes = (reason: string) => ({ trusted: true, reason });
const fromClient = (ip: string) => `Received: from x (x [${ip}]) by y; Mon, 1 Jan 2024 00:00:00 +0000\n`;
const TABLE: readonly {
  name: string;
  options: TrustOptions;
  of: Parameters<typeof seen>[1];
  want: { trusted: boolean; reason: string };
  client?: string;
}[] = [
  {
    name: "a peer in the networks",
    options: { networks: ["198.51.100.0/28"] },
    of: { ip: "198.51.100.7" },
    want: yes("198.51.100.7 is in a trusted network"),
  },
  {
    name: "the same as IPv4-mapped IPv6",
    options: { networks: ["198.51.100.0/28"] },
    of: { ip: "::ffff:198.51.100.7" },
    want: yes("::ffff:198.51.100.7 is in a trusted network"),
  },
  {
    name: "one beside them",
    options: { networks: ["198.51.100.0/28"] },
    of: { ip: "198.51.100.16" },
    want: NO,
  },
  {
    name: "a peer without an address",
    options: { networks: ["0.0.0.0/0", "::/0"] },
    of: { ip: "" },
    want: NO,
  },
  {
    name: "a listener of servers of one's own",
    options: { listeners: ["inner"] },
    of: { ip: "203.0.113.1", listener: "inner" },
    want: yes("it came by the listener 'inner'"),
  },
  { name: "another listener", options: { listeners: ["inner"] }, of: { ip: "203.0.113.1" }, want: NO },
  {
    name: "one who logged in, where that counts",
    options: { authenticated: true },
    of: { ip: "203.0.113.1", user: "ann" },
    want: yes("it logged in"),
  },
  {
    name: "one who logged in, where that does not count",
    options: { listeners: ["inner"] },
    of: { ip: "203.0.113.1", user: "ann" },
    want: NO,
  },
  { name: "one who did not log in", options: { authenticated: true }, of: { ip: "203.0.113.1" }, want: NO },
  {
    name: "an upstream in the networks, whomever it names",
    options: { networks: ["192.0.2.1"] },
    of: { ip: "192.0.2.1", listener: "inner", received: fromClient("203.0.113.1") },
    want: yes("192.0.2.1 is in a trusted network"),
    client: "203.0.113.1",
  },
  {
    name: "an upstream that is not, though it names one who is",
    options: { networks: ["198.51.100.7"] },
    of: { ip: "192.0.2.1", listener: "inner", received: fromClient("198.51.100.7") },
    want: NO,
    client: "198.51.100.7",
  },
];
for (const { name, options, of, want, client = of.ip } of TABLE) {
  test(`trust ${want.trusted ? "believes" : "does not believe"} ${name}`, async () => {
    assert.deepEqual(await seen(options, of), { trust: want, client });
  });
}

test("Trust reads as not trusted where nobody asked", async () => {
  assert.deepEqual(Trust.fallback, { trusted: false, reason: "not checked" });
  const reader = definePlugin({
    name: "reader",
    mayRead: [Trust],
    data: (ctx) => assert.equal(ctx.fact(Trust).trusted, false),
  });
  const gateway = await createTestGateway(
    defineGateway({
      domains: ["inside.example"],
      pipeline: pipeline(reader, toBackend),
      nextHops: { backend: mailbox() },
    }),
  );
  const { reply } = await gateway.inject({
    reversePath: "",
    recipients: ["b@inside.example"],
    content: "a: b\n\n",
  });
  assert.equal(reply.code, 250);
});

test("trust does not answer for a host that gives rubbish for an address", async () => {
  const given: unknown[] = [];
  await runHook(trust({ networks: ["0.0.0.0/0"] }), "mail", {
    client: { ip: "not an address", port: 0, trusted: true },
    listener: { name: "outer" },
    identity: undefined,
    provide: (_: unknown, value: unknown) => given.push(value),
  });
  assert.deepEqual(given, [NO]);
});

const WORDS = "networks, listeners, authenticated";
const MISTAKES: readonly { name: string; options: unknown; want: readonly string[] }[] = [
  {
    name: "no options",
    options: undefined,
    want: [`trust: options: found nothing, expected an object with ${WORDS}`],
  },
  {
    name: "options that believe nobody",
    options: { authenticated: false },
    want: ["trust: options: found an object, expected 'networks', 'listeners' or 'authenticated'"],
  },
  {
    name: "an unknown option",
    options: { network: [], authenticated: true },
    want: [`trust: network: found an unknown option, expected one of: ${WORDS}`],
  },
  {
    name: "a range that is none",
    options: { networks: ["192.0.2.0/33", "10.0.0.0/"] },
    want: [
      "trust: networks[0]: found \"192.0.2.0/33\", expected an address or range as '192.0.2.0/24'",
      "trust: networks[1]: found \"10.0.0.0/\", expected an address or range as '192.0.2.0/24'",
    ],
  },
  {
    name: "one listener for a list",
    options: { listeners: "inner" },
    want: ['trust: listeners: found "inner", expected a list of names of listeners'],
  },
  {
    name: "a word for a flag",
    options: { authenticated: "yes" },
    want: ['trust: authenticated: found "yes", expected true or false'],
  },
];
for (const { name, options, want } of MISTAKES) {
  test(`trust tells ${name}`, () => assertOptionError(() => trust(options as never), want));
}
