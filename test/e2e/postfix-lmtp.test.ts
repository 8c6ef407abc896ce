/**
 * A real Postfix that hands its mail to a gateway by LMTP over a unix socket, as another user: the folder's group, passed
 * on by its set-group-ID bit, is what lets it connect.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, statSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { makeCertificate } from "./certificate.ts";
import { type Postfix, postfixMissing, startPostfix } from "./postfix.ts";
import {
  type GatewayProcess,
  routesOnlyConfig,
  type Sink,
  startGateway,
  startSink,
  temporaryFolder,
} from "./processes.ts";

const LOGGED_MS_MAX = 30_000;
const groupOf = (user: string): number => Number(execFileSync("id", ["-g", user], { encoding: "utf8" }));

describe("Postfix as an LMTP client", { skip: postfixMissing(), timeout: 120_000 }, () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let sink: Sink;
  let gateway: GatewayProcess;
  let postfix: Postfix;
  let path: string;

  before(async () => {
    folder = await temporaryFolder();
    const sockets = `${folder.path}/sockets`;
    const own = `${folder.path}/postfix`;
    for (const name of [sockets, own]) mkdirSync(name);
    chownSync(sockets, 0, groupOf("postfix"));
    chmodSync(folder.path, 0o755);
    chmodSync(sockets, 0o2750);
    path = `${sockets}/lmtp`;
    sink = await startSink(`${folder.path}/sink`);
    const listeners = `[{ address: env.POSTERN_SMTP }, { kind: "lmtp", address: ${JSON.stringify(`unix:${path}`)} }]`;
    gateway = await startGateway({
      folder: folder.path,
      config: await routesOnlyConfig(folder.path, {
        route: '{ recipient: "dead@*", nextHop: "dead" }, { recipient: "*", nextHop: "backend" }',
        settings: `listeners: ${listeners},
          nextHops: { backend: smtp(env.POSTERN_UPSTREAM), dead: smtp("127.0.0.1:1") },`,
      }),
      env: { POSTERN_UPSTREAM: sink.address, POSTERN_DOMAINS: "local.example" },
    });
    postfix = await startPostfix({
      ...{ folder: own, ...makeCertificate(folder.path) },
      service: "PORT inet n - n - 10 smtpd\nlmtp unix - - n - - lmtp",
      settings: `relay_domains = local.example\ntransport_maps = inline:{ { local.example = lmtp:unix:${path} } }`,
    });
  });
  after(async () => {
    await postfix?.stop();
    await gateway?.stop();
    await sink?.stop();
    await folder?.remove();
  });

  /** What Postfix logged of a recipient, once it did. */
  async function logged(recipient: string): Promise<string> {
    for (const until = Date.now() + LOGGED_MS_MAX; Date.now() < until; await sleep(20)) {
      const line = postfix
        .log()
        .split("\n")
        .find((each) => each.includes(`to=<${recipient}>`));
      if (line !== undefined) return line;
    }
    throw new Error(`Postfix logged nothing of ${recipient}: ${postfix.log()}`);
  }

  it("connects by the group of the folder, and learns what became of each recipient", async () => {
    const { mode, gid } = statSync(path);
    assert.deepEqual([mode & 0o777, gid], [0o770, groupOf("postfix")]);
    const recipients = ["bob", "dead", "carl"].map((name) => `${name}@local.example`);
    const { status, stdout } = spawnSync(
      "swaks",
      ["--server", postfix.address, "--from", "ann@client.example", "--to", recipients.join()],
      { encoding: "utf8", timeout: 30_000 },
    );
    assert.equal(status, 0, stdout);
    assert.match(await logged("bob@local.example"), / status=sent \(250 2\.0\.0 Message accepted /);
    assert.match(await logged("carl@local.example"), / status=sent \(250 2\.0\.0 Message accepted /);
    assert.match(await logged("dead@local.example"), / status=deferred \(.* said: 451 4\.4\.1 /);
    assert.deepEqual(
      sink.ledger().map(({ recipients: taken }) => taken),
      [["bob@local.example", "carl@local.example"]],
    );
  });

  it("bounces a recipient that is refused, and no other", async () => {
    sink.clear();
    const { status } = spawnSync(
      "swaks",
      [
        ...["--server", postfix.address, "--from", "ann@client.example"],
        ...["--to", "dora@local.example,post%master@local.example"],
      ],
      { encoding: "utf8", timeout: 30_000 },
    );
    assert.equal(status, 0);
    assert.match(await logged("dora@local.example"), / status=sent /);
    assert.match(await logged("post%master@local.example"), / status=bounced \(.* said: 550 5\.7\.1 /);
    assert.deepEqual(
      sink.ledger().map(({ recipients: taken }) => taken),
      [["dora@local.example"]],
    );
  });
});
