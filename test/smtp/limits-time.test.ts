/** What bounds the time of a session and the rate of content, and the wait after failed AUTH. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { connect as connectTls } from "node:tls";
import { authWaitMs } from "../../core/smtp/auth-failures.ts";
import { lookAtSession } from "../../core/smtp/session-watch.ts";
import { bed, Client, WIDE } from "./limits-fixtures.ts";

const folder = mkdtempSync(join(tmpdir(), "smtp-limits-"));
after(() => rmSync(folder, { recursive: true }));
const tls = { keyFile: join(folder, "key.pem"), certFile: join(folder, "cert.pem") };
const request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=mx.example";
execFileSync("openssl", [...request.split(" "), "-keyout", tls.keyFile, "-out", tls.certFile], {
  stdio: "ignore",
});

const LIMITS = { ...WIDE, idleMs: 1000, sessionMs: 5000, contentBytesPerSecondMin: 100 };
const session = {
  ...{ startedAt: 0, inTransaction: false, weOwe: false, receivingContent: false, octetsRead: 0 },
  rateWindow: undefined,
};

describe("lookAtSession", () => {
  const cases = [
    { name: "a young session goes on", given: {}, now: 4999, want: undefined },
    { name: "sessionMs ends an old one", given: {}, now: 5000, want: "sessionMs" },
    {
      name: "an open transaction has idleMs more",
      given: { inTransaction: true },
      now: 5999,
      want: undefined,
    },
    { name: "and no more than that", given: { inTransaction: true }, now: 6000, want: "sessionMs" },
    { name: "whom we owe an answer waits", given: { weOwe: true }, now: 99_999, want: undefined },
    {
      name: "content that comes is not cut off",
      given: { receivingContent: true },
      now: 9999,
      want: undefined,
    },
  ];
  for (const { name, given, now, want } of cases)
    it(name, () => assert.equal(lookAtSession({ ...session, ...given }, LIMITS, now)?.limit, want));

  it("holds content to contentBytesPerSecondMin as the mean of a window, and not before its end", () => {
    const sender = { ...session, receivingContent: true, octetsRead: 50 };
    assert.equal(lookAtSession(sender, LIMITS, 0, 1000), undefined);
    sender.octetsRead = 60;
    assert.equal(lookAtSession(sender, LIMITS, 999, 1000), undefined);
    sender.octetsRead = 149;
    assert.equal(lookAtSession(sender, LIMITS, 1000, 1000)?.limit, "contentBytesPerSecondMin");
  });

  it("lets a burst of one window not pay for the next", () => {
    const sender = { ...session, receivingContent: true, octetsRead: 0 };
    lookAtSession(sender, LIMITS, 0, 1000);
    sender.octetsRead = 1_000_000;
    assert.equal(lookAtSession(sender, LIMITS, 1000, 1000), undefined);
    assert.equal(lookAtSession(sender, LIMITS, 2000, 1000)?.limit, "contentBytesPerSecondMin");
  });

  it("does not count time in which we held the client", () => {
    const sender = { ...session, receivingContent: true, weOwe: false };
    lookAtSession(sender, LIMITS, 0, 1000);
    assert.equal(lookAtSession({ ...sender, weOwe: true }, LIMITS, 500, 1000), undefined);
    sender.weOwe = true;
    lookAtSession(sender, LIMITS, 900, 1000);
    sender.weOwe = false;
    assert.equal(lookAtSession(sender, LIMITS, 1000, 1000), undefined);
    assert.equal(lookAtSession(sender, LIMITS, 1999, 1000), undefined);
    assert.equal(lookAtSession(sender, LIMITS, 2000, 1000)?.limit, "contentBytesPerSecondMin");
  });

  it("takes any rate where contentBytesPerSecondMin is 0", () => {
    const sender = { ...session, receivingContent: true };
    const limits = { ...LIMITS, contentBytesPerSecondMin: 0 };
    lookAtSession(sender, limits, 0, 1000);
    assert.equal(lookAtSession(sender, limits, 1000, 1000), undefined);
  });
});

describe("authWaitMs", () => {
  const cases = [
    { name: "the first failure waits not", failures: 1, delayMs: 1000, want: 0 },
    { name: "the second waits authDelay", failures: 2, delayMs: 1000, want: 1000 },
    { name: "each next one twice as long", failures: 5, delayMs: 1000, want: 8000 },
    { name: "none longer than 30 s", failures: 100, delayMs: 1000, want: 30_000 },
    { name: "0 turns it off", failures: 9, delayMs: 0, want: 0 },
  ];
  for (const { name, failures, delayMs, want } of cases)
    it(name, () => assert.equal(authWaitMs(failures, delayMs), want));
});

describe("listenSmtp", () => {
  it("says 421 4.4.2 to an idle session after sessionMs", async () => {
    const { port, logged, close } = await bed({ limits: { sessionMs: 1 }, options: { rateWindowMs: 10 } });
    const client = await Client.open(port);
    await client.reply();
    assert.match(await client.reply(), /^421 4\.4\.2 Session took too long/);
    await client.closed();
    assert.deepEqual(
      logged.filter(({ event }) => event === "limitReached").map(({ limit }) => limit),
      ["sessionMs"],
    );
    await close();
  });

  it("says 421 4.4.2 to a line that never ends, however often an octet of it comes", async () => {
    const { port, close } = await bed({ limits: { sessionMs: 1 }, options: { rateWindowMs: 10 } });
    const client = await Client.open(port);
    await client.reply();
    const drip = setInterval(() => client.say("x"), 2);
    assert.match(await client.reply(), /^421 4\.4\.2 /);
    clearInterval(drip);
    client.socket.destroy();
    await close();
  });

  for (const kind of ["relay", "submissions"] as const) {
    it(`says 421 4.4.2 to content that drips in on ${kind}, and takes no message`, async () => {
      const { port, logged, gateway, close } = await bed({
        limits: { contentBytesPerSecondMin: 1_000_000 },
        options: { rateWindowMs: 20 },
        listener: kind === "relay" ? {} : { kind, tls },
      });
      const client =
        kind === "relay"
          ? await Client.open(port)
          : new Client(connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false }));
      await client.reply();
      const opened = await client.askAll("EHLO c", "MAIL FROM:<>", "RCPT TO:<c@d.example>", "DATA");
      assert.equal(opened, "250 250 250 354");
      const drip = setInterval(() => client.say("x"), 2);
      assert.match(await client.reply(), /^421 4\.4\.2 Message comes too slowly/);
      clearInterval(drip);
      client.socket.destroy();
      await close();
      assert.deepEqual(gateway.messages, []);
      assert.ok(
        gateway.events.some((event) => event.startsWith("abort")),
        gateway.events.join(),
      );
      const lines = logged.filter(({ event }) => event === "limitReached");
      assert.deepEqual(
        lines.map(({ limit }) => limit),
        ["contentBytesPerSecondMin"],
      );
    });
  }

  it("sees the octets that come by TLS", async () => {
    // One window and more, of which each part has octets: were they not seen, the rate would be 0.
    const rateWindowMs = 400;
    const { port, gateway, close } = await bed({
      limits: { contentBytesPerSecondMin: 1 },
      options: { rateWindowMs },
      listener: { kind: "submissions", tls },
    });
    const client = new Client(connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false }));
    await client.reply();
    await client.askAll("EHLO c", "MAIL FROM:<>", "RCPT TO:<c@d.example>", "DATA");
    const until = performance.now() + 2.5 * rateWindowMs;
    while (performance.now() < until) {
      client.say("x");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.match(await client.ask("\r\n."), /^250 /);
    assert.equal(gateway.messages.length, 1);
    client.socket.destroy();
    await close();
  });

  it("ends a session after authFailuresMax failed tries, and says so once in the log", async () => {
    const { port, logged, close } = await bed({
      limits: { authFailuresMax: 3 },
      listener: { kind: "submissions", tls },
      options: { authOffered: true },
    });
    const client = new Client(connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false }));
    await client.reply();
    await client.ask("EHLO c");
    const wrong = `AUTH PLAIN ${Buffer.from("\0ann\0wrong").toString("base64")}`;
    assert.equal(await client.askAll(wrong, wrong, wrong), "535 535 421");
    await client.closed();
    const lines = logged.filter(({ event }) => event === "limitReached");
    assert.deepEqual(
      lines.map(({ limit }) => limit),
      ["authFailuresMax"],
    );
    await close();
  });

  it("lets the second failed AUTH wait, and other sessions not", async () => {
    const { port, gateway, close } = await bed({
      limits: { authDelayMs: 30_000 },
      listener: { kind: "submissions", tls },
      options: { authOffered: true },
    });
    const open = async (): Promise<Client> => {
      const client = new Client(connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false }));
      await client.reply();
      await client.ask("EHLO c");
      return client;
    };
    const guesser = await open();
    const other = await open();
    const wrong = `AUTH PLAIN ${Buffer.from("\0ann\0wrong").toString("base64")}`;
    assert.match(await guesser.ask(wrong), /^535 /);
    guesser.say(`${wrong}\r\n`);
    while (gateway.events.filter((event) => event === "auth PLAIN ann").length < 2) await other.ask("NOOP");
    for (let i = 0; i < 20; i += 1) assert.match(await other.ask("NOOP"), /^250 /);
    // What the guesser hears next is that we stop, and not how the try went.
    await close();
    assert.match(await guesser.reply(), /^421 4\.3\.2 /);
  });
});
