/** What a listed peer says by XFORWARD: in trace, log, delivery and spool of the next message, and in nothing else. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definePlugin, pipeline, routeTo } from "postern";
import { createMemorySpool } from "postern/testing";
import type { SaidByXforward, SpoolMessage } from "../../core/gateway/mod.ts";
import { CONTENT, forward, octets, openBed, reverse } from "./engine-bed.ts";
import { watched } from "./spool-engine-fixtures.ts";

const routes = (mode: "inline" | "queue" = "inline") =>
  definePlugin({ name: "routes", routes: true, route: () => routeTo("backend", { mode }) });
const SAID: SaidByXforward = { ip: "203.0.113.9", port: 4711, name: "spike.example", ident: "4Z2x" };

describe("EngineSession.forwarded", () => {
  it("stands in the record, the log and the delivery of the next message alone", async () => {
    const bed = await openBed({ pipeline: pipeline(routes()) });
    const session = bed.open();
    session.forwarded(SAID);
    session.forwarded({ port: null, source: "REMOTE" });
    const want = { ip: "203.0.113.9", name: "spike.example", ident: "4Z2x", source: "REMOTE" };
    await bed.send(["bob@example.org"], { session });
    assert.deepEqual(bed.last().forwarded, want);
    assert.equal(bed.last().client.ip, "127.0.0.1");
    const line = bed.lines.find(({ event }) => event === "delivered");
    assert.deepEqual([line?.fields.origClient, line?.fields.origIdent], ["203.0.113.9", "4Z2x"]);
    assert.deepEqual(bed.deliveries[0]?.forwarded, want);
    await bed.send(["bob@example.org"], { session });
    assert.equal(bed.last().forwarded, undefined);
    assert.equal(bed.deliveries[1]?.forwarded, undefined);
  });

  for (const [how, act] of [
    ["RSET", "reset"],
    ["EHLO", "ehlo"],
  ] as const) {
    it(`is gone with ${how}`, async () => {
      const bed = await openBed({ pipeline: pipeline(routes()) });
      const session = bed.open();
      session.forwarded(SAID);
      if (act === "reset") session.reset();
      else await session.ehlo("front.example");
      await bed.send(["bob@example.org"], { session });
      assert.equal(bed.last().forwarded, undefined);
    });
  }

  it("keeps of mail without an address what is the message's, as it began at the peer", async () => {
    const bed = await openBed({ pipeline: pipeline(routes()) });
    const session = bed.open();
    session.forwarded({ ...SAID, ip: null, source: "LOCAL" });
    await bed.send(["bob@example.org"], { session });
    assert.deepEqual(bed.last().forwarded, { ident: "4Z2x", source: "LOCAL" });
  });

  it("is stored with a message that is queued", async () => {
    const stored: SpoolMessage[] = [];
    const spool = watched(createMemorySpool({ durable: true }), (message) => void stored.push(message));
    const bed = await openBed({ pipeline: pipeline(routes("queue")), services: { spool } });
    const session = bed.open();
    session.forwarded(SAID);
    await session.mail(reverse("ann@example.com"), {});
    await session.rcpt(forward("bob@example.org"), {});
    const receiver = session.receive();
    await receiver.write(octets(CONTENT));
    assert.equal((await receiver.end()).answer.kind, "accepted");
    assert.deepEqual(stored[0]?.forwarded, SAID);
  });
});
