/** Queued mail through processes: acknowledged while its server is away, delivered once it is back, over a kill -9 too. */
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
import { sendOne } from "./smtp-client.ts";

const folder = await temporaryFolder();
let port: number;
let config: string;
let gateway: GatewayProcess;
let sink: Sink | undefined;

const start = async (): Promise<void> => {
  gateway = await startGateway({ folder: folder.path, config });
};
const text = (name: string): Buffer => crlf(`Subject: ${name}\n\n${name}\n`);
/** The lines of content that came, without our trace field. */
const subjects = (of: Sink): readonly string[] =>
  of.ledger().map((taken) => /^Subject: (.*)\r$/m.exec(of.content(taken).toString("latin1"))?.[1] ?? "");

async function eventually(what: () => boolean): Promise<void> {
  for (let tries = 0; tries < 300 && !what(); tries++)
    await new Promise((resolve) => setTimeout(resolve, 100));
}

before(async () => {
  port = await freePort();
  const retry = '{ first: "1s", max: "2s" }';
  config = await routesOnlyConfig(folder.path, {
    settings: `nextHops: { backend: smtp({ servers: ["127.0.0.1:${port}"], mode: "queue", retry: ${retry} }) },`,
  });
  await start();
});
after(async () => {
  gateway?.kill("SIGKILL");
  await gateway?.exited;
  await sink?.stop();
  await folder.remove();
});

describe("postern start with a next hop in mode queue", () => {
  it("takes mail while the server is down, keeps it over a kill -9 and a stop, and delivers each message once", async () => {
    assert.match((await sendOne(gateway.port, text("one"))).text, /^250 2\.0\.0 Message queued \(ref \w+\)$/);
    // Larger than what lies in the database.
    const large = crlf(`Subject: two\n\n${"a line of some length, again and again\n".repeat(10_000)}`);
    assert.match((await sendOne(gateway.port, large)).text, /^250 /);
    gateway.kill("SIGKILL");
    await gateway.exited;
    await start();
    assert.match((await sendOne(gateway.port, text("three"))).text, /^250 /);
    assert.equal(await gateway.stop(), 0);
    await start();
    sink = await startSink(`${folder.path}/sink`, { port });
    const found = sink;
    await eventually(() => found.ledger().length >= 3);
    assert.deepEqual([...subjects(found)].sort(), ["one", "three", "two"]);
    const taken = found.ledger().map((each) => found.content(each).toString("latin1"));
    assert.ok(taken.some((each) => each.endsWith(large.toString("latin1"))));
    for (const each of taken) assert.match(each, /^Received: from /);
  });

  it("delivers at once while the server is up", async () => {
    const found = sink!;
    found.clear();
    assert.match((await sendOne(gateway.port, text("now"))).text, /^250 2\.0\.0 Message queued/);
    await eventually(() => found.ledger().length >= 1);
    assert.deepEqual(subjects(found), ["now"]);
  });

  it("tells a sender that it knows of a refusal, by a message of its own", async () => {
    const found = sink!;
    found.clear();
    await sendOne(gateway.port, text("refused"), { recipients: ["refuse.1@example.com"] });
    await eventually(() => found.ledger().length >= 1);
    const [dsn] = found.ledger();
    assert.equal(dsn?.reversePath, "");
    const content = found.content(dsn!).toString("latin1");
    assert.match(content, /^Content-Type: multipart\/report/m);
    assert.match(content, /^Status: 5\.1\.1\r$/m);
    assert.match(content, /^Action: failed\r$/m);
  });
});
