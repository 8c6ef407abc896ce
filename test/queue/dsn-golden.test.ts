/** Whole DSNs, octet by octet, one of each kind and form: what a change of any line shows. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { makeReply, memoryContent } from "../../core/mail/mod.ts";
import type { DsnRequest } from "../../core/queue/dsn-message.ts";
import { address, bytes } from "../gateway/spool-fixtures.ts";
import { compose, NOW, ownWords, RECEIVED, refused, stored } from "./dsn-bed.ts";

const HEADER = (subject: string, to = "ann@example.com") => [
  "From: Mail Delivery System <postmaster@example.net>",
  `To: ${to}`,
  "Date: Mon, 5 Jan 2026 11:00:00 +0000",
  `Subject: ${subject}`,
  "Message-ID: <0dsn0000000000@mx.example.net>",
  "In-Reply-To: <1@example.com>",
  "References: <1@example.com>",
  "Auto-Submitted: auto-replied",
  "MIME-Version: 1.0",
  "Content-Type: multipart/report; report-type=delivery-status;",
  ' boundary="=_boundary"',
  "",
];
const TEXT = [
  "--=_boundary",
  "Content-Type: text/plain; charset=us-ascii",
  "",
  "This is the mail system of mx.example.net.",
  "",
];
const ABOUT = [
  "",
  "Subject: Lunch",
  "Received: Mon, 5 Jan 2026 10:00:00 +0000",
  "Reference: 0original00000",
  "",
];
const STATUS = ["", "--=_boundary", "Content-Type: message/delivery-status", ""];
const PER_MESSAGE = [
  "Reporting-MTA: dns; mx.example.net",
  "Received-From-MTA: dns; client.example",
  "Arrival-Date: Mon, 5 Jan 2026 10:00:00 +0000",
  "",
];
const TRACE_FIELD = "Received: from client.example by mx.example.net; Mon, 5 Jan 2026 10:00:00 +0000";
const RETURNED_HEADER = [
  "",
  "--=_boundary",
  "Content-Type: text/rfc822-headers",
  "",
  TRACE_FIELD,
  "From: Ann <ann@example.com>",
  "To: bob@example.org",
  "Subject: Lunch",
  "Message-ID: <1@example.com>",
];
const END = ["", "--=_boundary--", ""];

const CASES: readonly { name: string; given: Partial<DsnRequest>; want: readonly string[] }[] = [
  {
    name: "failed, for two recipients, with ENVID, ORCPT and RET=FULL",
    given: {
      message: stored({ parameters: { envid: "QQ314159", ret: "FULL" } }),
      recipients: [
        refused("bob@example.org", { parameters: { orcpt: "rfc822;Bob@example.org" } }),
        ownWords("carl@example.org", makeReply(451, "4.7", "Gave up after 5 days")),
      ],
    },
    want: [
      ...HEADER("Your message could not be delivered"),
      ...TEXT,
      "Your message could not be delivered to the recipients below, and no",
      "further attempt is made.",
      ...ABOUT,
      "<bob@example.org>",
      "    The server [192.0.2.7] said: 550 5.1.1 No such user here",
      "",
      "<carl@example.org>",
      "    This mail system said: 451 4.4.7 Gave up after 5 days",
      ...STATUS,
      "Original-Envelope-Id: QQ314159",
      ...PER_MESSAGE,
      "Original-Recipient: rfc822; Bob@example.org",
      "Final-Recipient: rfc822; bob@example.org",
      "Action: failed",
      "Status: 5.1.1",
      "Remote-MTA: dns; [192.0.2.7]",
      "Diagnostic-Code: smtp; 550 5.1.1 No such user here",
      "Last-Attempt-Date: Mon, 5 Jan 2026 10:59:59 +0000",
      "Final-Log-ID: 0original00000",
      "",
      "Final-Recipient: rfc822; carl@example.org",
      "Action: failed",
      "Status: 4.4.7",
      "Diagnostic-Code: x-postern; 451 4.4.7 Gave up after 5 days",
      "Last-Attempt-Date: Mon, 5 Jan 2026 10:59:59 +0000",
      "Final-Log-ID: 0original00000",
      "",
      "--=_boundary",
      "Content-Type: message/rfc822",
      "",
      TRACE_FIELD,
      "From: Ann <ann@example.com>",
      "To: bob@example.org",
      "Subject: Lunch",
      "Message-ID: <1@example.com>",
      "",
      "At noon?",
      ...END,
    ],
  },
  {
    name: "delayed, with the time until which we try",
    given: {
      kind: "delayed",
      recipients: [
        refused("bob@example.org", {
          reply: makeReply(450, "2.1", "Mailbox busy"),
          server: "[2001:db8::7]:25",
          retryUntil: RECEIVED + 5 * 86_400_000,
        }),
      ],
    },
    want: [
      ...HEADER("Your message is delayed"),
      ...TEXT,
      "Your message has not been delivered yet to the recipients below. You",
      "need not send it again: attempts go on.",
      ...ABOUT,
      "<bob@example.org>",
      "    The server [IPv6:2001:db8::7] said: 450 4.2.1 Mailbox busy",
      "    Attempts go on until Sat, 10 Jan 2026 10:00:00 +0000.",
      ...STATUS,
      ...PER_MESSAGE,
      "Final-Recipient: rfc822; bob@example.org",
      "Action: delayed",
      "Status: 4.2.1",
      "Remote-MTA: dns; [IPv6:2001:db8::7]",
      "Diagnostic-Code: smtp; 450 4.2.1 Mailbox busy",
      "Last-Attempt-Date: Mon, 5 Jan 2026 10:59:59 +0000",
      "Final-Log-ID: 0original00000",
      "Will-Retry-Until: Sat, 10 Jan 2026 10:00:00 +0000",
      ...RETURNED_HEADER,
      ...END,
    ],
  },
  {
    name: "relayed, to a server without DSN",
    given: {
      kind: "relayed",
      recipients: [refused("bob@example.org", { reply: makeReply(250, "0.0", "Taken") })],
    },
    want: [
      ...HEADER("Your message was passed on"),
      ...TEXT,
      "You asked to be told: your message was passed on for the recipients",
      "below, to a server that does not tell whether it was delivered. You may",
      "hear no more of it.",
      ...ABOUT,
      "<bob@example.org>",
      "    The server [192.0.2.7] said: 250 2.0.0 Taken",
      ...STATUS,
      ...PER_MESSAGE,
      "Final-Recipient: rfc822; bob@example.org",
      "Action: relayed",
      "Status: 2.0.0",
      "Remote-MTA: dns; [192.0.2.7]",
      "Diagnostic-Code: smtp; 250 2.0.0 Taken",
      "Last-Attempt-Date: Mon, 5 Jan 2026 10:59:59 +0000",
      "Final-Log-ID: 0original00000",
      ...RETURNED_HEADER,
      ...END,
    ],
  },
  {
    name: "delivered, of an authenticated sender whose machine is nobody's business, without a reply",
    given: {
      kind: "delivered",
      message: stored({ identity: { user: "ann" } }),
      recipients: [ownWords("bob@example.org")],
    },
    want: [
      ...HEADER("Your message was delivered"),
      ...TEXT,
      "You asked to be told: your message was delivered to the recipients",
      "below.",
      ...ABOUT,
      "<bob@example.org>",
      ...STATUS,
      "Reporting-MTA: dns; mx.example.net",
      "Arrival-Date: Mon, 5 Jan 2026 10:00:00 +0000",
      "",
      "Final-Recipient: rfc822; bob@example.org",
      "Action: delivered",
      "Status: 2.0.0",
      "Last-Attempt-Date: Mon, 5 Jan 2026 10:59:59 +0000",
      "Final-Log-ID: 0original00000",
      ...RETURNED_HEADER,
      ...END,
    ],
  },
  {
    name: "failed, with addresses and a header section in UTF-8 (RFC 6533)",
    given: {
      message: stored({
        reversePath: address("änn@example.com"),
        parameters: { smtputf8: true },
        content: memoryContent(bytes("Message-ID: <1@example.com>\r\nSubject: Käse\r\n\r\nbody\r\n")),
      }),
      recipients: [
        refused("jürgen@bücher.example", {
          parameters: { orcpt: "utf-8;j\\x{FC}rgen@b\\x{FC}cher.example" },
        }),
      ],
    },
    want: [
      ...HEADER("Your message could not be delivered", "änn@example.com"),
      "--=_boundary",
      "Content-Type: text/plain; charset=utf-8",
      "Content-Transfer-Encoding: quoted-printable",
      "",
      "This is the mail system of mx.example.net.",
      "",
      "Your message could not be delivered to the recipients below, and no",
      "further attempt is made.",
      "",
      "Subject: K=C3=A4se",
      "Received: Mon, 5 Jan 2026 10:00:00 +0000",
      "Reference: 0original00000",
      "",
      "<j=C3=BCrgen@b=C3=BCcher.example>",
      "    The server [192.0.2.7] said: 550 5.1.1 No such user here",
      "",
      "--=_boundary",
      "Content-Type: message/global-delivery-status",
      "Content-Transfer-Encoding: 8bit",
      "",
      ...PER_MESSAGE,
      "Original-Recipient: utf-8; jürgen@bücher.example",
      "Final-Recipient: utf-8; jürgen@xn--bcher-kva.example",
      "Action: failed",
      "Status: 5.1.1",
      "Remote-MTA: dns; [192.0.2.7]",
      "Diagnostic-Code: smtp; 550 5.1.1 No such user here",
      "Last-Attempt-Date: Mon, 5 Jan 2026 10:59:59 +0000",
      "Final-Log-ID: 0original00000",
      "",
      "--=_boundary",
      "Content-Type: message/global-headers",
      "Content-Transfer-Encoding: 8bit",
      "",
      TRACE_FIELD,
      "Message-ID: <1@example.com>",
      "Subject: Käse",
      ...END,
    ],
  },
];

describe("composeDsn, octet by octet", () => {
  for (const { name, given, want } of CASES) {
    it(name, async () => {
      const { octets } = await compose(given);
      assert.deepEqual(Buffer.from(octets).toString("utf8").split("\r\n"), want);
    });
  }

  it("stores it as a message of the origin dsn, from the null reverse-path to the sender alone, due at once", async () => {
    const { dsn } = await compose({ message: stored({ parameters: { requireTls: true } }) });
    const { content: _, traceField, ...rest } = dsn;
    assert.equal(
      Buffer.from(traceField).toString(),
      "Received: by mx.example.net (Postern) id 0dsn0000000000;\r\n Mon, 5 Jan 2026 11:00:00 +0000\r\n",
    );
    const ann = address("ann@example.com");
    assert.deepEqual(rest, {
      id: "0dsn0000000000",
      origin: "dsn",
      receivedAt: NOW,
      listener: { name: "dsn", kind: "relay", address: "" },
      client: { ip: "", port: 0, trusted: true },
      ehlo: "",
      reversePath: null,
      parameters: { requireTls: true },
      edits: [],
      facts: {},
      trace: [{ at: 0, event: "dsn", detail: "failed: message 0original00000, recipients: 1" }],
      config: "0123456789ab",
      recipients: [
        {
          ...{ forwardPath: ann, original: ann, parameters: {}, lineage: [], stage: "route", facts: {} },
          ...{ destination: "", state: "due", nextAt: NOW },
        },
      ],
    });
  });
});
