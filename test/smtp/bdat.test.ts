/** BDAT and the engine's receiver. What a client sees of it is in dialogues/. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { listen, ScriptedGateway, talk } from "./scripted-gateway.ts";

const OPEN = "EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n";
const codes = (replies: string): string => (replies.match(/^\d{3}(?= )/gm) ?? []).join(" ");

/** A whole session; gives its codes. */
async function session(gateway: ScriptedGateway, octets: string): Promise<string> {
  const listener = await listen(gateway);
  try {
    return codes(await talk(listener.address.port, octets));
  } finally {
    await listener.close();
  }
}

const endings = [
  { name: "RSET", say: "RSET\r\n", event: "abort the client gave it up" },
  { name: "EHLO", say: "EHLO c\r\n", event: "abort the client gave it up" },
  { name: "QUIT", say: "", event: "abort the client went away" },
  {
    name: "a chunk over the limit",
    say: `BDAT 999\r\n${"x".repeat(999)}`,
    event: "abort over the size limit",
  },
  { name: "a bare LF", say: "BDAT 3\r\na\nb", event: "abort Bare LF in message" },
];
for (const { name, say, event } of endings) {
  test(`bdatCommand gives the receiver up once after ${name}`, async () => {
    const gateway = new ScriptedGateway();
    await session(gateway, `${OPEN}BDAT 3\r\na\r\n${say}QUIT\r\n`);
    assert.deepEqual(
      gateway.events.filter((one) => one.startsWith("abort")),
      [event],
    );
    assert.deepEqual(gateway.messages, []);
  });
}

test("bdatCommand gives the engine the octets of all chunks, and holds each while write() waits", async () => {
  const gateway = new ScriptedGateway();
  gateway.writeWait = new Promise((resolve) => setImmediate(resolve));
  const say = `${OPEN}BDAT 4\r\n.\r\n.BDAT 3\r\n\r\nxBDAT 2 LAST\r\n\r\nQUIT\r\n`;
  assert.equal(await session(gateway, say), "220 250 250 250 250 250 250 221");
  assert.deepEqual(gateway.messages, [".\r\n.\r\nx\r\n"]);
});

test("bdatCommand takes ten thousand pipelined chunks of one octet", async () => {
  const gateway = new ScriptedGateway();
  const listener = await listen(gateway);
  const chunks = "BDAT 1\r\nx".repeat(900);
  const message = `MAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\n${chunks}BDAT 2 LAST\r\n\r\n`;
  const replies = codes(await talk(listener.address.port, `EHLO c\r\n${message.repeat(12)}QUIT\r\n`));
  await listener.close();
  assert.equal(replies, `220 250 ${"250 ".repeat(12 * 903)}221`);
  assert.equal(gateway.messages.length, 12);
  assert.equal(gateway.messages[0], `${"x".repeat(900)}\r\n`);
});

test("bdatCommand ends a session of empty chunks, and gives the receiver up", async () => {
  const gateway = new ScriptedGateway();
  const replies = await session(gateway, `${OPEN}${"BDAT 0\r\n".repeat(1000)}BDAT 0 LAST\r\n`);
  assert.equal(replies, `220 250 250 250 ${"250 ".repeat(100)}421`);
  assert.deepEqual(gateway.messages, []);
  assert.ok(gateway.events.includes("abort the client went away"));
});

test("bdatCommand reads the chunk that found no receiver, and tells why", async () => {
  const gateway = new ScriptedGateway();
  const open = gateway.openSession.bind(gateway);
  gateway.openSession = (start) => ({
    ...open(start),
    receive: () => {
      throw new Error("no place");
    },
  });
  const say = `${OPEN}BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nRSET\r\nNOOP\r\nQUIT\r\n`;
  assert.equal(await session(gateway, say), "220 250 250 250 451 503 250 221");
  assert.deepEqual(gateway.messages, []);
});

test("bdatCommand takes no message of a client that vanishes after each octet", async () => {
  const gateway = new ScriptedGateway();
  const listener = await listen(gateway);
  const whole = `${OPEN}BDAT 3\r\na\r\nBDAT 5 LAST\r\nQUIT\r\n`;
  const said = whole.slice(0, -3);
  for (let length = OPEN.length; length < said.length; length += 1) {
    const socket = connect(listener.address.port, "127.0.0.1");
    socket.on("error", () => {});
    await once(socket, "data");
    socket.write(said.slice(0, length), () => socket.resetAndDestroy());
    await once(socket, "close");
  }
  assert.match(await talk(listener.address.port, "QUIT\r\n"), /221/);
  await listener.close();
  assert.deepEqual(gateway.messages, []);
});
