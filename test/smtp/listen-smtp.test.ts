import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { SMTPConnection } from "smtp-server/lib/smtp-connection.js";
import { SMTPStream } from "smtp-server/lib/smtp-stream.js";
import { listen, ScriptedGateway, talk } from "./scripted-gateway.ts";

const OPEN = "EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n";
const codes = (replies: string): string => (replies.match(/^\d{3}(?= )/gm) ?? []).join(" ");

const dialogues = [
  {
    name: "a pipelined session",
    say: `${OPEN}Hi\r\n..x\r\n.\r\nQUIT\r\n`,
    want: "220 250 250 250 354 250 221",
    has: /250 2\.0\.0 Accepted \(ref m1\)/,
  },
  {
    name: "bare LF in content",
    say: `${OPEN}a\nb\r\n.\r\nQUIT\r\n`,
    want: "220 250 250 250 354 550 221",
    has: /550 5\.6\.0 Bare LF in message \(ref m1\)/,
  },
  {
    name: "bare CR in content",
    say: `${OPEN}a\rb\r\n.\r\nQUIT\r\n`,
    want: "220 250 250 250 354 550 221",
    has: /5\.6\.0 Bare CR/,
  },
  {
    name: "NUL in content",
    say: `${OPEN}a\0b\r\n.\r\nQUIT\r\n`,
    want: "220 250 250 250 354 550 221",
    has: /5\.6\.0 NUL/,
  },
  {
    name: "a message over SIZE",
    say: `${OPEN}${"x".repeat(2000)}\r\n.\r\nQUIT\r\n`,
    want: "220 250 250 250 354 552 221",
    has: /552 5\.3\.4/,
  },
  {
    name: "SIZE= over the limit",
    say: "EHLO c\r\nMAIL FROM:<> SIZE=1001\r\nQUIT\r\n",
    want: "220 250 552 221",
    has: /5\.3\.4/,
  },
  {
    name: "an unknown parameter",
    say: "EHLO c\r\nMAIL FROM:<> RET=HDRS\r\nQUIT\r\n",
    want: "220 250 555 221",
    has: /555 5\.5\.4/,
  },
  {
    name: "a non-ASCII address",
    say: "EHLO c\r\nMAIL FROM:<\xc3\xa9@b.example>\r\nQUIT\r\n",
    want: "220 250 553 221",
    has: /553 5\.6\.7/,
  },
  {
    name: "a malformed path",
    say: "EHLO c\r\nMAIL FROM:a@b\r\nMAIL FROM:<>\r\nRCPT TO:<@>\r\nQUIT\r\n",
    want: "220 250 501 250 501 221",
    has: /5\.1\.7[\s\S]*5\.1\.3/,
  },
  {
    name: "RSET",
    say: "EHLO c\r\nMAIL FROM:<>\r\nRSET\r\nRCPT TO:<c@d.example>\r\nQUIT\r\n",
    want: "220 250 250 250 503 221",
    has: /503 5\.5\.1/,
  },
  {
    name: "too many recipients",
    say: `EHLO c\r\nMAIL FROM:<>\r\n${"RCPT TO:<c@d.example>\r\n".repeat(3)}QUIT\r\n`,
    want: "220 250 250 250 250 452 221",
    has: /452 4\.5\.3/,
  },
  {
    name: "garbage",
    say: "\x80\xff\r\nVRFY x\r\nEXPN x\r\nAUTH PLAIN x\r\nQUIT\r\n",
    want: "220 500 252 502 503 221",
    has: /502 5\.5\.1/,
  },
];
for (const { name, say, want, has } of dialogues) {
  test(`listenSmtp answers ${name}`, async () => {
    const listener = await listen(new ScriptedGateway());
    try {
      const replies = await talk(listener.address.port, say);
      assert.equal(codes(replies), want, replies);
      assert.match(replies, has);
    } finally {
      await listener.close();
    }
  });
}

test("listenSmtp gives the engine the content without its stuffed dots, and holds it while write() waits", async () => {
  const gateway = new ScriptedGateway();
  gateway.writeWait = new Promise((resolve) => setTimeout(resolve, 20));
  const listener = await listen(gateway);
  await talk(listener.address.port, `${OPEN}Hi\r\n..x\r\n.\r\nQUIT\r\n`);
  assert.deepEqual(gateway.messages, ["Hi\r\n.x\r\n"]);
  await listener.close();
});

test("listenSmtp outlives a client that vanishes after each octet of a session", async () => {
  const gateway = new ScriptedGateway();
  const listener = await listen(gateway);
  const session = `${OPEN}Hi\r\n.\r\n`;
  for (let length = 0; length < session.length; length += 1) {
    const socket = connect(listener.address.port, "127.0.0.1");
    socket.on("error", () => {});
    await once(socket, "data");
    socket.write(session.slice(0, length), () => socket.resetAndDestroy());
    await once(socket, "close");
  }
  assert.match(await talk(listener.address.port, "QUIT\r\n"), /221/);
  await listener.close();
  assert.equal(gateway.messages.length, 0);
});

test("close() says 421 to an idle session", async () => {
  const listener = await listen(new ScriptedGateway());
  const idle = connect(listener.address.port, "127.0.0.1");
  let heard = "";
  idle.on("data", (chunk) => (heard += chunk.toString()));
  await once(idle, "data");
  await listener.close();
  assert.match(heard, /421 4\.3\.2/);
});

test("listenSmtp rejects with EADDRINUSE on a taken port", async () => {
  const listener = await listen(new ScriptedGateway());
  await assert.rejects(listen(new ScriptedGateway(), { address: listener.address }), { code: "EADDRINUSE" });
  await listener.close();
});

test("smtp-server has each method that is overridden, with its arity", () => {
  const connection = { init: 0, _createParser: 0, send: 3, upgrade: 2, _onTimeout: 0, _onClose: 0 } as const;
  const commands = ["EHLO", "HELO", "AUTH", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT", "HELP", "VRFY"];
  const methods = SMTPConnection.prototype as unknown as Record<string, { length: number } | undefined>;
  for (const [name, arity] of Object.entries(connection)) assert.equal(methods[name]?.length, arity, name);
  for (const name of commands) {
    // NOOP and its like may declare fewer parameters than they are called with.
    assert.ok((methods[`handler_${name}`]?.length ?? 9) <= 2, name);
  }
  const stream = SMTPStream.prototype as unknown as Record<string, { length: number } | undefined>;
  for (const [name, arity] of Object.entries({ _feedDataStream: 2, _flushData: 0, _write: 3 }))
    assert.equal(stream[name]?.length, arity, name);
});
