/** Clients that break off at any octet, send garbage, or go silent: nothing is relayed twice or lost, nothing breaks. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import {
  type GatewayProcess,
  routesOnlyConfig,
  type Sink,
  startGateway,
  startSink,
  temporaryFolder,
} from "./processes.ts";
import { crlf } from "./real-messages.ts";
import { partReceived, SmtpClient, sendOne } from "./smtp-client.ts";

const IDLE_MS = 1000;
const folder = await temporaryFolder();
const content = crlf("Subject: hello\n\nhello\n");
let sink: Sink;
let gateway: GatewayProcess;

before(async () => {
  sink = await startSink(`${folder.path}/sink`, { delayMs: 20 });
  gateway = await startGateway({
    folder: folder.path,
    config: await routesOnlyConfig(folder.path, { settings: `limits: { idle: ${IDLE_MS} }` }),
    env: { POSTERN_UPSTREAM: sink.address },
  });
});
beforeEach(() => sink.clear());
after(async () => {
  gateway?.kill("SIGKILL");
  await gateway?.exited;
  await sink?.stop();
  await folder.remove();
});

/** The gateway takes a message as ever, and has logged no fault of its own. */
async function assertUnharmed(): Promise<void> {
  const before = sink.ledger().length;
  assert.equal((await sendOne(gateway.port, content)).code, 250);
  assert.equal(sink.ledger().length, before + 1);
  assert.doesNotMatch(gateway.output(), /"level":50|Fault|uncaught|unhandled/);
}

/** Runs jobs, so many at once. */
async function runAll(jobs: readonly (() => Promise<void>)[], atOnce: number): Promise<void> {
  const left = [...jobs];
  const worker = async (): Promise<void> => {
    for (let job = left.pop(); job !== undefined; job = left.pop()) await job();
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** The commands of a small session; each waits for the reply to the one before. */
const sessionOf = (mark: string): readonly string[] => [
  "EHLO client.example\r\n",
  "MAIL FROM:<sender@example.com>\r\n",
  "RCPT TO:<you@example.com>\r\n",
  "DATA\r\n",
  `Subject: ${mark}\r\n\r\nhello\r\n..dot\r\n.\r\n`,
  "QUIT\r\n",
];

type BreakOff = "FIN" | "RST";

/** Says the first `length` octets of a session and breaks off; gives whether the message got its 250. */
async function sayUntil(mark: string, length: number, how: BreakOff): Promise<boolean> {
  const client = new SmtpClient(gateway.port);
  const { socket } = client;
  let acknowledged = false;
  let left = length;
  assert.equal((await client.reply())?.code, 220);
  for (const [index, line] of sessionOf(mark).entries()) {
    const part = line.slice(0, left);
    await new Promise((resolve) => socket.write(part, resolve));
    left -= part.length;
    // At its last octet it goes away without having read the reply.
    if (left === 0) break;
    const reply = await client.reply();
    if (index === 4) acknowledged = reply?.code === 250;
  }
  if (how === "FIN") socket.end();
  else socket.resetAndDestroy();
  await client.closed;
  return acknowledged;
}

describe("A client that breaks off", () => {
  for (const how of ["FIN", "RST"] as const) {
    it(`at each octet of a session, by ${how}: what had its 250 is at the sink once, the rest at most once`, async () => {
      const total = sessionOf("mark-000").join("").length;
      const acknowledged = new Set<string>();
      const lengths = Array.from({ length: total + 1 }, (_, length) => length);
      await runAll(
        lengths.map((length) => async () => {
          const mark = `mark-${String(length).padStart(3, "0")}`;
          if (await sayUntil(mark, length, how)) acknowledged.add(mark);
        }),
        20,
      );
      await sleep(200);
      const marks = sink.ledger().map((taken) => /mark-\d+/.exec(sink.content(taken).toString())?.[0] ?? "?");
      assert.deepEqual(marks, [...new Set(marks)], "relayed twice");
      assert.deepEqual(
        [...acknowledged].filter((mark) => !marks.includes(mark)),
        [],
        "lost",
      );
      // Octets of QUIT: the message was answered before them.
      assert.equal(acknowledged.size, "QUIT\r\n".length);
      const endOfData = total - "QUIT\r\n".length;
      for (const mark of marks) {
        assert.ok(Number(mark.slice(5)) >= endOfData, `${mark} was relayed before its end of data`);
      }
      for (const taken of sink.ledger()) {
        assert.match(
          partReceived(sink.content(taken)).rest.toString(),
          /^Subject: mark-\d+\r\n\r\nhello\r\n\.dot\r\n$/,
        );
      }
      await assertUnharmed();
    });
  }

  it("in the middle of 20 MB leaves nothing at the sink", async () => {
    const client = new SmtpClient(gateway.port);
    await client.greet();
    for (const line of ["MAIL FROM:<a@example.com>", "RCPT TO:<b@example.com>", "DATA"])
      await client.ask(line);
    client.socket.write(Buffer.alloc(20_000_000, "text of a long message\r\n"));
    await sleep(50);
    client.socket.resetAndDestroy();
    await client.closed;
    await sleep(100);
    assert.equal(sink.ledger().length, 0);
    await assertUnharmed();
  });
});

describe("A client that goes silent", () => {
  const silences: readonly { name: string; said: readonly string[] }[] = [
    { name: "after the greeting", said: [] },
    { name: "in the middle of a command", said: ["EHLO client.example\r\n", "MAIL FR"] },
    { name: "in a transaction", said: sessionOf("silent").slice(0, 3) },
    { name: "in the content", said: [...sessionOf("silent").slice(0, 4), "Subject: silent\r\n\r\nhel"] },
  ];
  for (const { name, said } of silences) {
    it(`${name} is told 421 4.4.2 and disconnected, and nothing is relayed`, async () => {
      const client = new SmtpClient(gateway.port);
      await client.reply();
      for (const part of said) {
        client.socket.write(part);
        if (part.endsWith("\r\n") && !part.startsWith("Subject")) await client.reply();
      }
      assert.match((await client.reply())?.text ?? "closed", /^421 4\.4\.2 /);
      await client.closed;
      assert.equal(sink.ledger().length, 0);
      await assertUnharmed();
    });
  }

  it("because it waits for our answer longer than the idle time is not disconnected", async () => {
    const slow = await startSink(`${folder.path}/slow`, { delayMs: IDLE_MS * 2 });
    const own = await startGateway({
      folder: `${folder.path}/own`,
      config: await routesOnlyConfig(folder.path, { settings: `limits: { idle: ${IDLE_MS} }` }),
      env: { POSTERN_UPSTREAM: slow.address },
    });
    try {
      assert.equal((await sendOne(own.port, content)).code, 250);
      assert.equal(slow.ledger().length, 1);
    } finally {
      own.kill("SIGKILL");
      await own.exited;
      await slow.stop();
    }
  });
});

describe("A client that sends garbage", () => {
  const garbage: readonly { name: string; octets: Buffer }[] = [
    { name: "a TLS handshake", octets: Buffer.from("16030100c8010000c40303", "hex") },
    {
      name: "an HTTP request",
      octets: Buffer.from("POST / HTTP/1.1\r\nHost: a\r\n\r\nMAIL FROM:<a@b.example>\r\n"),
    },
    { name: "a million NULs", octets: Buffer.alloc(1_000_000) },
    { name: "a line of a megabyte", octets: Buffer.alloc(1_000_000, "x") },
    { name: "100,000 empty lines", octets: Buffer.alloc(200_000, "\r\n") },
    { name: "100,000 unknown commands", octets: Buffer.alloc(600_000, "WHAT\r\n") },
    { name: "100,000 commands at once", octets: Buffer.alloc(600_000, "NOOP\r\n") },
    {
      name: "a path of a megabyte",
      octets: Buffer.from(`MAIL FROM:<${"a".repeat(1_000_000)}@b.example>\r\n`),
    },
  ];
  for (const { name, octets } of garbage) {
    it(`${name}: nothing is relayed, and the gateway goes on`, async () => {
      const client = new SmtpClient(gateway.port);
      client.socket.write(octets);
      await Promise.race([client.closed, sleep(300)]);
      client.socket.destroy();
      assert.equal(sink.ledger().length, 0);
      await assertUnharmed();
    });
  }

  const pieces = fc.oneof(
    fc.constantFrom(
      ...sessionOf("random"),
      "STARTTLS\r\n",
      "AUTH PLAIN AA==\r\n",
      "RSET\r\n",
      "BDAT 5 LAST\r\n",
    ),
    fc.constantFrom("\n", "\r", ".\r\n", "\r\n.\r\n", "\0", "HELO\r\n", "RCPT TO:<\r\n", "MAIL FROM:<>\r\n"),
    fc.uint8Array({ maxLength: 200 }),
  );

  it("any commands, pieces of them and octets, all at once: only well-formed replies come, and each message once", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(pieces, { maxLength: 30 }), async (list) => {
        const client = new SmtpClient(gateway.port);
        let said = "";
        client.socket.on("data", (chunk) => (said += chunk.toString("latin1")));
        client.socket.end(Buffer.concat(list.map((piece) => Buffer.from(piece as string))));
        await client.closed;
        assert.match(said, /^(?:\d{3}[ -][\x20-\x7e]*\r\n)*$/);
      }),
      { numRuns: 200 },
    );
    await assertUnharmed();
  });
});
