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
    [mail.recipientUnknown(), "550 5.1.1"],
    [mail.noRelay(), "550 5.7.1"],
    [mail.systemFull(), "452 4.3.1"],
    [mail.tooManyRecipients(), "452 4.5.3"],
    [mail.messageTooLarge(), "552 5.3.4"],
    [mail.bareNewline(), "550 5.6.0"],
    [mail.nextHopDown(), "451 4.4.1"],
    [mail.authRequired(), "530 5.7.0"],
    [mail.authFailed(), "535 5.7.8"],
    [mail.parameterUnknown("X=1"), "555 5.5.4"],
    [mail.shuttingDown(), "421 4.3.2"],
    [mail.loop(), "554 5.4.6"],
  ];
  for (const [reply, want] of table) assert.equal(`${reply.code} ${reply.enhanced}`, want);
});

test("formatReply writes each line with its code and lets no text end a line", () => {
  const reply = mail.withRef(mail.makeReply(550, "7.1", "No\r250 OK\nsecond\0"), "abc");
  assert.equal(mail.formatReply(reply), "550-5.7.1 No 250 OK\r\n550 5.7.1 second  (ref abc)\r\n");
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
