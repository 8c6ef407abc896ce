/** createTestGateway with mx(): it records as any next hop does, and looks nothing up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { defineGateway, mx, pipeline } from "postern";
import { routes } from "postern/plugins";
import { createTestGateway, recordingNextHop } from "postern/testing";

const config = defineGateway({
  nextHops: { out: mx() },
  pipeline: pipeline(routes([{ recipient: "*", nextHop: "out" }])),
});
const message = { reversePath: "ann@example.com", content: "Subject: hello\n\nhello\n" };

test("createTestGateway records what mx() would get, and takes recipients of one domain", async () => {
  const gateway = await createTestGateway(config);
  const to = ["bob@example.org", "eve@example.net", "sue@example.org"];
  const { reply, deliveries, recipients } = await gateway.inject({ ...message, recipients: to });
  assert.equal(reply.code, 250);
  assert.deepEqual(deliveries[0]?.recipients, ["bob@example.org", "sue@example.org"]);
  const refused = recipients.find(({ forwardPath }) => forwardPath === "eve@example.net");
  assert.equal(refused?.reply?.code, 452);
});

test("createTestGateway has a next hop of a test's own answer in place of mx()", async () => {
  const out = recordingNextHop("out", () => ({ code: 556, enhanced: "5.1.10", text: "No mail here" }));
  const gateway = await createTestGateway(config, { nextHops: { out } });
  const { reply } = await gateway.inject({ ...message, recipients: ["bob@example.org"] });
  assert.deepEqual([reply.code, reply.enhanced], [556, "5.1.10"]);
});
