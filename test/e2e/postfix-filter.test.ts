/** A real Postfix with the gateway as its smtpd_proxy_filter: mail goes from Postfix by the gateway to Postfix. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { makeCertificate } from "./certificate.ts";
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
import { sendOne, untilOffered, withLineEnd } from "./smtp-client.ts";
import { smtpSource } from "./smtp-source.ts";
import { assertSameOctets, partTrace } from "./stored.ts";

const FROM_FILTERED =
  /^Received: from \S+ \(\[127\.0\.0\.1\]\)\r\n\tby gateway\.example \(Postern\) with ESMTP id \w+/;

type Folder = Awaited<ReturnType<typeof temporaryFolder>>;

describe("Postfix with postern start as its smtpd_proxy_filter,", { skip: postfixMissing() }, () => {
  let folders: readonly [Folder, Folder];
  let postfix: Postfix | undefined;
  let gateway: GatewayProcess | undefined;

  before(async () => {
    folders = [await temporaryFolder(), await temporaryFolder()];
    const tls = makeCertificate(folders[0].path);
    const [gatewayPort, back] = [await freePort(), await freePort()];
    postfix = await startPostfix({
      folder: folders[1].path,
      ...tls,
      service: `127.0.0.1:PORT inet n - n - 20 smtpd${SMTPD_OPTIONS}
  -o smtpd_proxy_filter=127.0.0.1:${gatewayPort}
127.0.0.1:${back} inet n - n - - smtpd${SMTPD_OPTIONS}
  -o smtpd_authorized_xforward_hosts=127.0.0.0/8`,
    });
    gateway = await startGateway({
      folder: folders[0].path,
      config: await routesOnlyConfig(folders[0].path, { settings: 'domains: "example.com"' }),
      env: { POSTERN_SMTP: `127.0.0.1:${gatewayPort}`, POSTERN_UPSTREAM: `127.0.0.1:${back}` },
    });
    // The Postfix in front says BODY=8BITMIME to its filter whether EHLO offers it or not.
    await untilOffered(gatewayPort, "8BITMIME");
  });
  beforeEach(() => postfix?.clear());
  after(async () => {
    if (postfix?.runs()) await postfix.stop();
    gateway?.kill("SIGKILL");
    await gateway?.exited;
    for (const folder of folders ?? []) await folder.remove();
  });

  for (const { name, content } of FRONT_MESSAGES) {
    it(`every octet is what was sent: ${name}`, async () => {
      const sent = content();
      const reply = await sendOne(portOf(postfix!.address), sent, ENVELOPE);
      assert.match(reply.text, /^250 2\.0\.0 Message accepted \(ref \w+\)$/);
      const [stored, ...others] = await postfix!.settled();
      assert.equal(others.length, 0);
      assert.ok(stored, "nothing was delivered");
      // Ours, and below it that of the Postfix in front.
      const { trace, rest } = partTrace(stored.content, 2);
      assert.match(trace[0] ?? "", FROM_FILTERED);
      assert.match(trace[1] ?? "", RECEIVED_FROM_CLIENT);
      assertSameOctets(rest, withLineEnd(sent));
    });
  }

  it("a refusal of the Postfix behind reaches the client of the one in front", async () => {
    const refused = await sendOne(portOf(postfix!.address), crlf("Subject: refuse me\n\nhello\n"), ENVELOPE);
    assert.match(refused.text, /^550 5\.7\.1 That subject is not taken/);
    assert.deepEqual(await postfix!.settled(), []);
  });

  it("smtp-source sends 100 messages in 20 sessions, and each is there once", async () => {
    const run = await smtpSource(portOf(postfix!.address), ["-s", "20", "-m", "100", "-l", "4096"]);
    assert.equal(run.code, 0, run.output);
    assert.equal((await postfix!.settled()).length, 100);
  });
});
