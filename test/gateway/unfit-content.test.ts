/** Content that is refused before any plugin sees it, as it could mean something else to those who read it later. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defineGateway, definePlugin, mailbox, pipeline, routeTo } from "postern";
import { createTestGateway } from "postern/testing";

const routes = definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") });

async function send(content: string) {
  let seen = 0;
  const look = definePlugin({ name: "look", data: () => void seen++ });
  const gateway = await createTestGateway(
    defineGateway({ nextHops: { backend: mailbox() }, pipeline: pipeline(look, routes) }),
  );
  const sent = { reversePath: "a@example.com", recipients: ["b@example.org"], content };
  const { reply, deliveries, recipients } = await gateway.inject(sent);
  const outcome = recipients[0]?.outcome;
  return {
    reply: `${reply.code} ${reply.enhanced} ${reply.text}`,
    deliveries: deliveries.length,
    seen,
    outcome,
  };
}

describe("content that can not be relayed", () => {
  const padding = `X-Pad: ${"x\r\n ".repeat(275_000)}\r\n`;
  const cases = [
    {
      name: "a header section of more than 1 MiB, whose fields no plugin would see",
      content: `From: a@example.com\r\n${padding}From: ceo@example.org\r\n\r\nbody\r\n`,
      want: /^552 5\.3\.4 Header section too large \(ref \w+\)$/,
    },
    {
      name: "a first line with a tab before it, which would be read as part of our Received field",
      content: "\tfor <boss@example.org>; Mon, 1 Jan 2001 00:00:00 +0000\r\nSubject: a\r\n\r\nbody\r\n",
      want: /^550 5\.6\.0 Message does not begin with a header field \(ref \w+\)$/,
    },
    {
      name: "a first line with a space before it",
      content: " folded\r\nSubject: a\r\n\r\nbody\r\n",
      want: /^550 5\.6\.0 Message does not begin with a header field \(ref \w+\)$/,
    },
  ];
  for (const { name, content, want } of cases) {
    it(`is refused for ${name}`, async () => {
      const { reply, ...rest } = await send(content);
      assert.match(reply, want);
      assert.deepEqual(rest, { deliveries: 0, seen: 0, outcome: "refused" });
    });
  }

  for (const [name, content] of [
    ["no content at all", ""],
    ["an empty line first", "\r\nbody\r\n"],
    ["a first line that is no field", "hello\r\nSubject: a\r\n\r\nbody\r\n"],
  ] as const) {
    it(`is not ${name}`, async () => {
      const { reply, deliveries } = await send(content);
      assert.match(reply, /^250 /);
      assert.equal(deliveries, 1);
    });
  }
});
