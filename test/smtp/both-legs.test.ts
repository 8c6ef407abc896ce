/** A listener, the engine and a real next hop: `verifyRecipients` in the session, and `trace.dialogue` over both legs. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { type GatewayConfig, type ListenerConfig, pipeline, smtp, type TraceRecord } from "postern";
import { createSmtpDriver } from "../../core/relay/mod.ts";
import { listenSmtp } from "../../core/smtp/mod.ts";
import { routes } from "../../plugins/mod.ts";
import { openBed } from "../gateway/engine-bed.ts";
import { clock, nextHop, offering, recordingLog } from "../relay/relay-fixtures.ts";
import { type Script, startSink } from "../relay/sink-server.ts";
import { Client, type Logged, WIDE } from "./limits-fixtures.ts";

const offered = offering("PIPELINING", "ENHANCEDSTATUSCODES");
const script: Script = (command, n) =>
  command.startsWith("RCPT") && command.includes("gone")
    ? "550-5.1.1 No such user here\r\n550 5.1.1 at all"
    : offered(command, n);

async function openBoth() {
  const sink = await startSink(script);
  const driver = createSmtpDriver("backend", nextHop(sink.port), {
    ...{ hostName: "gate.example", log: recordingLog(), clock },
  });
  const engine = await openBed({
    pipeline: pipeline(routes([{ nextHop: "backend", verifyRecipients: true }])),
    config: {
      nextHops: { backend: smtp(`127.0.0.1:${sink.port}`) },
      domains: ["example.org"],
      trace: { dialogue: [{ address: "*@example.org" }] },
    },
    nextHops: {
      backend: {
        description: driver.description,
        deliver: (delivery, options) => driver.deliver(delivery, options),
        verify: (reversePath, forwardPath, options) => driver.verify!(reversePath, forwardPath, options),
        extensions: () => driver.extensions(),
        probe: (signal) => driver.probe(signal),
        close: () => driver.close(),
      },
    },
  });
  const listener = {
    ...{ name: "relay", kind: "relay", address: { host: "127.0.0.1", port: 0 }, authRequired: false },
    ...{
      greetingDelayMs: 0,
      trustedNetworks: [],
      bareNewlines: "refuse",
      proxyProtocol: [],
      xclient: [],
      xforward: [],
    },
    ...{ upstreams: [], earlyTalkers: "note", lenientAddresses: false },
  } as unknown as ListenerConfig;
  const config = {
    hostName: "gate.example",
    limits: { ...WIDE, unknownRecipientsMax: 3 },
    listeners: [listener],
  };
  const logged: Logged[] = [];
  const write = (event: string, fields: object = {}) => void logged.push({ event, ...fields });
  const log = { debug: write, info: write, warn: write, error: write };
  // The engine trusts loopback by its own config's listener of this name; this one is a stranger's.
  const strangers = {
    openSession: (start: Parameters<typeof engine.gateway.openSession>[0]) =>
      engine.gateway.openSession({ ...start, client: { ip: "192.0.2.1", port: 4 } }),
  };
  const smtpListener = await listenSmtp(config as unknown as GatewayConfig, listener, strangers, {
    ...{ log, drainMs: 500 },
  });
  return {
    ...{ sink, engine, logged, port: smtpListener.address.port },
    async close() {
      await smtpListener.close();
      await driver.close();
      await sink.close();
    },
  };
}

const bed = await openBoth();
after(() => bed.close());

const linesOf = ({ entries }: TraceRecord): readonly string[] =>
  entries.flatMap((entry) =>
    "line" in entry ? [`${entry.server === undefined ? "" : "next hop "}${entry.who}: ${entry.line}`] : [],
  );

describe("a session with verifyRecipients", () => {
  it("refuses at RCPT whom the next hop does not know, and ends at unknownRecipientsMax", async () => {
    const client = await Client.open(bed.port);
    await client.reply();
    await client.ask("EHLO client.example");
    await client.ask("MAIL FROM:<ann@example.com>");
    assert.match(await client.ask("RCPT TO:<bob@example.org>"), /^250 /);
    assert.match(await client.ask("RCPT TO:<gone@elsewhere.example>"), /^550 5\.7\.1 Relaying denied/);
    for (const name of ["gone1", "gone2"]) {
      const reply = await client.ask(`RCPT TO:<${name}@example.org>`);
      assert.match(reply, /^550 5\.1\.1 No such user here at all \(ref \w+\)/);
    }
    assert.match(await client.ask("RCPT TO:<gone1@example.org>"), /^421 4\.7\.0 Too many unknown/);
    client.socket.destroy();
    assert.equal(bed.logged.find(({ event }) => event === "limitReached")?.limit, "unknownRecipientsMax");
    const asked = bed.sink.commands.filter((command) => command.startsWith("RCPT"));
    assert.deepEqual(asked, [
      "RCPT TO:<bob@example.org>",
      "RCPT TO:<gone1@example.org>",
      "RCPT TO:<gone2@example.org>",
    ]);
  });
});

describe("trace.dialogue about a domain", () => {
  it("has both legs, command by command, from the greeting to the next hop's final reply", async () => {
    const client = await Client.open(bed.port);
    await client.reply();
    for (const line of [
      "HELO client.example",
      "MAIL FROM:<ann@example.com>",
      "RCPT TO:<bob@example.org>",
      "DATA",
    ])
      await client.ask(line);
    assert.match(await client.ask("Subject: private\r\n\r\nhello\r\n."), /^250 /);
    client.socket.destroy();
    const lines = linesOf(bed.engine.last());
    assert.match(lines[0] ?? "", /^gateway: 220 gate\.example ESMTP/);
    assert.deepEqual(lines.slice(1), [
      "client: HELO client.example",
      lines[2],
      "client: MAIL FROM:<ann@example.com>",
      "gateway: 250 2.1.0 Sender ok",
      "client: RCPT TO:<bob@example.org>",
      "gateway: 250 2.1.5 Recipient ok",
      "client: DATA",
      "gateway: 354 End data with <CR><LF>.<CR><LF>",
      "client: (27 octets of content)",
      "next hop gateway: MAIL FROM:<ann@example.com>",
      "next hop gateway: RCPT TO:<bob@example.org>",
      "next hop gateway: DATA",
      "next hop nextHop: 250 2.1.0 ok",
      "next hop nextHop: 250 2.1.0 ok",
      "next hop nextHop: 354 go on",
      lines[16],
      "next hop nextHop: 250 2.0.0 taken",
    ]);
    assert.match(lines[16] ?? "", /^next hop gateway: \(\d{3} octets of content\)$/);
    assert.doesNotMatch(JSON.stringify(bed.engine.last().entries), /private|hello/);
  });
});
