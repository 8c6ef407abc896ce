/** planDeliveries(): which recipients share a delivery. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  definePlugin,
  pipeline,
  type RcptParameters,
  type ReversePath,
  type RouteTo,
  routeTo,
} from "postern";
import { type NextHopKinds, planDeliveries } from "../../core/gateway/delivery-plan.ts";
import { RecipientState } from "../../core/gateway/recipient.ts";
import { Message, memoryContent } from "../../core/mail/mod.ts";
import { forward, octets, openBed, reverse } from "./engine-bed.ts";

const original = await Message.load(memoryContent(octets("A: b\r\n\r\nbody\r\n")));
const edited = (text: string, author = "p"): Message => {
  const form = original.fork();
  const replacement = memoryContent(octets(text));
  form.apply({ start: 0, end: 0, replacement, author, reason: "r", summary: "s" });
  return form;
};
const big = memoryContent(octets("X: y\r\n"));
const ofFile = (): Message => {
  const form = original.fork();
  const replacement = { size: big.size, read: big.read };
  form.apply({ start: form.size, end: form.size, replacement, author: "p", reason: "r", summary: "s" });
  return form;
};

interface Differs {
  readonly route?: RouteTo;
  readonly reversePath?: ReversePath;
  readonly message?: Message;
  readonly parameters?: RcptParameters;
  readonly domain?: string;
}

let n = 0;
function recipientOf({
  route = routeTo("backend"),
  reversePath,
  message,
  parameters = {},
  domain = "example.org",
}: Differs): RecipientState {
  const forwardPath = forward(`r${n++}@${domain}`);
  const recipient = new RecipientState({ forwardPath, original: forwardPath, parameters, rcpt: 0 });
  recipient.route = route;
  recipient.reversePath = reversePath;
  recipient.message = message;
  return recipient;
}
const kinds: NextHopKinds = {
  modeOf: (nextHop) => (nextHop === "queued" ? "queue" : "inline"),
  groupOf: (nextHop, { domain }) => (nextHop === "apart" ? `apart ${domain}` : nextHop),
};
const plan = (...list: readonly Differs[]) =>
  planDeliveries(
    list.map(recipientOf),
    { reversePath: reverse("ann@example.com"), message: original },
    kinds,
  );

describe("planDeliveries()", () => {
  const apart: readonly { readonly name: string; readonly a: Differs; readonly b: Differs }[] = [
    { name: "another next hop", a: {}, b: { route: routeTo("other") } },
    {
      name: "another domain, where the next hop delivers to each apart",
      a: { route: routeTo("apart") },
      b: { route: routeTo("apart"), domain: "example.net" },
    },
    { name: "another mode", a: {}, b: { route: routeTo("backend", { mode: "queue" }) } },
    {
      name: "another time",
      a: { route: routeTo("queued", { deliverAt: 1 }) },
      b: { route: routeTo("queued", { deliverAt: 2 }) },
    },
    { name: "a demand of TLS", a: {}, b: { route: routeTo("backend", { requireTls: true }) } },
    { name: "another reverse-path", a: {}, b: { reversePath: reverse("srs@example.org") } },
    { name: "the null reverse-path", a: {}, b: { reversePath: null } },
    { name: "an edit", a: {}, b: { message: edited("X: y\r\n") } },
    {
      name: "an edit of other bytes",
      a: { message: edited("X: y\r\n") },
      b: { message: edited("X: z\r\n") },
    },
    {
      name: "an edit of another author",
      a: { message: edited("X: y\r\n") },
      b: { message: edited("X: y\r\n", "q") },
    },
    { name: "an edit whose bytes are in another file", a: { message: ofFile() }, b: { message: ofFile() } },
  ];
  for (const { name, a, b } of apart) {
    it(`parts recipients by ${name}`, () => {
      assert.deepEqual(
        plan(a, b, a).map(({ recipients }) => recipients.length),
        // The third is as the first, whose delivery it shares; forms in files are told apart by identity.
        [2, 1],
      );
    });
  }

  const together: readonly { readonly name: string; readonly list: readonly Differs[] }[] = [
    { name: "another domain", list: [{}, { domain: "example.net" }] },
    {
      name: "the transaction's own form and reverse-path, said or not",
      list: [{}, { message: original, reversePath: reverse("ann@example.com") }],
    },
    {
      name: "equal edits that route hooks made for each",
      list: [{ message: edited("X: y\r\n") }, { message: edited("X: y\r\n") }],
    },
    {
      name: "a mode said and the next hop's own",
      list: [{ route: routeTo("queued") }, { route: routeTo("queued", { mode: "queue" }) }],
    },
    {
      name: "other NOTIFY and ORCPT, which go with each RCPT",
      list: [
        { parameters: { notify: ["NEVER"] } },
        { parameters: { notify: ["SUCCESS"], orcpt: "rfc822;a@b" } },
      ],
    },
  ];
  for (const { name, list } of together) {
    it(`keeps together ${name}`, () => {
      assert.equal(plan(...list).length, 1);
    });
  }

  it("keeps the order in which the first of each delivery was named", () => {
    const plans = plan({ route: routeTo("b") }, { route: routeTo("a") }, { route: routeTo("b") });
    assert.deepEqual(
      plans.map(({ nextHop, recipients }) => [nextHop, recipients.length]),
      [
        ["b", 2],
        ["a", 1],
      ],
    );
  });

  it("throws on a recipient that has no route rather than leave it out: it would be told 250", () => {
    const lost = recipientOf({});
    lost.route = undefined;
    assert.throws(
      () => planDeliveries([lost], { reversePath: null, message: original }, kinds),
      /neither a verdict nor a route/,
    );
  });
});

describe("a delivery", () => {
  const routes = definePlugin({
    name: "routes",
    routes: true,
    route: (ctx) => routeTo("backend", { requireTls: ctx.recipient.forwardPath.localPart === "safe" }),
  });

  it("carries each recipient's own DSN parameters, and RET and ENVID of the transaction", async () => {
    const bed = await openBed({ pipeline: pipeline(routes) });
    const session = bed.open();
    await session.mail(reverse("ann@example.com"), { ret: "FULL", envid: "e1", body: "8BITMIME", size: 5 });
    const given: readonly RcptParameters[] = [
      { notify: ["NEVER"] },
      { notify: ["DELAY"], orcpt: "rfc822;b@example.org" },
      {},
    ];
    for (const [i, parameters] of given.entries())
      await session.rcpt(forward(`r${i}@example.org`), parameters);
    const receiver = session.receive();
    await receiver.write(octets("A: b\r\n\r\n"));
    await receiver.end();
    assert.equal(bed.deliveries.length, 1);
    assert.deepEqual(
      bed.deliveries[0]?.recipients.map(({ parameters }) => parameters),
      given,
    );
    const { ret, envid, body } = bed.deliveries[0]!.parameters;
    assert.deepEqual({ ret, envid, body }, { ret: "FULL", envid: "e1", body: "8BITMIME" });
  });

  for (const { name, to, parameters, want } of [
    { name: "by the client", to: "any", parameters: { requireTls: true }, want: true },
    { name: "by the route", to: "safe", parameters: {}, want: true },
    { name: "by nobody", to: "any", parameters: {}, want: undefined },
  ]) {
    it(`demands TLS of the next hop when it is demanded ${name}`, async () => {
      const bed = await openBed({ pipeline: pipeline(routes) });
      await bed.send([`${to}@example.org`], { parameters });
      assert.equal(bed.deliveries[0]?.parameters.requireTls, want);
    });
  }
});
