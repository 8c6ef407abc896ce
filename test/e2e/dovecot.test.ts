/**
 * Mail through a gateway process to a real Dovecot by LMTP, and read back over IMAP: every octet is what was sent, and
 * what Dovecot says is what the client hears.
 */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { type Dovecot, dovecotMissing, startDovecot } from "./dovecot.ts";
import { type ImapMailbox, openMailbox } from "./imap-client.ts";
import { type GatewayProcess, routesOnlyConfig, startGateway, temporaryFolder } from "./processes.ts";
import { crlf, REAL_MESSAGES } from "./real-messages.ts";
import { SmtpClient, sendOne, untilOffered, withLineEnd } from "./smtp-client.ts";
import { assertSameOctets, partTrace } from "./stored.ts";

const skip = dovecotMissing();
const octets = Buffer.from(Array.from({ length: 256 }, (_, n) => n).filter((n) => ![0, 10, 13].includes(n)));
const EIGHT_BIT_FIELDS = "8-bit octets that are no UTF-8";
const MESSAGES = [
  ...REAL_MESSAGES.filter(({ name }) => name !== EIGHT_BIT_FIELDS),
  {
    name: "a body of every octet but NUL, CR and LF",
    content: () => Buffer.concat([crlf("Subject: octets\n\n"), octets, crlf("\n")]),
  },
];
const XCLIENT = "XCLIENT ADDR=192.0.2.7 PORT=4711 HELO=far.example";

describe("postern start in front of Dovecot", { skip }, () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let dovecotFolder: Awaited<ReturnType<typeof temporaryFolder>>;
  let dovecot: Dovecot;
  let ann: ImapMailbox;
  let bob: ImapMailbox;
  const gateways: GatewayProcess[] = [];

  before(async () => {
    [folder, dovecotFolder] = [await temporaryFolder(), await temporaryFolder()];
    dovecot = await startDovecot(dovecotFolder.path);
    ann = await openMailbox(dovecot.imapPort, "ann@example.com", dovecot.password);
    bob = await openMailbox(dovecot.imapPort, "bob@example.com", dovecot.password);
  });
  beforeEach(async () => {
    await ann.empty();
    await bob.empty();
  });
  after(async () => {
    for (const gateway of gateways) {
      gateway.kill("SIGKILL");
      await gateway.exited;
    }
    ann?.close();
    bob?.close();
    await dovecot?.stop();
    await folder?.remove();
    await dovecotFolder?.remove();
  });

  async function start(nextHop: string, settings = ""): Promise<GatewayProcess> {
    const gateway = await startGateway({
      folder: `${folder.path}/${gateways.length}`,
      config: await routesOnlyConfig(folder.path, {
        settings: `nextHops: { backend: ${nextHop} }, domains: "example.com", ${settings}`,
      }),
    });
    gateways.push(gateway);
    return gateway;
  }

  const envelope = { reversePath: "sender@example.net", recipients: ["ann@example.com"] };

  /** The one message of a mailbox, with the fields that Dovecot and the gateway put on top. */
  async function readOne(mailbox: ImapMailbox): Promise<ReturnType<typeof partTrace>> {
    const messages = await mailbox.messages();
    assert.equal(messages.length, 1);
    return partTrace(messages[0]!, 4);
  }

  for (const { name, nextHop, messages } of [
    { name: "TCP", nextHop: () => `lmtp("${dovecot.lmtp}")`, messages: MESSAGES },
    {
      name: "a unix socket",
      nextHop: () => `lmtp("${dovecot.lmtpSocket}")`,
      messages: MESSAGES.filter(({ name: message }) => !message.startsWith("20 MB")),
    },
  ]) {
    describe(`by LMTP over ${name}`, () => {
      let gateway: GatewayProcess;
      before(async () => {
        gateway = await start(nextHop());
        await untilOffered(gateway.port, "8BITMIME");
      });

      for (const { name: message, content } of messages) {
        it(`gives over IMAP what was sent: ${message}`, async () => {
          const sent = content();
          const reply = await sendOne(gateway.port, sent, { ...envelope, parameters: " BODY=8BITMIME" });
          assert.equal(reply.code, 250, `${reply.text}\n${dovecot.log().slice(-2000)}`);
          const { trace, rest } = await readOne(ann);
          assert.equal(trace[0], "Return-Path: <sender@example.net>\r\n");
          assert.equal(trace[1], "Delivered-To: ann@example.com\r\n");
          assert.match(
            trace[2] ?? "",
            /^Received: from gateway\.example[^\r\n]*\r\n\tby dovecot\.example with LMTP\r\n/,
          );
          assert.match(
            trace[3] ?? "",
            /^Received: from client\.example \(\[127\.0\.0\.1\]\)\r\n\tby gateway\.example \(Postern\) with ESMTP id \w+/,
          );
          assertSameOctets(rest, withLineEnd(sent));
          assert.deepEqual(await bob.messages(), []);
        });
      }

      it("refuses a header section with 8-bit octets, as Dovecot 2.3 offers no SMTPUTF8", async () => {
        const { content } = REAL_MESSAGES.find((message) => message.name === EIGHT_BIT_FIELDS)!;
        const reply = await sendOne(gateway.port, content(), { ...envelope, parameters: " BODY=8BITMIME" });
        assert.match(reply.text, /^550 5\.6\.7 /);
        assert.deepEqual(await ann.messages(), []);
      });

      it("passes on in Dovecot's words that it has no such user, and delivers to nobody", async () => {
        const reply = await sendOne(gateway.port, crlf("Subject: hello\n\nhello\n"), {
          ...envelope,
          recipients: ["nobody@example.com"],
        });
        assert.match(
          reply.text,
          /^550 5\.1\.1 <nobody@example\.com> User doesn't exist: nobody@example\.com \(ref \w+\)$/,
        );
        assert.deepEqual(await ann.messages(), []);
      });

      it("takes 50 messages of one session, each delivered once and in order", async () => {
        const client = new SmtpClient(gateway.port);
        assert.equal((await client.greet()).code, 250);
        const subjects = Array.from({ length: 50 }, (_, n) => `Subject: number ${n}\r\n`);
        for (const subject of subjects) {
          const reply = await client.send(Buffer.from(`${subject}\r\nhello\r\n`), envelope);
          assert.equal(reply.code, 250, reply.text);
        }
        await client.quit();
        const stored = (await ann.messages()).map((message) => partTrace(message, 4).rest.toString());
        assert.deepEqual(
          stored,
          subjects.map((subject) => `${subject}\r\nhello\r\n`),
        );
      });

      it("takes two recipients in one transaction: what Dovecot put off for one of them would be kept", async () => {
        const client = new SmtpClient(gateway.port);
        await client.greet();
        const recipients = ["ann@example.com", "bob@example.com"];
        const reply = await client.send(crlf("Subject: both\n\nhello\n"), { ...envelope, recipients });
        assert.equal(reply.code, 250, reply.text);
        await client.quit();
        for (const mailbox of [ann, bob])
          assertSameOctets((await readOne(mailbox)).rest, crlf("Subject: both\n\nhello\n"));
      });
    });
  }

  it('tells Dovecot by XCLIENT who the client is that XCLIENT named: forwardClient "xclient"', async () => {
    const gateway = await start(
      `lmtp({ servers: ["${dovecot.lmtp}"], forwardClient: "xclient" })`,
      'listeners: [{ address: "127.0.0.1:0", greetingDelay: 0, xclient: ["127.0.0.1"] }]',
    );
    const client = new SmtpClient(gateway.port);
    await client.greet();
    assert.equal((await client.ask(XCLIENT)).code, 220);
    assert.equal((await client.ask("EHLO client.example")).code, 250);
    const sent = crlf("Subject: from afar\n\nhello\n");
    const reply = await client.send(sent, envelope);
    assert.equal(reply.code, 250, `${reply.text}\n${gateway.output()}\n${dovecot.log()}`);
    await client.quit();
    const { trace, rest } = await readOne(ann);
    assert.match(
      trace[2] ?? "",
      /^Received: from far\.example \(\[192\.0\.2\.7\]\)\r\n\tby dovecot\.example with /,
    );
    assert.match(
      trace[3] ?? "",
      /^Received: from far\.example \(\[192\.0\.2\.7\]\)\r\n\tby gateway\.example /,
    );
    assertSameOctets(rest, sent);
  });

  it("answers 451 4.4.1 where no Dovecot listens", async () => {
    const gateway = await start('lmtp("127.0.0.1:1")');
    const reply = await sendOne(gateway.port, crlf("Subject: hello\n\nhello\n"), envelope);
    assert.match(reply.text, /^451 4\.4\.1 /);
    assert.deepEqual(await ann.messages(), []);
  });
});
