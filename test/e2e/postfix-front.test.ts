/**
 * A real Postfix in front of the gateway and a real Dovecot behind: what is read over IMAP is what was sent. Of XCLIENT
 * and XFORWARD, Postfix as a client says XFORWARD alone, and only where it is offered.
 */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { makeCertificate } from "./certificate.ts";
import { type Dovecot, dovecotMissing, startDovecot } from "./dovecot.ts";
import { type ImapMailbox, openMailbox } from "./imap-client.ts";
import { type Postfix, postfixMissing, startPostfix } from "./postfix.ts";
import {
  ENVELOPE,
  FRONT_MESSAGES,
  portOf,
  RECEIVED_FROM_CLIENT,
  SMTPD_OPTIONS,
} from "./postfix-front-cases.ts";
import {
  freePort,
  type GatewayProcess,
  routesOnlyConfig,
  startGateway,
  temporaryFolder,
} from "./processes.ts";
import { crlf } from "./real-messages.ts";
import { SmtpClient, sendOne, untilOffered, withLineEnd } from "./smtp-client.ts";
import { smtpSource } from "./smtp-source.ts";
import { assertSameOctets, partTrace } from "./stored.ts";

const LOG_MS_MAX = 10_000;
const FROM_US =
  /^Received: from postfix\.example \(\[127\.0\.0\.1\]\)\r\n\tby gateway\.example \(Postern\) with ESMTPS id \w+/;

type Folder = Awaited<ReturnType<typeof temporaryFolder>>;

describe("Postfix -> postern start -> Dovecot, read over IMAP,", {
  skip: postfixMissing() || dovecotMissing(),
}, () => {
  let folders: readonly [Folder, Folder, Folder];
  let [dovecot, postfix]: [Dovecot?, Postfix?] = [];
  let ann: ImapMailbox;
  let gateway: GatewayProcess | undefined;
  let gatewayPort: number;
  let config: string;

  const start = () =>
    startGateway({ folder: folders[0].path, config, env: { POSTERN_SMTP: `127.0.0.1:${gatewayPort}` } });

  before(async () => {
    folders = [await temporaryFolder(), await temporaryFolder(), await temporaryFolder()];
    const tls = makeCertificate(folders[0].path);
    gatewayPort = await freePort();
    dovecot = await startDovecot(folders[1].path);
    config = await routesOnlyConfig(folders[0].path, {
      settings: `nextHops: { backend: lmtp("${dovecot.lmtp}") }, domains: "example.com",
        listeners: [{ address: env.POSTERN_SMTP, greetingDelay: 0, upstreams: ["127.0.0.1/32"], xforward: ["127.0.0.1/32"], tls: ${JSON.stringify(tls)} }],
        pipeline: pipeline(
          definePlugin({ name: "seen", needs: ["clientIp"], data: (ctx) => ctx.log.info("seen", { ip: ctx.client.ip, via: ctx.client.via }) }),
          routes([{ recipient: "*", nextHop: "backend" }]),
        )`,
    });
    gateway = await start();
    await untilOffered(gatewayPort, "8BITMIME");
    postfix = await startPostfix({
      folder: folders[2].path,
      ...tls,
      service: `127.0.0.1:PORT inet n - n - - smtpd${SMTPD_OPTIONS}`,
      settings: `virtual_mailbox_domains =
relay_domains = example.com
relay_transport = smtp:[127.0.0.1]:${gatewayPort}
smtp_tls_security_level = may
smtp_send_xforward_command = yes`,
    });
    ann = await openMailbox(dovecot.imapPort, "ann@example.com", dovecot.password);
  });
  beforeEach(() => ann.empty());
  after(async () => {
    ann?.close();
    if (postfix?.runs()) await postfix.stop();
    gateway?.kill("SIGKILL");
    await gateway?.exited;
    await dovecot?.stop();
    for (const folder of folders ?? []) await folder.remove();
  });

  for (const { name, content } of FRONT_MESSAGES) {
    it(`every octet is what was sent: ${name}`, async () => {
      const sent = content();
      const reply = await sendOne(portOf(postfix!.address), sent, ENVELOPE);
      assert.equal(reply.code, 250, reply.text);
      await postfix!.settled();
      const messages = await ann.messages();
      assert.equal(messages.length, 1, postfix!.log().slice(-2000));
      const { trace, rest } = partTrace(messages[0]!, 5);
      assert.deepEqual(trace.slice(0, 2), [
        "Return-Path: <sender@example.net>\r\n",
        "Delivered-To: ann@example.com\r\n",
      ]);
      assert.match(
        trace[2] ?? "",
        /^Received: from gateway\.example .*\r\n\tby dovecot\.example with LMTP\r\n/,
      );
      assert.match(trace[3] ?? "", FROM_US);
      assert.match(trace[4] ?? "", RECEIVED_FROM_CLIENT);
      assertSameOctets(rest, withLineEnd(sent));
    });
  }

  it("smtp-source sends 100 messages in 10 sessions, and each is there once", async () => {
    const run = await smtpSource(portOf(postfix!.address), ["-s", "10", "-m", "100", "-l", "4096"]);
    assert.equal(run.code, 0, run.output);
    await postfix!.settled();
    assert.equal((await ann.messages()).length, 100, postfix!.log().slice(-2000));
  });

  it("two recipients have a copy each", async () => {
    const bob = await openMailbox(dovecot!.imapPort, "bob@example.com", dovecot!.password);
    try {
      await bob.empty();
      const sent = crlf("Subject: both\n\nhello\n");
      const both = { ...ENVELOPE, recipients: ["ann@example.com", "bob@example.com"] };
      assert.equal((await sendOne(portOf(postfix!.address), sent, both)).code, 250);
      await postfix!.settled();
      for (const mailbox of [ann, bob]) {
        const messages = await mailbox.messages();
        assert.equal(messages.length, 1, postfix!.log().slice(-2000));
        assertSameOctets(partTrace(messages[0]!, 5).rest, sent);
      }
    } finally {
      bob.close();
    }
  });

  it("Postfix hears in Dovecot's words that there is no such user", async () => {
    const nobody = { ...ENVELOPE, recipients: ["nobody@example.com"] };
    assert.equal((await sendOne(portOf(postfix!.address), crlf("Subject: a\n\nb\n"), nobody)).code, 250);
    await postfix!.settled();
    assert.match(
      postfix!.log(),
      /to=<nobody@example\.com>, .*dsn=5\.1\.1, status=bounced \(host 127\.0\.0\.1\[127\.0\.0\.1\] said: 550 5\.1\.1 <nobody@example\.com> User doesn't exist: nobody@example\.com \(ref \w+\)/,
    );
  });

  it("the client that Postfix names in its Received field is ours: upstreams", async () => {
    const client = new SmtpClient(portOf(postfix!.address));
    assert.equal((await client.greet()).code, 250);
    // Postfix does not know it from a client that comes from there.
    assert.equal((await client.ask("XCLIENT ADDR=192.0.2.7")).code, 220);
    assert.equal((await client.ask("EHLO client.example")).code, 250);
    assert.equal((await client.send(crlf("Subject: from afar\n\nhello\n"), ENVELOPE)).code, 250);
    await client.quit();
    await postfix!.settled();
    const [message] = await ann.messages();
    assert.ok(message, "nothing was delivered");
    assertSameOctets(partTrace(message, 5).rest, crlf("Subject: from afar\n\nhello\n"));
    // The log is written a moment later.
    const seen = /"ip":"192\.0\.2\.7","via":"127\.0\.0\.1"/;
    // Postfix says it by XFORWARD too, with the name of the message in its own queue.
    const told = /"origClient":"192\.0\.2\.7","origIdent":"\w+"/;
    const areLogged = (): boolean => [seen, told].every((line) => line.test(gateway!.output()));
    for (const until = Date.now() + LOG_MS_MAX; !areLogged() && Date.now() < until; ) await sleep(20);
    for (const line of [seen, told]) assert.match(gateway!.output(), line);
  });

  it("what Postfix took while the gateway was gone is delivered once when it is back", async () => {
    gateway!.kill("SIGKILL");
    await gateway!.exited;
    const sent = crlf("Subject: kept\n\nhello\n");
    assert.equal((await sendOne(portOf(postfix!.address), sent, ENVELOPE)).code, 250);
    await postfix!.deferred();
    assert.deepEqual(await ann.messages(), []);
    gateway = await start();
    postfix!.flush();
    await postfix!.settled();
    const messages = await ann.messages();
    assert.equal(messages.length, 1, postfix!.log().slice(-2000));
    assertSameOctets(partTrace(messages[0]!, 5).rest, sent);
  });
});
