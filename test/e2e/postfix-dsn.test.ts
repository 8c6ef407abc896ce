/**
 * DSNs before a Postfix that refuses MIME which is not as it should be: undeclared 8-bit octets, and transfer encodings
 * that multipart and message parts must not have. It stores them as they are.
 */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { makeReply, memoryContent } from "../../core/mail/mod.ts";
import type { DsnRequest } from "../../core/queue/dsn-message.ts";
import { address, bytes } from "../gateway/spool-fixtures.ts";
import { compose, refused, stored } from "../queue/dsn-bed.ts";
import { makeCertificate } from "./certificate.ts";
import { type Postfix, postfixMissing, startPostfix } from "./postfix.ts";
import { temporaryFolder } from "./processes.ts";
import { sendOne } from "./smtp-client.ts";

const eightBit = memoryContent(
  bytes("Subject: a\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n\r\nä\r\n"),
);
const utf8 = memoryContent(bytes("Subject: Käse\r\nMIME-Version: 1.0\r\n\r\nbody\r\n"));
const CASES: readonly { name: string; given: Partial<DsnRequest>; want: string }[] = [
  { name: "a failure with the header section", given: {}, want: "text/rfc822-headers" },
  { name: "a delay", given: { kind: "delayed" }, want: "text/rfc822-headers" },
  { name: "a success", given: { kind: "relayed" }, want: "text/rfc822-headers" },
  {
    name: "a failure with the whole message in 8 bits",
    given: { message: stored({ content: eightBit, parameters: { ret: "FULL" } }) },
    want: "message/rfc822",
  },
  {
    name: "a header section beyond ASCII, without SMTPUTF8",
    given: { message: stored({ content: utf8 }) },
    want: "text/rfc822-headers",
  },
  {
    name: "addresses and a header section in UTF-8",
    given: {
      message: stored({ content: utf8, parameters: { smtputf8: true } }),
      recipients: [refused("jürgen@bücher.example", { original: address("jürgen@bücher.example") })],
    },
    want: "message/global-headers",
  },
  {
    name: "a server's words of many lines and beyond ASCII",
    given: {
      recipients: [
        refused("bob@example.org", { reply: makeReply(550, "7.1", `Zurück\n${"x".repeat(1_900)}`) }),
      ],
    },
    want: "text/rfc822-headers",
  },
];

describe("Postfix takes DSNs", { skip: postfixMissing(), timeout: 120_000 }, () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let postfix: Postfix;

  before(async () => {
    folder = await temporaryFolder();
    postfix = await startPostfix({
      folder: folder.path,
      ...makeCertificate(folder.path),
      service: "PORT inet n - n - 10 smtpd",
      settings: "strict_mime_encoding_domain = yes\nstrict_8bitmime_body = yes\nstrict_7bit_headers = yes",
    });
  });
  beforeEach(() => postfix.clear());
  after(async () => {
    if (postfix?.runs()) await postfix.stop();
    await folder?.remove();
  });

  for (const { name, given, want } of CASES) {
    it(name, async () => {
      const { dsn, octets, parts } = await compose(given);
      assert.equal(parts[2]?.contentType, want);
      const port = Number(postfix.address.split(":")[1]);
      const reply = await sendOne(port, Buffer.from(octets), {
        reversePath: "",
        recipients: ["ann@example.com"],
        parameters: dsn.parameters.body === undefined ? "" : ` BODY=${dsn.parameters.body}`,
      });
      assert.equal(reply.code, 250, `${reply.text}\n${postfix.log()}`);
      const [stored] = await postfix.settled();
      assert.match(stored?.trace ?? "", /^Return-Path: <>\n/);
      assert.equal(stored?.content.toString(), Buffer.from(octets).toString());
    });
  }

  it("and would refuse what is not as it should be", async () => {
    const port = Number(postfix.address.split(":")[1]);
    const content = Buffer.from("MIME-Version: 1.0\r\nSubject: x\r\n\r\n\xe4\r\n", "latin1");
    const { code, text } = await sendOne(port, content, { recipients: ["ann@example.com"] });
    assert.equal(code, 550, text);
  });
});
