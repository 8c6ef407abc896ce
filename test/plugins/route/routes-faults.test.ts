import assert from "node:assert/strict";
import { test } from "node:test";
import { defineGateway, mailbox, pipeline } from "postern";
import { createTestGateway } from "postern/testing";
import { type RouteEntry, type RouteFunction, routes } from "../../../plugins/route/routes.ts";
import { faultsOf, hastyClock, replyText } from "../fakes.ts";

const domains = ["inside.example"];
const nextHops = { inside: mailbox(), other: mailbox() };
const content = "From: a@outside.example\n\nHello\n";

const rubbish = (value: unknown) => () => value as never;
const FAULTS: readonly { name: string; list: readonly (RouteEntry | RouteFunction)[]; want: string }[] = [
  { name: "a function that throws", list: [() => assert.fail("boom")], want: "AssertionError: boom" },
  { name: "a function that rejects", list: [async () => assert.fail("boom")], want: "AssertionError: boom" },
  {
    name: "a function that hangs",
    list: [() => new Promise(() => {})],
    want: "did not return within 30000 ms",
  },
  {
    name: "a function that returns null",
    list: [rubbish(null)],
    want: "TypeError: a route function gave no next hop's name",
  },
  {
    name: "a function that returns a verdict",
    list: [rubbish({ nextHop: "inside" })],
    want: "TypeError: a route function gave no next hop's name",
  },
  {
    name: "a condition that throws",
    list: [{ when: () => assert.fail("boom"), nextHop: "other" }],
    want: "AssertionError: boom",
  },
  {
    name: "a condition that hangs",
    list: [{ when: () => new Promise<boolean>(() => {}), nextHop: "other" }],
    want: "did not return within 30000 ms",
  },
  {
    name: "a condition that returns nothing",
    list: [{ when: rubbish(undefined), nextHop: "other" }],
    want: "TypeError: 'when' of a route gave neither true nor false",
  },
  {
    name: "a condition that returns a text",
    list: [{ when: rubbish("no"), nextHop: "other" }],
    want: "TypeError: 'when' of a route gave neither true nor false",
  },
];
for (const { name, list, want } of FAULTS) {
  test(`routes puts mail off, and delivers it nowhere, with ${name}`, async () => {
    const gateway = await createTestGateway(
      defineGateway({ domains, nextHops, pipeline: pipeline(routes([...list, { nextHop: "inside" }])) }),
      { clock: hastyClock() },
    );
    const outcome = await gateway.inject({
      reversePath: "",
      recipients: ["b@inside.example"],
      content: content,
    });
    assert.match(replyText(outcome), /^451 4\.3\.0 /);
    assert.deepEqual(faultsOf(outcome), [`route routes: ${want} (tempfail)`]);
    assert.equal(outcome.deliveries.length, 0);
  });
}

test("a route function that names a next hop that is none puts mail off", async () => {
  const gateway = await createTestGateway(
    defineGateway({ domains, nextHops, pipeline: pipeline(routes([() => "constructor"])) }),
  );
  const outcome = await gateway.inject({
    reversePath: "",
    recipients: ["b@inside.example"],
    content: content,
  });
  assert.match(replyText(outcome), /^451 4\.3\.5 /);
});
