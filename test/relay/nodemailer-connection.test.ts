/** Pins what nodemailer-connection.ts takes of nodemailer's insides: an upgrade that changes one of these fails here. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NextHopConnection } from "../../core/relay/nodemailer-connection.ts";
import { startSink } from "./sink-server.ts";

function connectionTo(port: number) {
  return new NextHopConnection({
    host: "127.0.0.1",
    port,
    hostName: "gw.example",
    implicitTls: false,
    startTls: "none",
    verify: false,
    auth: undefined,
    connectTimeoutMs: 1000,
    replyTimeoutMs: 1000,
  });
}

test("say writes the command by _sendCommand and gives whole replies in order through _responseActions", async () => {
  const sink = await startSink((command) => (command === "NOOP" ? "250-a\r\n250 b" : undefined));
  const connection = connectionTo(sink.port);
  await connection.open(new AbortController().signal);
  const replies: string[] = [];
  connection.say("NOOP", (reply) => replies.push(reply));
  await new Promise<void>((resolve) => connection.say("RSET", (reply) => resolve(void replies.push(reply))));
  assert.deepEqual(replies, ["250-a\n250 b", "250 2.1.0 ok"]);
  assert.deepEqual(sink.commands, ["EHLO gw.example", "NOOP", "RSET"]);
  connection.cut();
  await sink.close();
});

test("_supportedExtensions and _maxAllowedSize come from EHLO", async () => {
  const sink = await startSink();
  const connection = connectionTo(sink.port);
  await connection.open(new AbortController().signal);
  assert.ok(connection.offers("PIPELINING") && connection.offers("SIZE") && !connection.offers("REQUIRETLS"));
  assert.equal(connection.extensions().size, 1_000_000);
  connection.cut();
  await sink.close();
});

test("close, an unasked reply and a closed socket each end it once by the end event, with a fault only for errors", async () => {
  for (const answer of [null, "250 ok\r\n250 unasked", "421 bye"]) {
    const sink = await startSink((command) => (command === "NOOP" ? answer : undefined));
    const connection = connectionTo(sink.port);
    await connection.open(new AbortController().signal);
    let ends = 0;
    const ended = new Promise<void>((resolve) => {
      connection.onEnd = () => resolve(void ends++);
    });
    connection.say("NOOP", () => undefined);
    await ended;
    connection.cut();
    assert.equal(ends, 1);
    assert.equal(connection.socket, undefined);
    await sink.close();
  }
});
