/** `verifyRecipients` of a route, from the config to the next hop. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { defineGateway, mx, pipeline, smtp } from "postern";
import { routes } from "postern/plugins";
import { createTestGateway, recordingNextHop } from "postern/testing";

const gone = (forwardPath: string) =>
  forwardPath.startsWith("gone@") ? { code: 550, enhanced: "5.1.1", text: "No such user here" } : undefined;

test("routes with verifyRecipients asks the next hop of that entry alone, once for each address", async () => {
  const backend = recordingNextHop("backend", undefined, gone);
  const lists = recordingNextHop("lists", undefined, gone);
  const gateway = await createTestGateway(
    defineGateway({
      nextHops: { backend: smtp("192.0.2.9"), lists: smtp("192.0.2.8") },
      pipeline: pipeline(
        routes([
          { recipient: "*@lists.example.com", nextHop: "lists" },
          { recipient: "*@example.com", nextHop: "backend", mode: "inline", verifyRecipients: true },
        ]),
      ),
    }),
    { nextHops: { backend, lists } },
  );
  const send = (...recipients: string[]) =>
    gateway.inject({ reversePath: "ann@example.net", recipients, content: "Subject: hi\n\nhello\n" });

  const one = await send("gone@example.com", "bob@example.com");
  assert.equal(one.reply.code, 250);
  assert.deepEqual(one.deliveries[0]?.recipients, ["bob@example.com"]);
  assert.deepEqual(
    one.recipients.map(({ forwardPath, outcome, reply }) => [forwardPath, outcome, reply?.enhanced]),
    [
      ["gone@example.com", "refused", "5.1.1"],
      ["bob@example.com", "delivered", "2.0.0"],
    ],
  );
  assert.match((await send("gone@example.com")).reply.text, /^No such user here/);
  assert.equal((await send("gone@lists.example.com")).reply.code, 250);
  assert.deepEqual(backend.asked, ["gone@example.com", "bob@example.com"]);
  assert.deepEqual(lists.asked, []);
});

test("routes with verifyRecipients keeps the config's options: undecided and its times", async () => {
  const later = () => ({ code: 450, enhanced: "4.2.0", text: "Grey" });
  const gateway = await createTestGateway(
    defineGateway({
      nextHops: { backend: smtp("192.0.2.9") },
      pipeline: pipeline(
        routes([{ nextHop: "backend", verifyRecipients: { undecided: "tempfail", timeout: "1s" } }]),
      ),
    }),
    { nextHops: { backend: recordingNextHop("backend", undefined, later) } },
  );
  const { reply } = await gateway.inject({
    ...{ reversePath: "", recipients: ["bob@example.com"], content: "Subject: hi\n\nhello\n" },
  });
  assert.deepEqual([reply.code, reply.enhanced], [450, "4.1.1"]);
});

test("routes with verifyRecipients at mx() is told at start: strangers' servers are not asked", async () => {
  const config = defineGateway({
    nextHops: { out: mx() },
    pipeline: pipeline(routes([{ nextHop: "out", verifyRecipients: true }])),
  });
  await assert.rejects(createTestGateway(config), (error: Error) => {
    assert.match(
      error.message,
      /found verifyRecipients at "out", which is mx\(\), expected smtp\(\) or lmtp\(\): only servers of your own are asked/,
    );
    return true;
  });
});
