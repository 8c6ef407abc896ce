/** The trace field of our own: the word for how the message came (RFC 3848, RFC 6531), and that no client can break it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type ReceivedFacts, receivedField } from "../../core/gateway/received-field.ts";

const plain: ReceivedFacts = {
  ehlo: "client.example",
  ip: "192.0.2.1",
  by: "gate.example",
  id: "1ke6sjt80af6jc",
  origin: "smtp",
  extended: true,
  tls: false,
  authenticated: false,
  utf8: false,
  at: Date.UTC(2026, 0, 5, 10, 2, 3),
};
const field = (more: Partial<ReceivedFacts> = {}): string =>
  new TextDecoder().decode(receivedField({ ...plain, ...more }));

describe("receivedField()", () => {
  it("has client, host, id and time (RFC 5321 4.4)", () => {
    assert.equal(
      field(),
      "Received: from client.example ([192.0.2.1])\r\n\tby gate.example (Postern) with ESMTP id 1ke6sjt80af6jc;\r\n\tMon, 5 Jan 2026 10:02:03 +0000\r\n",
    );
  });

  const words: readonly { readonly given: Partial<ReceivedFacts>; readonly want: string }[] = [
    { given: { extended: false }, want: "SMTP" },
    { given: { extended: false, tls: true, authenticated: true, utf8: true }, want: "SMTP" },
    { given: {}, want: "ESMTP" },
    { given: { tls: true }, want: "ESMTPS" },
    { given: { authenticated: true }, want: "ESMTPA" },
    { given: { tls: true, authenticated: true }, want: "ESMTPSA" },
    { given: { utf8: true, tls: true, authenticated: true }, want: "UTF8SMTPSA" },
    { given: { origin: "lmtp" }, want: "LMTP" },
    { given: { origin: "lmtp", utf8: true, tls: true }, want: "UTF8LMTPS" },
    { given: { origin: "email" }, want: "EMAIL" },
  ];
  for (const { given, want } of words) {
    it(`says with ${want} for ${JSON.stringify(given)}`, () => {
      assert.equal(/ with (\S+) id /.exec(field(given))?.[1], want);
    });
  }

  for (const { ip, ehlo, want } of [
    { ip: "2001:db8::1", ehlo: "a.example", want: "from a.example ([IPv6:2001:db8::1])" },
    { ip: "192.0.2.1", ehlo: "", want: "from [192.0.2.1] ([192.0.2.1])" },
    { ip: "", ehlo: "", want: "from unknown" },
  ]) {
    it(`says ${want}`, () => {
      assert.ok(field({ ip, ehlo }).startsWith(`Received: ${want}\r\n`));
    });
  }

  it("stays one field of three or four lines, whatever the client calls itself and whomever it names", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        fc.string({ unit: "binary" }),
        fc.string({ unit: "binary" }),
        (ehlo, ip, forwardPath) => {
          const lines = field({ ehlo, ip, forwardPath }).split("\r\n");
          assert.equal(lines.pop(), "");
          assert.ok(lines.length === 3 || lines.length === 4);
          for (const line of lines.slice(1)) assert.match(line, /^\t[^\r\n\0]+$/);
          assert.match(lines[0]!, /^Received: from [^\r\n\0]+$/);
        },
      ),
    );
  });
});
