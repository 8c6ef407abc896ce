/** What a delivery tells of its dialogue with a next hop: commands and replies, and never content. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { SmtpNextHop } from "../../core/config/next-hops.ts";
import { createSmtpDriver } from "../../core/relay/mod.ts";
import { clock, delivery, goOn, nextHop, offering, recordingLog } from "./relay-fixtures.ts";
import { type Script, startSink } from "./sink-server.ts";

/** Delivers two messages on one connection, the first one with somebody who wants to know. */
async function run(script: Script | undefined, hop: Partial<SmtpNextHop> = {}) {
  const sink = await startSink(script);
  const options = { hostName: "gw.example", log: recordingLog(), clock };
  const driver = createSmtpDriver("sink", nextHop(sink.port, hop), options);
  const lines: string[] = [];
  const servers = new Set<string>();
  const onLine = (server: string, who: "gateway" | "nextHop", line: string) => {
    servers.add(server);
    lines.push(`${who === "gateway" ? "C" : "S"}: ${line}`);
  };
  try {
    await driver.deliver(delivery("Subject: private\r\n\r\nhello\r\n"), { ...goOn(), onLine });
    const first = [...lines];
    await driver.deliver(delivery("Subject: other\r\n"), goOn());
    assert.deepEqual(lines, first, "a later delivery on the connection is nobody's");
    assert.deepEqual([...servers], [`127.0.0.1:${sink.port}`]);
    assert.equal(sink.messages.length, 2);
    assert.doesNotMatch(lines.join("\n"), /private|hello/);
    await driver.close();
    return lines;
  } finally {
    await sink.close();
  }
}

test("deliver tells onLine of each command and reply, and nothing of the content", async () => {
  assert.deepEqual(await run(offering("PIPELINING")), [
    "C: MAIL FROM:<alice@a.example>",
    "C: RCPT TO:<bob@b.example>",
    "C: DATA",
    "S: 250 2.1.0 ok",
    "S: 250 2.1.0 ok",
    "S: 354 go on",
    "S: 250 2.0.0 taken",
  ]);
});

test("deliver tells onLine of BDAT, which says its octets itself", async () => {
  assert.deepEqual(await run(offering("PIPELINING", "CHUNKING")), [
    "C: MAIL FROM:<alice@a.example>",
    "C: RCPT TO:<bob@b.example>",
    "C: BDAT 27 LAST",
    "S: 250 2.1.0 ok",
    "S: 250 2.1.0 ok",
    "S: 250 2.0.0 taken",
  ]);
});

test("deliver tells onLine of LMTP, and of replies with several lines", async () => {
  const script: Script = (command) =>
    command.startsWith("RCPT") ? "250-2.1.5 one\r\n250 2.1.5 two" : undefined;
  const lines = await run(script, { protocol: "lmtp" });
  assert.ok(lines.includes("S: 250-2.1.5 one\n250 2.1.5 two"), lines.join("\n"));
  assert.equal(lines.at(-1), "S: 250 2.0.0 taken");
});

test("deliver tells onLine of XFORWARD too", async () => {
  const lines = await run(offering("PIPELINING", "XFORWARD NAME ADDR"), { forwardClient: "xforward" });
  assert.equal(lines[0], "C: XFORWARD NAME=[UNAVAILABLE] ADDR=192.0.2.1");
});

test("deliver tells onLine of a kept connection that was closed, and of the one that took its place", async () => {
  let mails = 0;
  const script: Script = (command) =>
    command.startsWith("MAIL") && ++mails === 2 ? "421 4.3.2 bye" : undefined;
  const sink = await startSink(script);
  const options = { hostName: "gw.example", log: recordingLog(), clock };
  const driver = createSmtpDriver("sink", nextHop(sink.port), options);
  const lines: string[] = [];
  try {
    await driver.deliver(delivery("a\r\n"), goOn());
    await driver.deliver(delivery("a\r\n"), {
      ...goOn(),
      onLine: (_server, _who, line) => void lines.push(line),
    });
    assert.ok(lines.includes("421 4.3.2 bye"), lines.join("\n"));
    assert.equal(lines.at(-1), "250 2.0.0 taken");
    await driver.close();
  } finally {
    await sink.close();
  }
});
