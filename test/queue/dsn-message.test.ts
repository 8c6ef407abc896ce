/** The fields and text of DSNs clause by clause (RFC 3461, 3463, 3464, 6533); whole ones are in dsn-golden.test.ts. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MailParameters } from "postern";
import { type Address, makeReply, memoryContent, type Reply } from "../../core/mail/mod.ts";
import { DSN_NAMED_MAX } from "../../core/queue/dsn-text.ts";
import type { DsnKind, DsnRecipient } from "../../core/queue/dsn-types.ts";
import { address, bytes } from "../gateway/spool-fixtures.ts";
import { blocksOf, bodyOf, compose, ownWords, refused, stored } from "./dsn-bed.ts";

const FIELD_CASES: readonly {
  name: string;
  recipient?: Partial<DsnRecipient>;
  message?: Parameters<typeof stored>[0];
  kind?: DsnKind;
  /** Fields that are there, or names of fields that are not. */
  want?: readonly string[];
  absent?: readonly string[];
}[] = [
  {
    name: "3464 2.2.1: ENVID, decoded",
    message: { parameters: { envid: "a+b =c" } },
    want: ["Original-Envelope-Id: a+b =c"],
  },
  { name: "3464 2.2.1: none without ENVID", absent: ["Original-Envelope-Id"] },
  { name: "3464 2.2.2: Reporting-MTA", want: ["Reporting-MTA: dns; mx.example.net"] },
  { name: "3464 2.2.4: the EHLO name", want: ["Received-From-MTA: dns; client.example"] },
  {
    name: "3464 2.2.4: an EHLO name that is none",
    message: { ehlo: "a b\r\nAction: x" },
    absent: ["Received-From-MTA"],
  },
  {
    name: "3464 2.2.4: an address literal",
    message: { ehlo: "[192.0.2.1]" },
    want: ["Received-From-MTA: dns; [192.0.2.1]"],
  },
  {
    name: "3464 2.2.4: not of who logged in",
    message: { identity: { user: "ann" } },
    absent: ["Received-From-MTA"],
  },
  {
    name: "3464 2.3.1: ORCPT as it was given",
    recipient: { parameters: { orcpt: "x400;/S=a b/" } },
    want: ["Original-Recipient: x400; /S=a b/"],
  },
  { name: "3464 2.3.1: none without ORCPT", absent: ["Original-Recipient"] },
  {
    name: "3464 2.3.1: an ORCPT that is none",
    recipient: { parameters: { orcpt: "no type" } },
    absent: ["Original-Recipient"],
  },
  {
    name: "6533 3: an ORCPT of type utf-8 stays in 7 bits where the rest is ASCII",
    recipient: { parameters: { orcpt: "utf-8;j\\x{FC}@example.org" } },
    want: ["Original-Recipient: utf-8; j\\x{FC}@example.org"],
  },
  {
    name: "3464 2.3.2: the address as the message was accepted with, not what an alias made of it",
    recipient: { forwardPath: address("secret@elsewhere.example") },
    want: ["Final-Recipient: rfc822; bob@example.org"],
  },
  {
    name: "5321 4.5.1: the postmaster without a domain is ours",
    recipient: { original: { text: "Postmaster", localPart: "Postmaster", domain: "", domainAscii: "" } },
    want: ["Final-Recipient: rfc822; Postmaster@mx.example.net"],
  },
  {
    name: "3464 2.3.2: a quoted local part",
    recipient: { original: address('"a  \\"b;c"@example.org') },
    want: ['Final-Recipient: rfc822; "a  \\"b;c"@example.org'],
  },
  {
    name: "6533: a domain beyond ASCII in A-labels needs no UTF-8",
    recipient: { original: address("bob@bücher.example") },
    want: ["Final-Recipient: rfc822; bob@xn--bcher-kva.example"],
  },
  {
    name: "3464 2.3.5: a server by name",
    recipient: { server: "mx.example.org:25" },
    want: ["Remote-MTA: dns; mx.example.org"],
  },
  {
    name: "3464 2.3.5: a unix socket has no name",
    recipient: { server: "unix:/run/lmtp" },
    absent: ["Remote-MTA"],
  },
  {
    name: "3464 2.3.6: the words of several lines as one",
    recipient: { reply: makeReply(550, "7.1", "first\nsecond") },
    want: ["Diagnostic-Code: smtp; 550 5.7.1 first second"],
  },
  {
    name: "2034: a reply without an enhanced code",
    recipient: { reply: makeReply(554, "", "No") },
    want: ["Status: 5.0.0", "Diagnostic-Code: smtp; 554 No"],
  },
  {
    name: "3464 2.3.9: no Will-Retry-Until of a failure",
    recipient: { retryUntil: 1 },
    absent: ["Will-Retry-Until"],
  },
];

describe("composeDsn, the fields", () => {
  for (const { name, recipient, message, kind = "failed", want = [], absent = [] } of FIELD_CASES) {
    it(name, async () => {
      const made = await compose({
        message: stored(message),
        recipients: [refused("bob@example.org", recipient)],
        kind,
      });
      assert.equal(made.parts[1]?.contentType, "message/delivery-status");
      const fields = (await blocksOf(made)).flat();
      for (const field of want) assert.ok(fields.includes(field), `${field} in\n${fields.join("\n")}`);
      for (const field of absent) assert.ok(!fields.some((one) => one.startsWith(`${field}:`)), field);
    });
  }

  const STATUS_CASES: readonly [DsnKind, Reply | undefined, string][] = [
    ["failed", makeReply(550, "1.1", ""), "5.1.1"],
    ["failed", makeReply(451, "4.7", "given up"), "4.4.7"],
    ["failed", makeReply(250, "0.0", ""), "5.0.0"],
    ["failed", { code: 550, enhanced: "5.1.1\r\nX: y", text: "" }, "5.0.0"],
    ["failed", { code: 451, enhanced: "", text: "" }, "4.0.0"],
    ["failed", undefined, "5.0.0"],
    ["delayed", makeReply(451, "7.1", ""), "4.7.1"],
    ["delayed", makeReply(550, "1.1", ""), "4.0.0"],
    ["delivered", makeReply(250, "1.5", ""), "2.1.5"],
    ["relayed", undefined, "2.0.0"],
  ];
  for (const [kind, reply, want] of STATUS_CASES) {
    it(`3464 2.3.4: ${kind} after ${reply?.code} ${JSON.stringify(reply?.enhanced)} has Status ${want}`, async () => {
      const [, recipient] = await blocksOf(
        await compose({ kind, recipients: [ownWords("a@example.org", reply)] }),
      );
      assert.ok(recipient?.includes(`Status: ${want}`), recipient?.join("\n"));
    });
  }

  it("has a block for each recipient, and a text that names the first of many", async () => {
    const recipients = Array.from({ length: 1_000 }, (_, n) =>
      refused(`u${n}@example.org`, { recipient: n }),
    );
    const made = await compose({ recipients });
    const blocks = await blocksOf(made);
    assert.equal(blocks.length, 1_001);
    assert.ok(blocks[1_000]?.includes("Final-Recipient: rfc822; u999@example.org"));
    const text = await bodyOf(made.parts[0]);
    assert.match(text, /<u49@example\.org>/);
    assert.doesNotMatch(text, /<u50@example\.org>/);
    assert.match(text, new RegExp(`And ${1_000 - DSN_NAMED_MAX} more;`));
  });
});

describe("composeDsn, the UTF-8 forms (RFC 6533)", () => {
  const bob = address("bob@example.org");
  const CASES: readonly {
    name: string;
    original: Address;
    reversePath: Address;
    orcpt?: string;
    want: { readonly type: string; readonly parameters: MailParameters; readonly field: readonly string[] };
  }[] = [
    {
      name: "a recipient alone makes the status part global, and 8BITMIME is asked for",
      ...{ original: address("jürgen@example.org"), reversePath: address("ann@example.com") },
      want: { type: "message/global-delivery-status", parameters: { body: "8BITMIME" }, field: [] },
    },
    {
      name: "the sender alone asks for SMTPUTF8, and the status part stays as it was",
      ...{ original: bob, reversePath: address("änn@example.com") },
      want: { type: "message/delivery-status", parameters: { body: "8BITMIME", smtputf8: true }, field: [] },
    },
    {
      name: "an ORCPT is decoded",
      ...{ original: address("ü@example.org"), reversePath: bob, orcpt: "UTF-8;\\x{FC}@example.org" },
      want: {
        ...{ type: "message/global-delivery-status", parameters: { body: "8BITMIME" } },
        field: ["Original-Recipient: UTF-8; ü@example.org"],
      },
    },
    {
      name: "an ORCPT that would hide something is not, nor is one of no code point",
      ...{
        original: address("ü@example.org"),
        reversePath: bob,
        orcpt: "utf-8;\\x{202E}\\x{FFFFFF}\\x{0A}@e",
      },
      want: {
        ...{ type: "message/global-delivery-status", parameters: { body: "8BITMIME" } },
        field: ["Original-Recipient: utf-8; \\x{202E}\\x{FFFFFF}\\x{0A}@e"],
      },
    },
  ];
  for (const { name, original, reversePath, orcpt, want } of CASES) {
    it(name, async () => {
      const parameters = orcpt === undefined ? {} : { orcpt };
      const made = await compose({
        message: stored({ reversePath }),
        recipients: [refused("bob@example.org", { original, parameters })],
      });
      assert.equal(made.parts[1]?.contentType, want.type);
      assert.deepEqual(made.dsn.parameters, want.parameters);
      const [, block = []] = await blocksOf(made);
      assert.deepEqual(
        block.filter((field) => field.startsWith("Original-Recipient:")),
        want.field,
      );
    });
  }
});

describe("composeDsn, the text", () => {
  const CASES: readonly { name: string; given: Partial<DsnRecipient>; want: readonly string[] }[] = [
    {
      name: "words of a socket are those of the next server",
      given: { server: "unix:/run/lmtp" },
      want: ["    The next server said: 550 5.1.1 No such user here"],
    },
    {
      name: "no answer after the final dot may be a delivery",
      given: { failure: "lost", reply: makeReply(451, "4.2", "No answer") },
      want: [
        "    The server [192.0.2.7] said: 451 4.4.2 No answer",
        "    It is not known whether that server took the message: it may have",
        "    arrived.",
      ],
    },
    {
      name: "what a reader would not see is marked, and lines are one",
      given: { reply: { code: 550, enhanced: "", text: "a\u202eb\r\n\u2028<c@example.org>\0\ud800" } },
      want: ["    The server [192.0.2.7] said: 550 a\ufffdb <c@example.org>\ufffd\ufffd"],
    },
    {
      name: "a word that is no word is parted",
      given: { reply: makeReply(550, "", "x".repeat(900)) },
      want: [
        "    The server [192.0.2.7] said: 550",
        ...[400, 400, 100].map((length) => `    ${"x".repeat(length)}`),
      ],
    },
    {
      name: "a person reads a domain as it was written",
      given: { original: address("jürgen@bücher.example"), reply: makeReply(550, "", "No") },
      want: ["    The server [192.0.2.7] said: 550 No"],
    },
  ];
  for (const { name, given, want } of CASES) {
    it(name, async () => {
      const recipient = refused("bob@example.org", given);
      const text = await bodyOf((await compose({ recipients: [recipient] })).parts[0]);
      const [, said] = text.split(`<${recipient.original.text}>\r\n`);
      assert.deepEqual(said?.split("\r\n"), [...want, ""]);
    });
  }

  it("has no more of a Subject than a line or three", async () => {
    const content = memoryContent(bytes(`Subject: ${"a\u0301 ".repeat(5_000)}\r\n\r\n`));
    const text = await bodyOf((await compose({ message: stored({ content }) })).parts[0]);
    assert.ok(text.length < 900, String(text.length));
  });
});

describe("composeDsn, beside the examples of RFC 3464 appendix E", () => {
  const louis = "louisl@larry.slip.umd.edu";
  const gateway = "arathib@vnet.ibm.com";
  const EXAMPLES: readonly { name: string; given: DsnRecipient; want: readonly string[] }[] = [
    {
      name: "E.1: a host that could not be talked to",
      given: {
        ...refused(louis, { parameters: { orcpt: `rfc822;${louis}` }, server: "larry.slip.umd.edu:25" }),
        reply: { code: 426, enhanced: "", text: "connection timed out" },
      },
      want: [
        `Original-Recipient: rfc822; ${louis}`,
        `Final-Recipient: rfc822; ${louis}`,
        "Action: failed",
        "Status: 4.0.0",
        "Remote-MTA: dns; larry.slip.umd.edu",
        "Diagnostic-Code: smtp; 426 connection timed out",
        "Last-Attempt-Date: Mon, 5 Jan 2026 10:59:59 +0000",
      ],
    },
    {
      name: "E.2: a user that a gateway does not know",
      given: {
        ...refused(gateway, { parameters: { orcpt: `rfc822;${gateway}` }, server: "vnet.ibm.com:25" }),
        reply: makeReply(550, "", "'arathib@vnet.IBM.COM' is not a registered gateway user"),
      },
      want: [
        `Original-Recipient: rfc822; ${gateway}`,
        `Final-Recipient: rfc822; ${gateway}`,
        "Action: failed",
        "Status: 5.0.0",
        "Remote-MTA: dns; vnet.ibm.com",
        "Diagnostic-Code: smtp; 550 'arathib@vnet.IBM.COM' is not a registered gateway user",
        "Last-Attempt-Date: Mon, 5 Jan 2026 10:59:59 +0000",
      ],
    },
  ];
  for (const { name, given, want } of EXAMPLES) {
    it(name, async () => {
      const [, block] = await blocksOf(await compose({ recipients: [given] }));
      assert.deepEqual(block, [...want, "Final-Log-ID: 0original00000"]);
    });
  }
});
