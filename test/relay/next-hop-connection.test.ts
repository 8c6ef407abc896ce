/** One connection to a next hop: what it says, what it takes for an answer, and how it ends. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { NextHopConnection } from "../../core/relay/next-hop-connection.ts";
import { type ConnectionOptions, type OpenFault, openConnection } from "../../core/relay/open-connection.ts";
import { REPLY_BYTES_MAX, ReplyReader } from "../../core/relay/reply-reader.ts";
import { ehloLines, startSink } from "./sink-server.ts";

const signal = new AbortController().signal;

function open(port: number, changes: Partial<ConnectionOptions> = {}, until = signal) {
  const options = {
    host: "127.0.0.1",
    port,
    hostName: "gw.example",
    implicitTls: false,
    startTls: "none",
    verify: false,
    auth: undefined,
    connectTimeoutMs: 1000,
    replyTimeoutMs: 1000,
    ...changes,
  } as const;
  return openConnection(options, until);
}

describe("NextHopConnection", () => {
  it("says what say() collected in one write, and gives whole replies in their order", async () => {
    const sink = await startSink((command) => (command === "NOOP" ? "250-a\r\n250 b" : undefined));
    const connection = await open(sink.port);
    const replies: string[] = [];
    connection.say("NOOP", (reply) => replies.push(reply));
    const last = new Promise<void>((resolve) =>
      connection.say("RSET", (reply) => resolve(void replies.push(reply))),
    );
    assert.deepEqual(sink.commands, ["EHLO gw.example"]);
    connection.flush();
    await last;
    assert.deepEqual(replies, ["250-a\n250 b", "250 2.1.0 ok"]);
    assert.deepEqual(sink.commands, ["EHLO gw.example", "NOOP", "RSET"]);
    connection.cut();
    await sink.close();
  });

  for (const { name, say } of [
    {
      name: "a command",
      say: (connection: NextHopConnection, onReply: () => void) => {
        connection.say("NOOP", onReply);
        connection.flush();
      },
    },
    {
      name: "content",
      say: (connection: NextHopConnection, onReply: () => void) => {
        connection.expect(onReply, 1000);
        connection.write(Buffer.from("text\r\n.\r\n"));
      },
    },
  ]) {
    it(`takes nothing for the answer to ${name} that has not left yet`, async () => {
      const sink = await startSink(() => undefined);
      const connection = await open(sink.port);
      const { socket } = connection;
      assert.ok(socket);
      let answered = false;
      say(connection, () => {
        answered = true;
      });
      connection.takes(Buffer.from("250 2.0.0 taken\r\n"), socket);
      assert.match(connection.fault?.message ?? "", /what was not asked yet/);
      assert.equal(connection.socket, undefined);
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(answered, false);
      await sink.close();
    });
  }

  it("knows what the last EHLO offered, in any letter case and with the old form of AUTH", async () => {
    const sink = await startSink((command) =>
      command.startsWith("EHLO")
        ? "250-sink\r\n250-Size 1000000\r\n250-auth=PLAIN\r\n250 8bitmime"
        : undefined,
    );
    const connection = await open(sink.port);
    assert.ok(connection.offers("8BITMIME") && connection.offers("SIZE") && !connection.offers("PIPELINING"));
    assert.equal(connection.extensions().size, 1_000_000);
    connection.cut();
    await sink.close();
  });

  for (const [name, size] of [
    ["no number", "SIZE"],
    ["0", "SIZE 0"],
    ["rubbish", "SIZE many"],
  ] as const) {
    it(`takes SIZE with ${name} for no bound (RFC 1870 4)`, async () => {
      const sink = await startSink((command) =>
        command.startsWith("EHLO") ? `250-s\r\n250 ${size}` : undefined,
      );
      const connection = await open(sink.port);
      assert.equal(connection.extensions().size, undefined);
      connection.cut();
      await sink.close();
    });
  }

  it("falls back to HELO where EHLO is not known, but not where TLS or AUTH is demanded", async () => {
    const sink = await startSink((command) => (command.startsWith("EHLO") ? "502 what" : undefined));
    const connection = await open(sink.port, { startTls: "offered" });
    assert.deepEqual(sink.commands, ["EHLO gw.example", "HELO gw.example"]);
    assert.equal(connection.offers("SIZE"), false);
    connection.cut();
    await assert.rejects(open(sink.port, { startTls: "always" }), /EHLO was refused: 502/);
    await sink.close();
  });

  for (const answer of [null, "250 ok\r\n250 unasked", "421 bye"]) {
    it(`ends once when the next hop ${answer === null ? "goes away" : `says ${JSON.stringify(answer)}`}`, async () => {
      const sink = await startSink((command) => (command === "NOOP" ? answer : undefined));
      const connection = await open(sink.port);
      let ends = 0;
      const ended = new Promise<void>((resolve) => {
        connection.onEnd = () => resolve(void ends++);
      });
      connection.say("NOOP", (reply) => {
        if (reply.startsWith("421")) connection.cut();
      });
      connection.flush();
      await ended;
      connection.cut();
      assert.equal(ends, 1);
      assert.equal(connection.socket, undefined);
      await sink.close();
    });
  }

  it("refuses octets that came in the clear behind the answer to STARTTLS (RFC 3207 6)", async () => {
    const sink = await startSink((command) => {
      if (command.startsWith("EHLO")) return `${ehloLines.replace("250 DSN", "250 STARTTLS")}`;
      return command === "STARTTLS" ? "220 go\r\n250-evil\r\n250 AUTH PLAIN" : undefined;
    });
    const opened = open(sink.port, { startTls: "always" });
    await assert.rejects(
      opened,
      (error: OpenFault) => error.about === "us" && /in the clear/.test(error.message),
    );
    await sink.close();
  });

  it("says nothing more where STARTTLS was stripped from EHLO and TLS is demanded", async () => {
    const sink = await startSink();
    const opened = open(sink.port, {
      startTls: "always",
      auth: { user: "ann", password: "secret" },
    });
    await assert.rejects(opened, /does not offer STARTTLS/);
    assert.deepEqual(sink.commands, ["EHLO gw.example"]);
    await sink.close();
  });

  it("gives up a server that takes the connection and never greets, and one that is not there", async () => {
    const mute = createServer((socket) => socket.on("error", () => {}).resume());
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
    const { port } = mute.address() as { port: number };
    await assert.rejects(open(port, { replyTimeoutMs: 50 }), /no answer in time/);
    await new Promise((resolve) => mute.close(resolve));
    await assert.rejects(open(port), /ECONNREFUSED/);
  });

  it("stops opening when the signal aborts", async () => {
    const sink = await startSink((command) => (command === "GREETING" ? "" : undefined));
    const stop = new AbortController();
    const opened = open(sink.port, {}, stop.signal);
    setImmediate(() => stop.abort());
    await assert.rejects(opened, /the deadline is over/);
    await assert.rejects(open(sink.port, {}, stop.signal), /the deadline is over/);
    await sink.close();
  });
});

describe("ReplyReader", () => {
  const text = fc.string({ unit: "binary-ascii", maxLength: 20 }).map((s) => s.replace(/[\r\n]/g, ""));
  const reply = fc
    .tuple(fc.integer({ min: 200, max: 599 }), fc.array(text, { maxLength: 3 }), text)
    .map(([code, more, last]) => [...more.map((line) => `${code}-${line}`), `${code} ${last}`]);

  it("gives the same replies whatever the borders of the chunks, with CRLF and with bare LF", () => {
    fc.assert(
      fc.property(
        fc.array(reply, { maxLength: 5 }),
        fc.constantFrom("\r\n", "\n"),
        fc.array(fc.nat(400)),
        (replies, lineEnd, cuts) => {
          const octets = Buffer.from(
            replies
              .flat()
              .map((line) => line + lineEnd)
              .join(""),
            "latin1",
          );
          const reader = new ReplyReader();
          const got: string[] = [];
          let at = 0;
          for (const cut of [...cuts.sort((a, b) => a - b), octets.length]) {
            const end = Math.min(cut, octets.length);
            assert.ok(reader.read(octets.subarray(at, end), (one) => got.push(one)));
            at = end;
          }
          assert.deepEqual(
            got,
            replies.map((lines) => lines.join("\n")),
          );
          assert.equal(reader.pending, false);
        },
      ),
    );
  });

  for (const [name, piece] of [
    ["a line without end", "x"],
    ["a reply without end", "250-x\r\n"],
  ] as const) {
    it(`does not take ${name}`, () => {
      const reader = new ReplyReader();
      const chunk = Buffer.from(piece.repeat(1000));
      let octets = 0;
      while (reader.read(chunk, () => assert.fail("a reply"))) {
        octets += chunk.length;
        assert.ok(octets <= 2 * REPLY_BYTES_MAX);
      }
    });
  }
});
