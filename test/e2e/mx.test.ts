/** mx() through the gateway as a user starts it: a DNS server on loopback, and sinks at the addresses that it names. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  type FakeDnsServer,
  type FakeRecord,
  nameBytes,
  startFakeDns,
  TYPES,
} from "../dns/fake-dns-server.ts";
import { type Sink, startSink } from "../relay/sink-server.ts";
import {
  freePort,
  type GatewayProcess,
  routesOnlyConfig,
  startGateway,
  temporaryFolder,
} from "./processes.ts";
import { crlf } from "./real-messages.ts";
import { SmtpClient, sendOne } from "./smtp-client.ts";

const folder = await temporaryFolder();
const content = crlf("Subject: hello\n\nhello\n");
let dns: FakeDnsServer;
let first: Sink;
let second: Sink;
let gateway: GatewayProcess;

const mxRecord = (preference: number, host: string): FakeRecord => ({
  type: TYPES.MX,
  data: Buffer.concat([Buffer.of(preference >> 8, preference & 255), nameBytes(host)]),
});
const aRecord = (ip: string): FakeRecord => ({ type: TYPES.A, data: Buffer.from(ip.split(".").map(Number)) });

before(async () => {
  first = await startSink((command) =>
    command.startsWith("RCPT TO:<gone@") ? "550 5.1.1 Gone away" : undefined,
  );
  second = await startSink(undefined, undefined, { host: "127.0.0.2", port: first.port });
  dns = await startFakeDns({
    [`one.example ${TYPES.MX}`]: [mxRecord(20, "mx2.example"), mxRecord(10, "mx1.example")],
    [`down.example ${TYPES.MX}`]: [mxRecord(10, "mx3.example"), mxRecord(20, "mx2.example")],
    [`plain.example ${TYPES.A}`]: [aRecord("127.0.0.2")],
    "plain.example": [],
    [`null.example ${TYPES.MX}`]: [mxRecord(0, "")],
    [`ours.example ${TYPES.MX}`]: [mxRecord(10, "gateway.example"), mxRecord(20, "mx1.example")],
    "dead.example": "servfail",
    [`loop.example ${TYPES.MX}`]: [mxRecord(10, "mx1.example")],
    [`hostile.example ${TYPES.MX}`]: [mxRecord(10, "mx1.example")],
    [`mx1.example ${TYPES.A}`]: [aRecord("127.0.0.1")],
    [`mx2.example ${TYPES.A}`]: [aRecord("127.0.0.2")],
    [`mx3.example ${TYPES.A}`]: [aRecord("127.0.0.3")],
    ...{ "mx1.example": [], "mx2.example": [], "mx3.example": [] },
  });
  const port = await freePort();
  const near = "allowPrivateAddresses: true, replyTimeout: '5s'";
  gateway = await startGateway({
    folder: folder.path,
    config: await routesOnlyConfig(folder.path, {
      route: `
        { recipient: "*@loop.example", nextHop: "self" },
        { recipient: "*@hostile.example", nextHop: "strict" },
        { recipient: "*", nextHop: "out" }`,
      settings: `
        dns: { servers: ["${dns.address}"] },
        nextHops: {
          out: mx({ port: ${first.port}, ${near} }),
          self: mx({ port: ${port}, ${near} }),
          strict: mx({ port: ${first.port} }),
        },`,
    }),
    env: { POSTERN_SMTP: `127.0.0.1:${port}` },
  });
});
after(async () => {
  gateway?.kill("SIGKILL");
  await gateway?.exited;
  await Promise.all([first?.close(), second?.close(), dns?.close()]);
  await folder.remove();
});

const counts = (): readonly number[] => [first.messages.length, second.messages.length];

describe("postern start with mx()", () => {
  it("delivers to the best host of the domain, and the message is that of the client behind our trace field", async () => {
    const [before1 = 0, before2] = counts();
    const reply = await sendOne(gateway.port, content, {
      recipients: ["ann@one.example", "bob@ONE.example"],
    });
    assert.match(reply.text, /^250 /);
    assert.deepEqual(counts(), [before1 + 1, before2]);
    const taken = first.messages.at(-1)?.toString("latin1") ?? "";
    assert.match(taken, /^Received: .*\r\n.*by gateway\.example/);
    assert.ok(taken.endsWith(Buffer.from(content).toString("latin1")));
    assert.ok(first.commands.includes("EHLO gateway.example"));
  });

  it("goes on to the next host where one is down, and to the domain itself where it has no MX", async () => {
    for (const domain of ["down.example", "plain.example"]) {
      const [before1, before2 = 0] = counts();
      const reply = await sendOne(gateway.port, content, { recipients: [`ann@${domain}`] });
      assert.match(reply.text, /^250 /, domain);
      assert.deepEqual(counts(), [before1, before2 + 1], domain);
    }
  });

  const refused: readonly { readonly to: string; readonly want: RegExp }[] = [
    { to: "gone@one.example", want: /^550 5\.1\.1 Gone away/ },
    { to: "ann@nowhere.example", want: /^550 5\.1\.2 / },
    { to: "ann@null.example", want: /^556 5\.1\.10 / },
    { to: "ann@dead.example", want: /^451 4\.4\.3 / },
    { to: "ann@ours.example", want: /^554 5\.4\.6 / },
    // A listener of this gateway has that address and port.
    { to: "ann@loop.example", want: /^554 5\.4\.6 / },
    // Without allowPrivateAddresses nothing on loopback is reached.
    { to: "ann@hostile.example", want: /^554 5\.4\.6 / },
  ];
  for (const { to, want } of refused) {
    it(`answers ${want.source} for ${to}, and nothing is sent`, async () => {
      const before = counts();
      assert.match((await sendOne(gateway.port, content, { recipients: [to] })).text, want);
      assert.deepEqual(counts(), before);
    });
  }

  it("has one domain a transaction: 452 4.5.3 for those of another, which go in the next", async () => {
    const client = new SmtpClient(gateway.port);
    await client.greet();
    const codes: (number | undefined)[] = [];
    for (const command of [
      "MAIL FROM:<a@example.com>",
      "RCPT TO:<ann@one.example>",
      "RCPT TO:<ann@plain.example>",
      "RCPT TO:<bob@one.example>",
    ]) {
      client.socket.write(`${command}\r\n`);
      codes.push((await client.reply())?.code);
    }
    assert.deepEqual(codes, [250, 250, 452, 250]);
    await client.quit();
  });
});
