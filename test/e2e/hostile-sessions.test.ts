/**
 * 10,000 sessions of clients that stop, vanish or never read a reply: the gateway has as many file descriptors and as
 * much heap afterwards as before, and each message that it took is at the sink.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import type { Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { makeCertificate } from "./certificate.ts";
import { commandFile } from "./dovecot.ts";
import {
  descriptorsFallTo,
  type ProcessUsage,
  steadyDescriptors,
  usageEnvironment,
  usageOf,
} from "./process-usage.ts";
import {
  type GatewayProcess,
  routesOnlyConfig,
  type Sink,
  startGateway,
  startSink,
  temporaryFolder,
} from "./processes.ts";
import { SmtpClient } from "./smtp-client.ts";

const SESSIONS = 10_000;
/** The caches of the gateway fill in these; the rest is compared with what is used after them. */
const WARM_UP = 2_000;
const AT_ONCE = 700;
/** Long enough for a busy machine: a client that means to go on must not be idle for so long. */
const IDLE_MS = 2_000;
/** What a session may leave behind: 8,000 that keep 128 octets each would be over it. */
const HEAP_GROWTH_BYTES_MAX = 1_000_000;
const BUFFER_GROWTH_BYTES_MAX = 1_000_000;
const FLOODS = 8;
/** Of commands; the replies to them have eight times as many octets. */
const FLOOD_BYTES = 16_000_000;
/** Of one such client, beside what the system keeps of its socket. */
const FLOOD_KEPT_BYTES_MAX = 500_000;
const STALLED_MS = 2_000;
const FAULT = /"level":50|Fault|uncaught|unhandled/;
const LOG_READ_SESSIONS = 500;
const skip = !existsSync("/proc/self/fd")
  ? "open file descriptors are counted in /proc, which is not here"
  : commandFile("openssl") === undefined && "openssl is not installed (Debian package openssl)";

const ENVELOPE = ["EHLO client.example", "MAIL FROM:<sender@example.net>", "RCPT TO:<ann@example.com>"];
const text = (mark: string): string => `Subject: ${mark}\r\n\r\nhello\r\n.\r\n`;

interface Session {
  readonly client: SmtpClient;
  /** Is in the subject of its message. */
  readonly mark: string;
  /** Says lines one by one, each after the reply to the one before. */
  say(...lines: string[]): Promise<void>;
  /** Keeps the socket open until the count of what is used is over. */
  hold(): void;
}

interface Kind {
  readonly name: string;
  run(session: Session): Promise<void>;
}

/** It says nothing more and waits: the gateway must end it, and say why. */
async function isEnded({ client }: Session): Promise<void> {
  assert.match((await client.reply())?.text ?? "closed", /^421 4\.4\.2 /);
  await client.closed;
}

/** The beginning of one. */
const CLIENT_HELLO = Buffer.from("16030100c8010000c40303", "hex").toString("latin1");

const written = (socket: Socket, octets: string): Promise<void> =>
  new Promise((resolve) => socket.write(octets, "latin1", () => resolve()));

const acknowledged = new Set<string>();

const KINDS: readonly Kind[] = [
  {
    name: "stops after RCPT",
    async run(session) {
      await session.say(...ENVELOPE);
      await isEnded(session);
    },
  },
  {
    name: "stops in the content",
    async run(session) {
      await session.say(...ENVELOPE, "DATA");
      await written(session.client.socket, `Subject: ${session.mark}\r\n\r\nhel`);
      await isEnded(session);
    },
  },
  {
    name: "stops in a chunk",
    async run(session) {
      await session.say(...ENVELOPE);
      await written(session.client.socket, `BDAT 1000 LAST\r\nSubject: ${session.mark}\r\n`);
      await isEnded(session);
    },
  },
  {
    name: "vanishes after RCPT",
    async run({ client, say }) {
      await say(...ENVELOPE);
      client.socket.resetAndDestroy();
    },
  },
  {
    name: "vanishes in the content",
    async run({ client, say, mark }) {
      await say(...ENVELOPE, "DATA");
      await written(client.socket, `Subject: ${mark}\r\n\r\n${"x".repeat(200_000)}`);
      client.socket.resetAndDestroy();
    },
  },
  {
    name: "vanishes after the final dot, by FIN",
    async run({ client, say, mark }) {
      await say(...ENVELOPE, "DATA");
      await written(client.socket, text(mark));
      client.socket.destroy();
    },
  },
  {
    name: "vanishes after the final dot, by RST",
    async run({ client, say, mark }) {
      await say(...ENVELOPE, "DATA");
      await written(client.socket, text(mark));
      client.socket.resetAndDestroy();
    },
  },
  {
    name: "never reads a reply",
    async run({ client, mark, hold }) {
      client.socket.pause();
      const whole = [...ENVELOPE, "DATA", text(mark)].join("\r\n");
      await written(client.socket, `${whole}${"EHLO client.example\r\n".repeat(300)}`);
      hold();
    },
  },
  {
    name: "stops after STARTTLS",
    async run({ client, say }) {
      await say("EHLO client.example");
      assert.equal((await client.ask("STARTTLS")).code, 220);
      client.socket.resume();
      await client.closed;
    },
  },
  {
    name: "vanishes in the TLS handshake",
    async run({ client, say }) {
      await say("EHLO client.example");
      assert.equal((await client.ask("STARTTLS")).code, 220);
      await written(client.socket, CLIENT_HELLO);
      client.socket.resetAndDestroy();
    },
  },
  {
    name: "sends a message and reads its 250",
    async run({ client, say, mark }) {
      await say(...ENVELOPE, "DATA");
      if ((await client.ask(text(mark).slice(0, -2))).code === 250) acknowledged.add(mark);
      client.socket.end("QUIT\r\n");
      client.socket.resume();
      await client.closed;
    },
  },
];

const held: Socket[] = [];

async function runOne(port: number, number: number): Promise<void> {
  const client = new SmtpClient(port);
  const kind = KINDS[number % KINDS.length]!;
  const session: Session = {
    client,
    mark: `mark-${number}.`,
    async say(...lines) {
      for (const line of lines) {
        const { code, text: said } = await client.ask(line);
        assert.ok(code === 250 || code === 354, `${line}: ${said || "closed"}`);
      }
    },
    hold: () => void held.push(client.socket),
  };
  try {
    if (kind.name !== "never reads a reply") assert.equal((await client.reply())?.code, 220);
    await kind.run(session);
  } catch (error) {
    throw new Error(`a client that ${kind.name}`, { cause: error });
  } finally {
    if (!held.includes(client.socket)) client.socket.destroy();
  }
}

/** Runs sessions of all kinds in turn, so many at once. @param now called now and then */
async function runSessions(port: number, first: number, count: number, now: () => void): Promise<void> {
  let next = first;
  const worker = async (): Promise<void> => {
    while (next < first + count) {
      await runOne(port, next++);
      if (next % LOG_READ_SESSIONS === 0) now();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

function shown({ heapBytes, bufferBytes, resources, descriptors }: ProcessUsage): string {
  const kb = (bytes: number): string => `${Math.round(bytes / 1000)} KB`;
  return `heap ${kb(heapBytes)}, buffers ${kb(bufferBytes)}, resources ${resources}, descriptors ${descriptors}`;
}

describe("postern start, and clients that stop, vanish or never read,", { skip }, () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let sink: Sink;
  let tls: ReturnType<typeof makeCertificate>;
  const gateways: GatewayProcess[] = [];

  before(async () => {
    folder = await temporaryFolder();
    tls = makeCertificate(folder.path);
    // Some clients are gone before it answers.
    sink = await startSink(`${folder.path}/sink`, { delayMs: 5 });
  });
  after(async () => {
    for (const socket of held) socket.destroy();
    for (const gateway of gateways) {
      gateway.kill("SIGKILL");
      await gateway.exited;
    }
    await sink?.stop();
    await folder?.remove();
  });

  /** Strangers, as most limits are for them. */
  async function start(usageFile: string, limits: string): Promise<GatewayProcess> {
    const gateway = await startGateway({
      folder: `${folder.path}/${gateways.length}`,
      config: await routesOnlyConfig(folder.path, {
        settings: `domains: "example.com",
          listeners: [{ address: "127.0.0.1:0", greetingDelay: 0, trustedNetworks: [], tls: ${JSON.stringify(tls)} }],
          limits: { sessionsMax: 2000, sessionsPerClientMax: 2000, ${limits} }`,
      }),
      env: { POSTERN_UPSTREAM: sink.address, ...usageEnvironment(usageFile) },
    });
    gateways.push(gateway);
    return gateway;
  }

  it(`uses after ${SESSIONS} such sessions what it used after ${WARM_UP}, and each message it took is at the sink once`, async (t) => {
    const file = `${folder.path}/usage`;
    const gateway = await start(file, `idle: ${IDLE_MS}`);
    const open = await steadyDescriptors(gateway.pid);
    const log = new Map<string, string>();
    // Only the last of what it says is kept.
    const readLog = (): void => {
      for (const line of gateway.output().split("\n")) {
        const ref = /"ref":"(\w+)"/.exec(line)?.[1];
        if (ref !== undefined) log.set(ref, line);
        assert.doesNotMatch(line, FAULT);
      }
    };
    /** Some connections to the sink are kept. */
    const most = open + 25;
    let [done, used]: [number, ProcessUsage?] = [0];
    for (const until of [WARM_UP, (WARM_UP + SESSIONS) / 2, SESSIONS]) {
      await runSessions(gateway.port, done, until - done, readLog);
      done = until;
      // Those that never read still hold their sockets: the gateway has to let go by itself.
      assert.ok((await descriptorsFallTo(gateway.pid, most)) <= most, "descriptors are left open");
      for (const socket of held.splice(0)) socket.destroy();
      const now = await usageOf(gateway, file);
      t.diagnostic(`after ${done} sessions: ${shown(now)}`);
      used ??= now;
      assert.ok(now.heapBytes < used.heapBytes + HEAP_GROWTH_BYTES_MAX, shown(now));
      assert.ok(now.bufferBytes < used.bufferBytes + BUFFER_GROWTH_BYTES_MAX, shown(now));
    }
    assert.equal(await gateway.stop(), 0);
    readLog();

    const contents = sink.ledger().map((taken) => sink.content(taken).toString("latin1"));
    const marks = contents.map((content) => /^Subject: (mark-\d+\.)\r\n/m.exec(content)?.[1] ?? "?");
    assert.equal(new Set(marks).size, marks.length, "a message went out twice");
    const atSink = new Set(marks);
    assert.deepEqual(
      [...acknowledged].filter((mark) => !atSink.has(mark)),
      [],
      "a message is lost",
    );
    assert.ok(acknowledged.size >= Math.floor(SESSIONS / KINDS.length));
    // What the gateway says that it delivered is what the sink has, whether its client was still there to hear it.
    const delivered = [...log].filter(([, line]) => line.includes('"event":"delivered"')).map(([ref]) => ref);
    const refs = contents.map((content) => / id (\w+)/.exec(content)?.[1] ?? "?");
    assert.deepEqual(delivered.sort(), refs.sort());
    t.diagnostic(`${marks.length} messages at the sink, ${acknowledged.size} of them acknowledged`);
  });

  it(`reads no more from ${FLOODS} clients that send commands without end and read no reply, and keeps little of them`, async (t) => {
    const file = `${folder.path}/usage-flood`;
    const gateway = await start(file, 'idle: "1m", commandsPerMessageMax: 1_000_000');
    // One more than now for the sink, which is asked what it offers.
    const open = (await steadyDescriptors(gateway.pid)) + 1;
    const before = await usageOf(gateway, file);
    const clients = Array.from({ length: FLOODS }, () => new SmtpClient(gateway.port));
    try {
      const sent = await Promise.all(clients.map(({ socket }) => flood(socket)));
      const now = await usageOf(gateway, file);
      t.diagnostic(`before: ${shown(before)}; they sent ${sent.join(", ")} octets: ${shown(now)}`);
      const grown = now.heapBytes + now.bufferBytes - before.heapBytes - before.bufferBytes;
      assert.ok(grown < FLOODS * FLOOD_KEPT_BYTES_MAX, shown(now));
      assert.ok(now.descriptors <= open + FLOODS, shown(now));
      // Another one is served meanwhile.
      const other = new SmtpClient(gateway.port);
      assert.equal((await other.greet()).code, 250);
      await other.quit();
    } finally {
      for (const { socket } of clients) socket.destroy();
    }
    assert.ok((await descriptorsFallTo(gateway.pid, open)) <= open, "descriptors are left open");
    assert.equal(await gateway.stop(), 0);
  });
});

/** Sends commands until nothing of them goes out any more; gives how many octets went. Rejects where all are taken. */
async function flood(socket: Socket): Promise<number> {
  socket.pause();
  const octets = Buffer.from("EHLO client.example\r\n".repeat(3_000));
  let sent = 0;
  let last = Date.now();
  const more = (): void => {
    sent += octets.length;
    last = Date.now();
    if (sent < FLOOD_BYTES) socket.write(octets, (error) => error ?? more());
  };
  more();
  while (Date.now() - last < STALLED_MS) {
    if (sent >= FLOOD_BYTES) throw new Error(`the gateway took ${sent} octets, and nobody read its replies`);
    await sleep(50);
  }
  return sent;
}
