/** Edits of bodies whose fields and encodings are made to cost time: each is done in one pass. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Message, memoryContent, readAll } from "../../core/mail/mod.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const loaded = (text: string): Promise<Message> => Message.load(memoryContent(bytesOf(text)));

test("prependText takes the tail off a Content-Type with 300,000 spaces in one pass", {
  timeout: 5_000,
}, async () => {
  const message = await loaded(`Content-Type: text/plain;${" ".repeat(300_000)}x\r\n\r\nbody\r\n`);
  await message.editor("a").prependText({ plain: "é" }, "r");
  const text = new TextDecoder().decode(await readAll(message.content));
  assert.match(text, /charset=utf-8/);
  assert.match(text, /=C3=A9/);
});

test("appendText finds the end of 5 MB of base64 padding in one pass", { timeout: 5_000 }, async () => {
  const message = await loaded(
    `Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8K\r\n${"=".repeat(5_000_000)}\r\n`,
  );
  await message.editor("a").appendText({ plain: "footer" }, "r");
  assert.ok(message.edits.length > 0);
});

for (const [name, header, whole] of [
  ["of a megabyte less one line", 1_000_000, true],
  ["over a megabyte", 1_100_000, false],
] as const) {
  test(`Message.headerWhole is ${whole} for a header section ${name}`, async () => {
    const text = `From: a@example.com\r\nX-Pad: ${"x\r\n ".repeat(header / 4)}\r\nFrom: b@example.com\r\n\r\nbody\r\n`;
    const message = await loaded(text);
    assert.equal(message.headerWhole, whole);
    assert.equal(message.fork().headerWhole, whole);
  });
}
