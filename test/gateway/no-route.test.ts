/** What a recipient without a route is told, and what the trace then says. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defineGateway, definePlugin, lmtp, mailbox, pipeline, routeTo } from "postern";
import { createTestGateway } from "postern/testing";

const message = {
  reversePath: "ann@example.com",
  recipients: ["bob@example.org"],
  content: "Subject: a\n\nb\n",
};
const nextHops = { backend: mailbox(), other: mailbox({ folder: "other" }) };

async function send(plugin: ReturnType<typeof routesBy>, recipients = message.recipients) {
  const gateway = await createTestGateway(defineGateway({ nextHops, pipeline: pipeline(plugin) }));
  return gateway.inject({ ...message, recipients });
}
const routesBy = (
  route: () => ReturnType<typeof routeTo> | undefined,
  onError: "skip" | "tempfail" = "tempfail",
) => definePlugin({ name: "routes", routes: true, onError, route });

const notes = (trace: Awaited<ReturnType<typeof send>>["trace"]): readonly string[] =>
  (trace?.entries ?? []).flatMap((entry) => ("event" in entry ? [`${entry.event}: ${entry.detail}`] : []));

describe("a recipient that no plugin routes", () => {
  it("is refused with 550 5.1.2, and the trace says so", async () => {
    const { reply, trace } = await send(routesBy(() => undefined));
    assert.deepEqual([reply.code, reply.enhanced], [550, "5.1.2"]);
    assert.ok(notes(trace).includes("noRoute: bob@example.org"), notes(trace).join("; "));
  });

  it("is tempfailed where a plugin failed and was skipped: it may have been the one that routes", async () => {
    const broken = routesBy(() => {
      throw new Error("oops");
    }, "skip");
    const { reply, deliveries } = await send(broken);
    assert.deepEqual([reply.code, reply.enhanced, deliveries.length], [451, "4.3.0", 0]);
  });

  it("is refused at RCPT where the envelope tells it, and the trace of the message says why", async () => {
    const plugin = definePlugin({
      name: "routes",
      routes: true,
      envelopeRoute: ({ recipient }) =>
        recipient.forwardPath.localPart === "nobody" ? "none" : { nextHop: recipient.forwardPath.localPart },
      route: (ctx) => routeTo(ctx.recipient.forwardPath.localPart),
    });
    const { reply, trace } = await send(plugin, [
      "backend@example.org",
      "nobody@example.org",
      "other@example.org",
    ]);
    assert.equal(reply.code, 250);
    const told = notes(trace);
    assert.ok(told.includes("noRoute: nobody@example.org"), told.join("; "));
    assert.ok(told.includes("otherRoute: other@example.org: other"), told.join("; "));
  });
});

describe("an inline next hop that speaks LMTP, without a durable spool,", () => {
  it("gets one recipient a transaction: the others are told 452 4.5.3 and come apart", async () => {
    const plugin = definePlugin({
      name: "routes",
      routes: true,
      envelopeRoute: () => ({ nextHop: "dovecot" }),
      route: () => routeTo("dovecot"),
    });
    const gateway = await createTestGateway(
      defineGateway({ nextHops: { dovecot: lmtp("127.0.0.1:24") }, pipeline: pipeline(plugin) }),
    );
    const { reply, recipients } = await gateway.inject({
      ...message,
      recipients: ["ann@example.org", "bob@example.org"],
    });
    assert.equal(reply.code, 250);
    assert.deepEqual(
      recipients.map(({ forwardPath, outcome, reply: own }) => [forwardPath, outcome, own?.code]),
      [
        ["bob@example.org", "deferred", 452],
        ["ann@example.org", "delivered", 250],
      ],
    );
  });
});
