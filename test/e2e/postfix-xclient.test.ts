/** The gateway in front of a real Postfix that it tells, by XCLIENT or XFORWARD, who its client is. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { makeCertificate } from "./certificate.ts";
import { type Postfix, postfixMissing, startPostfix } from "./postfix.ts";
import { ENVELOPE, SMTPD_OPTIONS } from "./postfix-front-cases.ts";
import {
  freePort,
  type GatewayProcess,
  routesOnlyConfig,
  startGateway,
  temporaryFolder,
} from "./processes.ts";
import { crlf } from "./real-messages.ts";
import { SmtpClient } from "./smtp-client.ts";
import { assertSameOctets, partTrace } from "./stored.ts";

const MAILBOXES = ["ann@example.com", "bob@example.com"];

type Folder = Awaited<ReturnType<typeof temporaryFolder>>;

describe("postern start, told by XCLIENT who its client is, in front of Postfix", {
  skip: postfixMissing(),
}, () => {
  const kinds = [
    {
      by: "xclient",
      name: "Postfix takes that client for its own",
      // Postern itself is no client of this network.
      service: "-o smtpd_authorized_xclient_hosts=127.0.0.0/8 -o mynetworks=192.0.2.7",
      received: /^Return-Path: .*\nReceived: from far\.example \(unknown \[192\.0\.2\.7\]\)\n/s,
      log: /: client=unknown\[192\.0\.2\.7\]\n/,
    },
    {
      by: "xforward",
      name: "Postfix has that client in its log",
      service: "-o smtpd_authorized_xforward_hosts=127.0.0.0/8 -o mynetworks=127.0.0.0/8",
      received: /^Return-Path: .*\nReceived: from gateway\.example \(unknown \[127\.0\.0\.1\]\)\n/s,
      log: /: client=unknown\[127\.0\.0\.1\], orig_queue_id=\w+, orig_client=unknown\[192\.0\.2\.7\]\n/,
    },
  ];
  const folders: Folder[] = [];
  const ports: number[] = [];
  let postfix: Postfix | undefined;
  let gateway: GatewayProcess | undefined;

  before(async () => {
    for (const _ of kinds) ports.push(await freePort());
    folders.push(await temporaryFolder(), await temporaryFolder());
    postfix = await startPostfix({
      folder: folders[0]!.path,
      ...makeCertificate(folders[1]!.path),
      service: [
        `127.0.0.1:PORT inet n - n - - smtpd${SMTPD_OPTIONS}`,
        ...kinds.map(
          ({ service }, n) =>
            `127.0.0.1:${ports[n]} inet n - n - - smtpd ${service} -o local_header_rewrite_clients=`,
        ),
      ].join("\n"),
    });
    const nextHops = kinds.map(
      ({ by }, n) => `${by}: smtp({ servers: ["127.0.0.1:${ports[n]}"], forwardClient: "${by}" })`,
    );
    const routes = kinds.map(({ by }, n) => `{ recipient: "${MAILBOXES[n]}", nextHop: "${by}" }`);
    gateway = await startGateway({
      folder: folders[1]!.path,
      config: await routesOnlyConfig(folders[1]!.path, {
        route: routes.join(", "),
        settings: `nextHops: { ${nextHops.join(", ")} }, domains: "example.com",
          listeners: [{ address: "127.0.0.1:0", greetingDelay: 0, xclient: ["127.0.0.1"] }]`,
      }),
    });
  });
  beforeEach(() => postfix?.clear());
  after(async () => {
    gateway?.kill("SIGKILL");
    await gateway?.exited;
    if (postfix?.runs()) await postfix.stop();
    for (const folder of folders) await folder.remove();
  });

  for (const [n, { by, name, received, log }] of kinds.entries()) {
    it(`with forwardClient "${by}": ${name}`, async () => {
      const client = new SmtpClient(gateway!.port);
      await client.greet();
      assert.equal((await client.ask("XCLIENT ADDR=192.0.2.7 PORT=4711 HELO=far.example")).code, 220);
      assert.equal((await client.ask("EHLO client.example")).code, 250);
      const sent = crlf("Subject: from afar\n\nhello\n");
      const reply = await client.send(sent, { ...ENVELOPE, recipients: [MAILBOXES[n]!], parameters: "" });
      assert.equal(reply.code, 250, `${reply.text}\n${postfix!.log()}`);
      await client.quit();
      const [stored] = await postfix!.settled();
      assert.ok(stored, "nothing was delivered");
      assert.match(stored.trace, received);
      assert.match(postfix!.log(), log);
      const ours = partTrace(stored.content, 1);
      assert.match(
        ours.trace[0] ?? "",
        /^Received: from far\.example \(\[192\.0\.2\.7\]\)\r\n\tby gateway\.example /,
      );
      assertSameOctets(ours.rest, sent);
    });
  }
});
