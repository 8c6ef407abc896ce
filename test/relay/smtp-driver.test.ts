import assert from "node:assert/strict";
import { test } from "node:test";
import type { SmtpNextHop } from "../../core/config/next-hops.ts";
import type { DeliverOptions, Delivery } from "../../core/gateway/next-hop-driver.ts";
import { createSmtpDriver } from "../../core/relay/mod.ts";
import { address, clock, delivery, goOn, nextHop, recordingLog } from "./relay-fixtures.ts";
import type { Script } from "./sink-server.ts";
import { ehloLines, startSink } from "./sink-server.ts";

async function run(
  script: Script | undefined,
  deliveries: Delivery[],
  hop: Partial<SmtpNextHop> = {},
  options?: DeliverOptions,
) {
  const sink = await startSink(script);
  const log = recordingLog();
  const driver = createSmtpDriver("sink", nextHop(sink.port, hop), { hostName: "gw.example", log, clock });
  const results = [];
  try {
    for (const one of deliveries) results.push(await driver.deliver(one, options ?? goOn()));
    await driver.close();
    return { sink, results, first: results[0]!, errors: log.errors, extensions: driver.extensions() };
  } finally {
    await sink.close();
  }
}

const summary = (result: Awaited<ReturnType<typeof run>>["first"]) =>
  result.recipients.map(({ status, reply }) => `${status} ${reply.code} ${reply.enhanced}`);

test("createSmtpDriver delivers several messages on one kept connection and says QUIT on close", async () => {
  const { sink, results } = await run(undefined, [delivery("a\r\n"), delivery("b\r\n")]);
  assert.deepEqual(results.map(summary), [["delivered 250 2.0.0"], ["delivered 250 2.0.0"]]);
  assert.equal(sink.connections(), 1);
  assert.equal(sink.commands.at(-1), "QUIT");
});

test("createSmtpDriver gives the next hop exactly the content", async () => {
  const bodies = [".a\r\n..b\r\n.\r\nc\r\n", "\xff\x80\x00\r\n", "", ".", "a\n.\nb\r\n"].map((text) =>
    Buffer.from(text, "latin1"),
  );
  const { sink } = await run(
    undefined,
    bodies.map((body) => delivery(body)),
  );
  assert.deepEqual(
    sink.messages.map((message) => message.toString("latin1")),
    bodies.map((body) => body.toString("latin1")).map((text) => (text === "." ? ".\r\n" : text)),
  );
});

test("createSmtpDriver streams large content whole, dots between chunks included", async () => {
  const body = Buffer.alloc(300_002, `${"x".repeat(65_534)}\r\n.`);
  body.write("\r\n", 300_000);
  const { sink, first } = await run(undefined, [delivery(body)]);
  assert.deepEqual(summary(first), ["delivered 250 2.0.0"]);
  assert.ok(sink.messages[0]?.equals(body));
});

test("createSmtpDriver cuts the connection without the dot when content is shorter than it says", async () => {
  const content = {
    size: 10,
    read: async function* () {
      yield Buffer.from("abc\r\n");
    },
  };
  const { sink, first } = await run(undefined, [delivery("", { content })]);
  assert.deepEqual(summary(first), ["tempfailed 451 4.3.0"]);
  assert.equal(sink.messages.length, 0);
});

test("proceed sees each RCPT reply, and false sends RSET and no DATA", async () => {
  const seen: unknown[] = [];
  const { sink, first } = await run(
    (command) => (command.includes("bad@") ? "450 4.2.1 later" : undefined),
    [delivery("a\r\n", {}, ["good@b.example", "bad@b.example"])],
    {},
    { signal: new AbortController().signal, proceed: (results) => seen.push(...results) === 0 },
  );
  assert.equal(seen[0], "accepted");
  assert.deepEqual(summary(first), ["aside 451 4.4.0", "tempfailed 450 4.2.1"]);
  assert.ok(sink.commands.includes("RSET"));
  assert.ok(!sink.commands.includes("DATA"));
});

test("results keep the code of the next hop and make its enhanced code consistent", async () => {
  const answers: [string, string][] = [
    ["550 4.1.1 no", "rejected 550 5.1.1"],
    ["452 full", "tempfailed 452 4.0.0"],
    ["421 4.3.2 closing", "tempfailed 451 4.3.2"],
    ["530 5.7.0 auth", "tempfailed 451 4.3.5"],
    ["rubbish", "tempfailed 451 4.5.0"],
    ["550-5.1.1 a\r\n550 5.1.1 b", "rejected 550 5.1.1"],
    ["550-5.1.1 a\r\n250 ok", "tempfailed 451 4.5.0"],
  ];
  for (const [answer, want] of answers) {
    const { first } = await run(
      (command) => (command.startsWith("RCPT") ? answer : undefined),
      [delivery("a\r\n")],
    );
    assert.deepEqual(summary(first), [want], answer);
  }
});

test("reply text is without controls, bounded at 512 and hidden without passReplyText", async () => {
  const script: Script = (command) =>
    command.startsWith("RCPT") ? `550 5.1.1 a\x07b\xe9${"y".repeat(5000)}` : undefined;
  const { first } = await run(script, [delivery("a\r\n")]);
  assert.match(first.recipients[0]!.reply.text, /^ab\?\?y+$/);
  assert.equal(first.recipients[0]!.reply.text.length, 512);
  const hidden = await run(script, [delivery("a\r\n")], { passReplyText: false });
  assert.equal(hidden.first.recipients[0]!.reply.text, "Refused by the next hop");
});

test("a reply without end is cut off at a bound", async () => {
  const { first } = await run(
    (command) => (command === "." ? "250-x\r\n".repeat(20_000) : undefined),
    [delivery("a\r\n")],
  );
  assert.equal(first.ended, "lost");
});

test("a lost answer after the dot is lost, and the cause says a copy may have been taken", async () => {
  const { first } = await run((command) => (command === "." ? null : undefined), [delivery("a\r\n")]);
  assert.equal(first.ended, "lost");
  assert.deepEqual(summary(first), ["tempfailed 451 4.4.2"]);
  assert.match(first.cause ?? "", /copy may have been taken/);
});

test("an answer to the content that can not be read is lost: it may have been a yes", async () => {
  const script: Script = (command) => (command === "." ? "250\tOk" : undefined);
  const { first } = await run(script, [delivery("a\r\n")]);
  assert.deepEqual(summary(first), ["tempfailed 451 4.5.0"]);
  assert.equal(first.ended, "lost");
  assert.match(first.cause ?? "", /a copy may have been taken/);
});

test("a refusal in greeting or EHLO is about us and logged as an error", async () => {
  for (const [at, answer] of [
    ["GREETING", "421 busy"],
    ["GREETING", "554 no"],
    ["MAIL", "530 5.7.0 no"],
  ] as const) {
    const { first, errors } = await run(
      (command) => (command.startsWith(at) ? answer : undefined),
      [delivery("a\r\n")],
    );
    assert.equal(first.ended, "us", answer);
    assert.deepEqual(summary(first), ["tempfailed 451 4.3.5"]);
    assert.deepEqual(errors, ["nextHopRefusesUs"]);
  }
});

test("servers are tried in order, and no server at all is a connection failure", async () => {
  const gone = await startSink();
  await gone.close();
  const sink = await startSink();
  const servers = [gone.port, sink.port].map((port) => ({ host: "127.0.0.1", port }));
  const services = { hostName: "gw.example", log: recordingLog(), clock };
  const driver = createSmtpDriver("two", nextHop(0, { servers }), services);
  assert.deepEqual(summary(await driver.deliver(delivery("a\r\n"), goOn())), ["delivered 250 2.0.0"]);
  await driver.close();
  await sink.close();
  const none = createSmtpDriver("none", nextHop(gone.port), services);
  const result = await none.deliver(delivery("a\r\n"), goOn());
  assert.equal(result.ended, "connection");
  assert.deepEqual(summary(result), ["tempfailed 451 4.4.1"]);
  await none.close();
});

test("a kept connection that was closed is replaced once", async () => {
  let mails = 0;
  for (const answer of [null, "421 4.4.2 idle"]) {
    mails = 0;
    const { results, sink } = await run(
      (command) => (command.startsWith("MAIL") && ++mails === 2 ? answer : undefined),
      [delivery("a\r\n"), delivery("b\r\n")],
    );
    assert.deepEqual(results.map(summary), [["delivered 250 2.0.0"], ["delivered 250 2.0.0"]]);
    assert.equal(sink.connections(), 2);
    assert.equal(sink.messages.length, 2);
  }
});

test("MAIL and RCPT carry SIZE, BODY, SMTPUTF8 and DSN where offered", async () => {
  const one = delivery("\xc3\xa9\r\n", { parameters: { body: "8BITMIME", ret: "HDRS", envid: "a+b" } });
  const recipients = [
    {
      forwardPath: address("jos\u00e9@b.example"),
      parameters: { notify: ["NEVER"] as const, orcpt: "rfc822;x=y@b" },
    },
  ];
  const { sink, extensions } = await run(undefined, [{ ...one, recipients }]);
  assert.equal(
    sink.commands[1],
    "MAIL FROM:<alice@a.example> SIZE=6 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb",
  );
  assert.equal(sink.commands[2], "RCPT TO:<jos\u00e9@b.example> NOTIFY=NEVER ORCPT=rfc822;x+3Dy@b");
  assert.deepEqual(extensions, {
    size: 1_000_000,
    eightBitMime: true,
    smtputf8: true,
    dsn: true,
    requireTls: false,
  });
});

test("what the next hop did not offer is refused before anything is said", async () => {
  const plain: Script = (command) => (command.startsWith("EHLO") ? "250 sink" : undefined);
  const cases: [Delivery, string][] = [
    [delivery("a\r\n", { parameters: { body: "8BITMIME" } }), "rejected 554 5.6.3"],
    [delivery("a\r\n", {}, ["jos\u00e9@b.example"]), "rejected 550 5.6.7"],
    [delivery("a\r\n", { parameters: { requireTls: true } }), "rejected 550 5.7.30"],
    [delivery("a\r\n", { reversePath: address("a\r\nRSET@b") }), "rejected 553 5.1.3"],
  ];
  for (const [one, want] of cases) {
    const { first, sink } = await run(plain, [one]);
    assert.deepEqual(summary(first), [want]);
    assert.ok(!sink.commands.some((command) => command.startsWith("MAIL")));
  }
  const { first } = await run(plain, [delivery("a\r\n", {}, ["a@b.example", "c@b.example"])]);
  assert.deepEqual(summary(first), ["delivered 250 2.0.0", "delivered 250 2.0.0"]);
});

test("a silent next hop ends by replyTimeout and by the signal", async () => {
  const script: Script = (command) => (/^(?:RCPT|DATA)/.test(command) ? "" : undefined);
  const slow = await run(script, [delivery("a\r\n")], { replyTimeout: 100 });
  assert.deepEqual(summary(slow.first), ["tempfailed 451 4.4.2"]);
  const stop = new AbortController();
  const stopping: Script = (command) => {
    // A little later, when the answer to MAIL has come.
    if (command.startsWith("RCPT")) setTimeout(() => stop.abort(), 50);
    return script(command, 1);
  };
  const aborted = await run(stopping, [delivery("a\r\n")], {}, { signal: stop.signal, proceed: () => true });
  assert.deepEqual(summary(aborted.first), ["tempfailed 451 4.4.2"]);
  assert.match(aborted.first.cause ?? "", /deadline/);
});

test("credentials never go in clear text, and required TLS does not fall back", async () => {
  for (const hop of [
    { auth: { user: "u", password: "p" }, tls: "none" as const },
    { tls: "required" as const },
  ]) {
    const script: Script = (command) =>
      command === "STARTTLS"
        ? "502 5.5.1 no"
        : command.startsWith("EHLO")
          ? `${ehloLines.replace("250 DSN", "250 AUTH PLAIN")}`
          : undefined;
    const { first, sink } = await run(script, [delivery("a\r\n")], hop);
    assert.equal(first.ended, "us");
    assert.ok(!sink.commands.some((command) => /^(?:AUTH|MAIL)/.test(command)));
  }
});

test("more deliveries than connectionsMax wait and are all delivered", async () => {
  const sink = await startSink();
  const driver = createSmtpDriver("sink", nextHop(sink.port), {
    hostName: "gw.example",
    log: recordingLog(),
    clock,
  });
  const results = await Promise.all(
    Array.from({ length: 50 }, (_, n) => driver.deliver(delivery(`${n}\r\n`), goOn())),
  );
  assert.ok(results.every((result) => result.recipients[0]?.status === "delivered"));
  assert.equal(new Set(sink.messages.map(String)).size, 50);
  assert.ok(sink.connections() <= 2);
  await driver.close();
  await sink.close();
});
