/** SIGTERM while messages run: what had its 250 is at the sink, what is at the sink had its 250. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type GatewayProcess,
  routesOnlyConfig,
  type Sink,
  startGateway,
  startSink,
  temporaryFolder,
} from "./processes.ts";
import { crlf } from "./real-messages.ts";
import { SmtpClient, sendOne } from "./smtp-client.ts";

const SESSIONS = 20;
const folder = await temporaryFolder();
let sink: Sink;

before(async () => {
  sink = await startSink(`${folder.path}/sink`, { delayMs: 15 });
});
beforeEach(() => sink.clear());
after(async () => {
  await sink?.stop();
  await folder.remove();
});

let started = 0;
async function start(): Promise<GatewayProcess> {
  return startGateway({
    folder: `${folder.path}/${started++}`,
    config: await routesOnlyConfig(folder.path),
    env: { POSTERN_UPSTREAM: sink.address },
  });
}

/** What one session heard. */
interface Heard {
  readonly acknowledged: string[];
  /** The last reply; code 0 for a connection that ended without one. */
  last: { code: number; text: string };
}

/** Sends message after message, until it is no longer wanted. */
async function sendUntilStopped(port: number, session: number): Promise<Heard> {
  const client = new SmtpClient(port);
  const acknowledged: string[] = [];
  let reply = await client.greet();
  for (let n = 0; reply.code === 250; n += 1) {
    const mark = `mark-${session}-${n}.`;
    reply = await client.send(crlf(`Subject: ${mark}\n\nhello\n`));
    if (reply.code === 250) acknowledged.push(mark);
  }
  client.socket.destroy();
  return { acknowledged, last: reply };
}

const marksAtSink = (): string[] =>
  sink.ledger().map((taken) => /mark-\d+-\d+\./.exec(sink.content(taken).toString())?.[0] ?? "?");

describe("postern start, while 20 sessions send message after message,", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`ends with 0 on ${signal}; the sink has each message that got a 250 once, and no other`, async (t) => {
      const gateway = await start();
      const sessions = Array.from({ length: SESSIONS }, (_, n) => sendUntilStopped(gateway.port, n));
      await sleep(700);
      const at = performance.now();
      gateway.kill(signal);
      assert.equal(await gateway.exited, 0);
      const stopMs = Math.round(performance.now() - at);
      const heard = await Promise.all(sessions);
      const acknowledged = heard.flatMap((one) => one.acknowledged);
      t.diagnostic(`${acknowledged.length} messages; from ${signal} to the end ${stopMs} ms`);
      assert.ok(acknowledged.length > SESSIONS, "too few messages to tell anything");
      assert.deepEqual(marksAtSink().sort(), acknowledged.sort());
      for (const { last } of heard) assert.match(last.text, /^421 4\.3\.2 /, "not told why the session ends");
      await assert.rejects(connectTo(gateway.port), /closed without a greeting/);
    });
  }

  it("loses nothing that got its 250 when it is killed", async () => {
    const gateway = await start();
    const sessions = Array.from({ length: SESSIONS }, (_, n) => sendUntilStopped(gateway.port, n));
    await sleep(500);
    gateway.kill("SIGKILL");
    await gateway.exited;
    const acknowledged = (await Promise.all(sessions)).flatMap((one) => one.acknowledged);
    assert.ok(acknowledged.length > SESSIONS, "too few messages to tell anything");
    await sleep(100);
    const marks = marksAtSink();
    assert.deepEqual(marks, [...new Set(marks)]);
    assert.deepEqual(
      acknowledged.filter((mark) => !marks.includes(mark)),
      [],
    );
  });
});

async function connectTo(port: number): Promise<void> {
  const client = new SmtpClient(port);
  if ((await client.reply()) === undefined) throw new Error("closed without a greeting");
}

describe("postern start, asked to stop,", () => {
  it("tells an idle session 421 and ends", async () => {
    const gateway = await start();
    const client = new SmtpClient(gateway.port);
    await client.greet();
    gateway.kill("SIGTERM");
    assert.match((await client.reply())?.text ?? "closed", /^421 4\.3\.2 /);
    assert.equal(await gateway.exited, 0);
  });

  it("lets a message that has begun end, and waits for its answer", async () => {
    const gateway = await start();
    const client = new SmtpClient(gateway.port);
    await client.greet();
    for (const line of ["MAIL FROM:<a@example.com>", "RCPT TO:<b@example.com>", "DATA"])
      await client.ask(line);
    client.socket.write("Subject: half\r\n");
    gateway.kill("SIGTERM");
    await sleep(300);
    client.socket.write("\r\nwhole\r\n.\r\n");
    assert.equal((await client.reply())?.code, 250);
    assert.equal((await client.reply())?.code, 421);
    assert.equal(await gateway.exited, 0);
    assert.equal(sink.ledger().length, 1);
  });

  it("ends at once on a second signal, whatever is under way", async () => {
    const gateway = await start();
    const answer = sendOne(gateway.port, crlf("Subject: slow\n\nhello\n"), {
      recipients: ["slow@example.com"],
    });
    await sleep(300);
    gateway.kill("SIGTERM");
    await sleep(300);
    const at = performance.now();
    gateway.kill("SIGTERM");
    assert.equal(await gateway.exited, 1);
    assert.ok(performance.now() - at < 1000);
    assert.equal((await answer).code, 0);
  });
});
