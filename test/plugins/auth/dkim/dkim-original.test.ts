/** `dkim` among others: after plugins that edit, and with a DNS that keeps silent. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { defineGateway, definePlugin, mailbox, pipeline } from "postern";
import { createTestGateway } from "postern/testing";
import { dkim } from "../../../../plugins/auth/dkim/dkim.ts";
import { headers } from "../../../../plugins/rewrite/headers.ts";
import { hastyClock, toBackend } from "../../fakes.ts";
import { RECORDS, type Signatures, signed, zoneOf } from "./dkim-bed.ts";

const MESSAGE = signed(["From: a@sender.example", "Subject: x"], "Hello\r\n");

test("dkim judges the message as it came in, whatever was edited before", async () => {
  const footer = definePlugin({
    name: "footer",
    edits: ["body"],
    data: (ctx) => ctx.message.appendText({ plain: "Bye" }, "a test"),
  });
  const rewrite = headers({
    replace: [{ name: "Subject", value: "y" }],
    remove: ["DKIM-Signature"],
    allowProtected: ["DKIM-Signature"],
  });
  const gateway = await createTestGateway(
    defineGateway({
      domains: ["inside.example"],
      pipeline: pipeline(footer, rewrite, dkim(), toBackend),
      nextHops: { backend: mailbox() },
    }),
    { dns: zoneOf(RECORDS) },
  );
  const { facts, deliveries } = await gateway.inject({
    reversePath: "",
    recipients: ["b@inside.example"],
    content: MESSAGE,
  });
  assert.equal((facts.dkim as Signatures).signatures[0]?.result, "pass");
  assert.match(deliveries[0]?.text ?? "", /Bye/);
  assert.doesNotMatch(deliveries[0]?.text ?? "", /DKIM-Signature/);
});

test("dkim tells temperror where DNS never answers, and the message goes on", async () => {
  const gateway = await createTestGateway(
    defineGateway({
      domains: ["inside.example"],
      pipeline: pipeline(dkim(), toBackend),
      nextHops: { backend: mailbox() },
    }),
    { dns: { resolve: (_name, _type, signal) => untilAborted(signal) }, clock: hastyClock() },
  );
  const { facts, reply } = await gateway.inject({
    reversePath: "",
    recipients: ["b@inside.example"],
    content: MESSAGE,
  });
  assert.equal(reply.code, 250);
  assert.equal((facts.dkim as Signatures).signatures[0]?.result, "temperror");
});

const untilAborted = (signal: AbortSignal | undefined): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
