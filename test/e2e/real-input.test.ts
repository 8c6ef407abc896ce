/** Real mail through a gateway that runs as a process, to a sink that is another: what comes out is what went in. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { makeCertificate } from "./certificate.ts";
import { compose, sendComposed } from "./nodemailer-client.ts";
import {
  type GatewayProcess,
  routesOnlyConfig,
  type Sink,
  startGateway,
  startSink,
  type Taken,
  temporaryFolder,
} from "./processes.ts";
import { crlf, REAL_MESSAGES } from "./real-messages.ts";
import { partReceived, sendOne } from "./smtp-client.ts";

const folder = await temporaryFolder();
let sink: Sink;
let gateway: GatewayProcess;

before(async () => {
  sink = await startSink(`${folder.path}/sink`);
  const listeners = [
    {
      address: "127.0.0.1:0",
      greetingDelay: 0,
      tls: makeCertificate(folder.path),
      trustedNetworks: ["127.0.0.0/8"],
    },
  ];
  gateway = await startGateway({
    folder: folder.path,
    config: await routesOnlyConfig(folder.path, { settings: `listeners: ${JSON.stringify(listeners)}` }),
    env: { POSTERN_UPSTREAM: sink.address },
  });
});
after(async () => {
  gateway?.kill("SIGKILL");
  await gateway?.exited;
  await sink?.stop();
  await folder.remove();
});

/** The one message that the sink has; its trace field, and the octets below it. */
function onlyOne(): { readonly taken: Taken; readonly received: string; readonly rest: Buffer } {
  const [taken, ...more] = sink.ledger();
  assert.ok(taken, "the sink has no message");
  assert.equal(more.length, 0, "the sink has more than one message");
  return { taken, ...partReceived(sink.content(taken)) };
}

function assertSameOctets(found: Buffer, sent: Buffer): void {
  if (found.equals(sent)) return;
  const at = found.findIndex((octet, n) => octet !== sent[n]);
  const near = (octets: Buffer) => JSON.stringify(octets.toString("latin1", Math.max(0, at - 20), at + 20));
  assert.fail(
    `${found.length} octets came of ${sent.length}; at ${at} ${near(found)} in place of ${near(sent)}`,
  );
}

describe("postern start relays byte for byte but for the added Received field", () => {
  for (const { name, content } of REAL_MESSAGES) {
    it(name, async () => {
      sink.clear();
      const sent = content();
      const reply = await sendOne(gateway.port, sent, { parameters: " BODY=8BITMIME" });
      assert.match(reply.text, /^250 2\.0\.0 .*\(ref [^)]+\)$/);
      const { taken, received, rest } = onlyOne();
      assert.match(
        received,
        /^Received: from client\.example \(\[127\.0\.0\.1\]\)\r\n\tby gateway\.example \(Postern\) with ESMTP id/,
      );
      assertSameOctets(rest, sent);
      assert.deepEqual([taken.reversePath, taken.recipients], ["sender@example.com", ["you@example.com"]]);
    });
  }

  it("100 recipients, in one transaction, whose addresses the Received field does not tell", async () => {
    sink.clear();
    const sent = crlf("Subject: to many\n\nhello\n");
    const recipients = Array.from({ length: 100 }, (_, n) => `you.${n}@example.com`);
    assert.equal((await sendOne(gateway.port, sent, { recipients })).code, 250);
    const { taken, received, rest } = onlyOne();
    assert.deepEqual(taken.recipients, recipients);
    assert.doesNotMatch(received, /you\./);
    assertSameOctets(rest, sent);
  });

  for (const tls of [false, true]) {
    it(`nodemailer's text, HTML and attachment${tls ? ", over STARTTLS" : ""}`, async () => {
      sink.clear();
      const sent = await compose({
        from: "Änn <ann@example.com>",
        to: "bob@example.com",
        subject: "Grüße, and a long subject that has to be folded once or twice on its way",
        text: ".leading dot\nGrüße\n",
        html: "<p>Grüße</p>",
        attachments: [{ filename: "größe.bin", content: Buffer.alloc(200_000, "\0\r\n.\r\n") }],
      });
      const recipients = ["bob@example.com", '"odd local"@example.com'];
      assert.match(await sendComposed(gateway.port, sent, { recipients, tls }), /^250 2\.0\.0 /);
      const { taken, received, rest } = onlyOne();
      assert.match(received, tls ? / with ESMTPS id / : / with ESMTP id /);
      assert.deepEqual(taken.recipients, recipients);
      assertSameOctets(rest, sent);
    });
  }

  it("200 messages over 10 sessions at once, each exactly once", async () => {
    sink.clear();
    const texts = Array.from({ length: 200 }, (_, n) =>
      crlf(`Subject: number ${n}\n\n${"text ".repeat(n)}\n`),
    );
    const left = [...texts];
    const session = async (): Promise<void> => {
      for (let text = left.pop(); text !== undefined; text = left.pop()) {
        assert.equal((await sendOne(gateway.port, text)).code, 250);
      }
    };
    await Promise.all(Array.from({ length: 10 }, session));
    const came = sink.ledger().map((taken) => partReceived(sink.content(taken)).rest.toString());
    assert.deepEqual(came.sort(), texts.map(String).sort());
  });
});

describe("postern start with the config of the package", () => {
  it("adds X-Postern and Received, and nothing else; the time to listening is told", async (t) => {
    sink.clear();
    const own = await startGateway({
      folder: `${folder.path}/own`,
      env: { POSTERN_UPSTREAM: sink.address },
    });
    try {
      t.diagnostic(`from spawn to listening: ${Math.round(own.startMs)} ms`);
      const sent = crlf("Subject: hello\n\nhello\n");
      assert.equal((await sendOne(own.port, sent)).code, 250);
      assertSameOctets(onlyOne().rest, Buffer.concat([Buffer.from("X-Postern: passed\r\n"), sent]));
      assert.equal(await own.stop(), 0);
    } finally {
      own.kill("SIGKILL");
    }
  });
});
