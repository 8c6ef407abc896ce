import assert from "node:assert/strict";
import { test } from "node:test";
import * as mail from "../../core/mail/mod.ts";

test("makeReply derives the enhanced class from the code", () => {
  assert.equal(mail.makeReply(450, "1.1", "x").enhanced, "4.1.1");
  assert.equal(mail.makeReply(354, "1.1", "x").enhanced, "");
  assert.throws(() => mail.makeReply(550, "5.1.1", "x"), RangeError);
  assert.throws(() => mail.makeReply(99, "", "x"), RangeError);
});

test("replies have the registered codes", () => {
  const table: readonly (readonly [mail.Reply, string])[] = [
    [mail.accepted(), "250 2.6.0"],
    [mail.senderSyntax(), "501 5.1.7"],
    [mail.recipientSyntax(), "501 5.1.3"],
    [mail.messageTooLarge(), "552 5.3.4"],
    [mail.localError(), "451 4.3.0"],
    [mail.configurationError(), "451 4.3.5"],
    [mail.nextHopDown(), "451 4.4.1"],
    [mail.deadlinePassed(), "451 4.4.7"],
  ];
  for (const [reply, want] of table) assert.equal(`${reply.code} ${reply.enhanced}`, want);
});

test("formatReply writes each line with its code and lets no text end a line", () => {
  const reply = mail.makeReply(550, "7.1", "No\r250 OK\nsecond\0");
  assert.equal(mail.formatReply(reply), "550-5.7.1 No 250 OK\r\n550 5.7.1 second \r\n");
});

test("formatReply keeps each line within 512 octets (RFC 5321 4.5.3.1.5)", () => {
  for (const text of ["x".repeat(5_000), "€".repeat(5_000)]) {
    const lines = mail
      .formatReply(mail.makeReply(550, "7.1", text))
      .split("\r\n")
      .slice(0, -1);
    assert.ok(lines.length > 1);
    for (const line of lines) assert.ok(new TextEncoder().encode(line).length + 2 <= 512);
  }
});
