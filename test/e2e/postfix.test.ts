/**
 * Mail by swaks and by raw socket through a gateway process to a real Postfix, set up as the README says: what lies in
 * the mailboxes is what was sent, and what Postfix says is what the client hears.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { after, before, beforeEach, describe, it } from "node:test";
import { makeCertificate } from "./certificate.ts";
import { type Postfix, postfixMissing, type Stored, startPostfix } from "./postfix.ts";
import { REFUSALS, SWAKS_MAILS } from "./postfix-cases.ts";
import { swaks } from "./postfix-swaks.ts";
import { type GatewayProcess, routesOnlyConfig, startGateway, temporaryFolder } from "./processes.ts";
import { crlf, largeMessage } from "./real-messages.ts";
import { partReceived, sendOne, untilOffered } from "./smtp-client.ts";

const skip = postfixMissing();
const TRIES_MAX = 100;

/** The lines for master.cf in the README, with `PORT` in place of the port. */
function readmeService(): string {
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const lines = /^ {4}127\.0\.0\.1:\d+ inet .*\n(?: {6}-o .*\n)+/m.exec(readme)?.[0];
  assert.ok(lines, "the README has no lines for master.cf");
  return lines.replaceAll(/^ {4}/gm, "").replace(/:\d+/, ":PORT").trimEnd();
}

/** What was sent lies behind our trace field and `added`, and came by way of the gateway of that name. */
function assertDelivered(
  stored: Stored,
  sent: Buffer,
  { returnPath = "<sender@example.net>", hostName = "gateway.example", added = "" } = {},
): void {
  assert.ok(stored.trace.startsWith(`Return-Path: ${returnPath}\n`), `Postfix put on top: ${stored.trace}`);
  assert.ok(stored.trace.includes(`\nReceived: from ${hostName} (`), stored.trace);
  // The gateway uses what is offered: on loopback STARTTLS, without asking whose the certificate is.
  assert.match(stored.trace, /\n\t\(using TLSv1\.3 [\s\S]*\n\tby postfix\.example \(Postfix\)/);
  const { received, rest } = partReceived(stored.content);
  assert.match(received, / \(\[127\.0\.0\.1\]\)\r\n\tby \S+ \(Postern\) with ESMTPS? id \w+/);
  const want = Buffer.concat([Buffer.from(added), sent]);
  if (rest.equals(want)) return;
  const at = rest.findIndex((octet, n) => octet !== want[n]);
  const near = (octets: Buffer) => JSON.stringify(octets.toString("latin1", Math.max(0, at - 30), at + 50));
  assert.fail(
    `of ${want.length} octets came ${rest.length}; at ${at} ${near(rest)} in place of ${near(want)}`,
  );
}

describe("postern start in front of Postfix", { skip }, () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let postfixFolder: Awaited<ReturnType<typeof temporaryFolder>>;
  let postfix: Postfix;
  let gateway: GatewayProcess;

  before(async () => {
    [folder, postfixFolder] = [await temporaryFolder(), await temporaryFolder()];
    const tls = makeCertificate(folder.path);
    postfix = await startPostfix({ folder: postfixFolder.path, ...tls, service: readmeService() });
    const listeners = [{ address: "127.0.0.1:0", greetingDelay: 0, tls }];
    gateway = await startGateway({
      folder: folder.path,
      config: await routesOnlyConfig(folder.path, { settings: `listeners: ${JSON.stringify(listeners)}` }),
      env: { POSTERN_UPSTREAM: postfix.address },
    });
  });
  beforeEach(() => postfix.clear());
  after(async () => {
    gateway?.kill("SIGKILL");
    await gateway?.exited;
    if (postfix?.runs()) await postfix.stop();
    await folder?.remove();
    await postfixFolder?.remove();
  });

  const sendBySwaks = (args: readonly string[]) =>
    swaks(gateway.port, ["--from", "sender@example.net", ...args]);

  /** A file for swaks to read. */
  async function fileOf(content: Buffer): Promise<string> {
    const file = `${folder.path}/content`;
    await writeFile(file, content);
    return file;
  }

  for (const {
    name,
    args,
    mailboxes = ["ann"],
    returnPath = "<sender@example.net>",
    tls = false,
    bytesMin = 0,
  } of SWAKS_MAILS) {
    it(`delivers what swaks sent: ${name}`, async () => {
      const to = mailboxes.map((mailbox) => `${mailbox}@example.com`).join(",");
      const run = await sendBySwaks(["--to", to, ...(await args(fileOf))]);
      assert.match(run.reply, /^250 2\.0\.0 Message accepted \(ref \w+\)$/);
      assert.deepEqual([run.code, run.tls], [0, tls]);
      assert.ok(run.sent.length > bytesMin, `swaks sent ${run.sent.length} octets`);
      const stored = await postfix.settled();
      assert.deepEqual(
        stored.map((one) => one.mailbox),
        mailboxes,
      );
      for (const one of stored) assertDelivered(one, run.sent, { returnPath });
    });
  }

  it("delivers what a raw socket sent: every octet but NUL, CR and LF, odd fields, dots, long lines", async () => {
    const octets = Buffer.from(
      Array.from({ length: 256 }, (_, n) => n).filter((n) => ![0, 10, 13].includes(n)),
    );
    const sent = Buffer.concat([
      crlf(`From: a@example.net
Date: Tue, 1 Jul 2025 10:00:00 +0000
Message-ID:   <2@example.net>${" "}
subject:no space\n\t folded\n \t
X-Long: ${"x".repeat(5000)}

.
..
${"y".repeat(100_000)}
.${"z".repeat(3000)}
`),
      octets,
      crlf("\n\n \n"),
    ]);
    const reply = await sendOne(gateway.port, sent, {
      reversePath: "sender@example.net",
      recipients: ["ann@example.com", "BOB@Example.COM"],
      parameters: " BODY=8BITMIME",
    });
    assert.equal(reply.code, 250, reply.text);
    const stored = await postfix.settled();
    assert.equal(stored.length, 2);
    for (const one of stored) assertDelivered(one, sent);
  });

  it("delivers a header section as it came, though Postfix mends those of clients it takes for local", async () => {
    const sent = crlf("From: ann\nTo: bob@somewhere\nSubject: no Date, no Message-ID\n\nhello\n");
    const envelope = { reversePath: "sender@example.net", recipients: ["ann@example.com"] };
    assert.equal((await sendOne(gateway.port, sent, envelope)).code, 250);
    const [stored] = await postfix.settled();
    assert.ok(stored, "nothing was delivered");
    assertDelivered(stored, sent);
  });

  it("with the config of the package adds X-Postern and Received", async () => {
    const env = { POSTERN_UPSTREAM: postfix.address };
    const own = await startGateway({ folder: `${folder.path}/own`, env });
    try {
      const run = await swaks(own.port, ["--from", "sender@example.net", "--to", "ann@example.com"]);
      assert.equal(run.code, 0, run.output);
      const [stored] = await postfix.settled();
      assert.ok(stored, "nothing was delivered");
      assertDelivered(stored, run.sent, { hostName: hostname(), added: "X-Postern: passed\r\n" });
      assert.equal(await own.stop(), 0);
    } finally {
      own.kill("SIGKILL");
    }
  });

  for (const { name, args, want } of REFUSALS) {
    it(`passes on in Postfix's words that it refuses ${name}, and delivers to nobody`, async () => {
      const run = await sendBySwaks(args);
      assert.match(run.reply, want, run.output);
      assert.equal(run.code, 26);
      assert.deepEqual(await postfix.settled(), []);
    });
  }

  it("refuses a message that is too large for Postfix, in our words once Postfix has told its SIZE", async () => {
    await untilOffered(gateway.port, "SIZE 10240000");
    const envelope = { reversePath: "sender@example.net", recipients: ["ann@example.com"] };
    const reply = await sendOne(gateway.port, largeMessage(10_300_000), envelope);
    assert.match(reply.text, /^552 5\.3\.4 Message too large \(ref \w+\)$/);
    assert.deepEqual(await postfix.settled(), []);
  });

  it("answers 451 4.4.1 while Postfix is stopped, and delivers when it was started again", async () => {
    assert.equal((await sendBySwaks(["--to", "ann@example.com"])).code, 0);
    await postfix.settled();
    postfix.clear();
    await postfix.stop();
    const down = await sendBySwaks(["--to", "ann@example.com"]);
    assert.match(down.reply, /^451 4\.4\.1 The next hop can not be reached now \(ref \w+\)$/, down.output);
    postfix.start();
    let up = await sendBySwaks(["--to", "ann@example.com"]);
    for (let times = 0; up.reply.startsWith("451 ") && times < TRIES_MAX; times += 1) {
      up = await sendBySwaks(["--to", "ann@example.com"]);
    }
    assert.match(up.reply, /^250 2\.0\.0 Message accepted \(ref \w+\)$/, up.output);
    const stored = await postfix.settled();
    assert.equal(stored.length, 1, "the message that was answered 451 was delivered too");
    assertDelivered(stored[0]!, up.sent);
  });
});
