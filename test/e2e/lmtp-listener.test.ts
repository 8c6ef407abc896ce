/** A gateway process that takes mail by LMTP, on a unix socket and on a port. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, lstatSync } from "node:fs";
import { connect } from "node:net";
import { after, before, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { commandFile } from "./dovecot.ts";
import {
  freePort,
  type GatewayProcess,
  routesOnlyConfig,
  type Sink,
  startGateway,
  startSink,
  temporaryFolder,
} from "./processes.ts";
import { partReceived } from "./smtp-client.ts";

const CLIENT = fileURLToPath(new URL("lmtp-client.py", import.meta.url));
const CONTENT = "From: ann@client.example\r\nSubject: one\r\n\r\n..dots\r\n.\r\nend \r\n";

const folder = await temporaryFolder();
const path = `${folder.path}/lmtp`;
let sink: Sink;
let port: number;
let started = 0;

/** A next hop that nobody answers at, for recipients called "dead"; all others go to the sink. */
async function start(): Promise<GatewayProcess> {
  const listeners = [
    `{ address: env.POSTERN_SMTP, greetingDelay: 0 }`,
    `{ name: "store", kind: "lmtp", address: ${JSON.stringify(`unix:${path}`)} }`,
    `{ name: "port", kind: "lmtp", address: ${JSON.stringify(`127.0.0.1:${port}`)} }`,
  ];
  const config = await routesOnlyConfig(folder.path, {
    route: '{ recipient: "dead@*", nextHop: "dead" }, { recipient: "*", nextHop: "backend" }',
    settings: `listeners: [${listeners.join(", ")}],
      nextHops: { backend: smtp(env.POSTERN_UPSTREAM), dead: smtp("127.0.0.1:1") },`,
  });
  return startGateway({
    folder: `${folder.path}/${started++}`,
    config,
    env: { POSTERN_UPSTREAM: sink.address, POSTERN_DOMAINS: "local.example" },
  });
}

/** The replies to one message of a client that sends each line after the reply to the one before. */
async function deliver(recipients: readonly string[]): Promise<readonly string[]> {
  const socket = connect(path);
  let heard = "";
  const lines = [
    ...["LHLO client.example", "MAIL FROM:<ann@client.example>"],
    ...recipients.map((recipient) => `RCPT TO:<${recipient}@local.example>`),
    ...["DATA", `${CONTENT.replace(/^\./gm, "..")}.`, "QUIT"],
  ];
  // Greeting, LHLO, MAIL, each RCPT and DATA have one reply; the content as many as recipients.
  let said = 0;
  socket.on("data", (chunk) => {
    heard += String(chunk);
    const replies = heard.match(/^\d{3} .*\r\n/gm)?.length ?? 0;
    const quitAt = lines.length - 1 + recipients.length;
    while (said < lines.length && replies >= (said === lines.length - 1 ? quitAt : said + 1))
      socket.write(`${lines[said++]}\r\n`);
  });
  await once(socket, "close");
  const replies = heard.match(/^\d{3} .*\r\n/gm) ?? [];
  return replies.slice(lines.length - 1, -1).map((reply) => reply.slice(0, 9));
}

describe("postern start with LMTP listeners", () => {
  let gateway: GatewayProcess;

  before(async () => {
    sink = await startSink(`${folder.path}/sink`);
    port = await freePort();
    gateway = await start();
  });
  beforeEach(() => sink.clear());
  after(async () => {
    await gateway?.stop();
    await sink?.stop();
    await folder.remove();
  });

  it("says where it takes LMTP, and on which socket file", () => {
    assert.match(gateway.output(), new RegExp(`LMTP {6}unix:${path} \\(store\\)`));
    assert.match(gateway.output(), new RegExp(`LMTP {6}127\\.0\\.0\\.1:${port} \\(port\\)`));
    assert.equal(lstatSync(path).mode & 0o007, 0);
  });

  it("answers each recipient by what became of its copy, and delivers each copy once, byte for byte", async () => {
    const answers = await deliver(["bob", "dead", "carl", "bob"]);
    assert.deepEqual(answers, ["250 2.0.0", "451 4.4.1", "250 2.0.0", "250 2.0.0"]);
    const taken = sink.ledger();
    assert.deepEqual(
      taken.map(({ recipients }) => recipients),
      [["bob", "carl", "bob"].map((name) => `${name}@local.example`)],
    );
    assert.ok(taken[0]);
    const { received, rest } = partReceived(sink.content(taken[0]));
    assert.equal(String(rest), CONTENT);
    assert.match(received, / with LMTP id /);
  });

  it("takes the place of the socket of a gateway that was killed, and removes its own", async () => {
    gateway.kill("SIGKILL");
    await gateway.exited;
    assert.ok(existsSync(path));
    gateway = await start();
    assert.deepEqual(await deliver(["bob"]), ["250 2.0.0"]);
    assert.equal(await gateway.stop(), 0);
    assert.ok(!existsSync(path));
    gateway = await start();
  });

  it("does not start where another gateway has the socket, which keeps it", async () => {
    await assert.rejects(start(), (error: Error) => {
      assert.match(error.message, /cannot listen on unix:\S+: another server answers there/);
      return true;
    });
    assert.deepEqual(await deliver(["bob"]), ["250 2.0.0"]);
  });

  describe("smtplib of Python", {
    skip: commandFile("python3") === undefined && "python3 is not installed (Debian package python3)",
  }, () => {
    for (const where of ["unix socket", "port"]) {
      it(`delivers by LMTP over a ${where}`, async () => {
        const args = where === "port" ? ["127.0.0.1", String(port)] : [path];
        const child = spawn("python3", [CLIENT, ...args], { stdio: ["ignore", "pipe", "inherit"] });
        let said = "";
        child.stdout.on("data", (chunk) => (said += String(chunk)));
        await once(child, "close");
        assert.deepEqual(said.trimEnd().split("\n"), [
          "PIPELINING True",
          ...["250 b'2.0.0", "451 b'4.4.1", "250 b'2.0.0"],
          "sendmail {}",
        ]);
        assert.deepEqual(
          sink.ledger().map(({ recipients }) => recipients.length),
          [2, 1],
        );
      });
    }
  });
});
