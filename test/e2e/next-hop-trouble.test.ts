/** What a client hears when the next hop is away, refuses, or goes away, and that nothing is lost or sent twice by it. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  freePort,
  type GatewayProcess,
  routesOnlyConfig,
  type Sink,
  startGateway,
  startSink,
  temporaryFolder,
} from "./processes.ts";
import { crlf } from "./real-messages.ts";
import { type ClientReply, SmtpClient, sendOne } from "./smtp-client.ts";

const folder = await temporaryFolder();
const content = crlf("Subject: hello\n\nhello\n");
let port: number;
let sink: Sink | undefined;
let gateway: GatewayProcess;

before(async () => {
  port = await freePort();
  gateway = await startGateway({
    folder: folder.path,
    config: await routesOnlyConfig(folder.path),
    env: { POSTERN_UPSTREAM: `127.0.0.1:${port}` },
  });
});
after(async () => {
  gateway?.kill("SIGKILL");
  await gateway?.exited;
  await sink?.stop();
  await folder.remove();
});

describe("postern start with a next hop that", () => {
  it("is down answers 451 4.4.1 with a ref, and relays again once it is up", async () => {
    const down = await sendOne(gateway.port, content);
    assert.match(down.text, /^451 4\.4\.1 [\w ]+ \(ref \w+\)$/);
    sink = await startSink(`${folder.path}/sink`, { port });
    let reply = down;
    for (let tries = 0; reply.code === 451 && tries < 100; tries += 1) {
      reply = await sendOne(gateway.port, content);
      if (reply.code === 451) await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.equal(reply.code, 250, reply.text);
    assert.equal(sink.ledger().length, 1);
  });

  const refusals: readonly { name: string; recipients: readonly string[]; want: RegExp }[] = [
    {
      name: "refuses the recipient passes its words on",
      recipients: ["refuse.1@example.com"],
      want: /^550 5\.1\.1 Nobody of that name lives here \(ref \w+\)$/,
    },
    {
      name: "refuses one of three recipients has the message refused before any content is sent",
      recipients: ["ann@example.com", "refuse.2@example.com", "bob@example.com"],
      want: /^550 5\.1\.1 Nobody of that name lives here \(ref \w+\)$/,
    },
    {
      name: "has no time for one of two recipients has the client try both again",
      recipients: ["ann@example.com", "busy.1@example.com"],
      want: /^450 4\.2\.1 That mailbox is busy \(ref \w+\)$/,
    },
  ];
  for (const { name, recipients, want } of refusals) {
    it(name, async () => {
      sink?.clear();
      const client = new SmtpClient(gateway.port);
      await client.greet();
      assert.match((await client.send(content, { recipients })).text, want);
      assert.equal(sink?.ledger().length, 0);
      // The session and the kept connection behind it are good for the next message.
      assert.equal((await client.send(content)).code, 250);
      assert.equal(sink?.ledger().length, 1);
      await client.quit();
    });
  }

  it("dies between the end of the content and its answer leaves 451, not 250", async () => {
    assert.ok(sink);
    sink.clear();
    const answer: Promise<ClientReply> = sendOne(gateway.port, content, { recipients: ["slow@example.com"] });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await sink.stop();
    assert.match((await answer).text, /^451 4\.4\.2 [\w ]+ \(ref \w+\)$/);
    sink = await startSink(`${folder.path}/sink`, { port });
    assert.equal((await sendOne(gateway.port, content)).code, 250);
  });

  it("was started again is reached by a new connection where the kept one is dead", async () => {
    assert.ok(sink);
    await sink.stop();
    sink = await startSink(`${folder.path}/sink`, { port });
    assert.equal((await sendOne(gateway.port, content)).code, 250);
    assert.equal(sink.ledger().length, 1);
  });
});
