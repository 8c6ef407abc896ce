/** The question at RCPT as a next hop hears it: MAIL, RCPT, RSET and no content, by SMTP and LMTP. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { SmtpNextHop } from "../../core/config/next-hops.ts";
import type { VerifyResult } from "../../core/gateway/next-hop-driver.ts";
import { createSmtpDriver } from "../../core/relay/mod.ts";
import { address, clock, delivery, goOn, nextHop, offering, recordingLog } from "./relay-fixtures.ts";
import { type Script, startSink } from "./sink-server.ts";

interface Run {
  readonly script?: Script;
  readonly hop?: Partial<SmtpNextHop>;
  readonly to?: readonly string[];
  readonly signal?: AbortSignal;
  /** Before the questions; that it is delivered is its own test's. */
  readonly deliverFirst?: boolean;
}

async function run({ script, hop, to = ["bob@b.example"], signal, deliverFirst }: Run) {
  const sink = await startSink(script);
  const log = recordingLog();
  const driver = createSmtpDriver("sink", nextHop(sink.port, hop), { hostName: "gw.example", log, clock });
  const results: VerifyResult[] = [];
  try {
    if (deliverFirst) await driver.deliver(delivery("a\r\n"), goOn());
    for (const one of to)
      results.push(
        await driver.verify!(null, address(one), { signal: signal ?? new AbortController().signal }),
      );
    await driver.close();
    return { sink, results, first: results[0]!, errors: log.errors };
  } finally {
    await sink.close();
  }
}

const toRcpt =
  (answer: string | null): Script =>
  (command) =>
    command.startsWith("RCPT") ? answer : undefined;
const short = ({ status, reply }: VerifyResult) => `${status} ${reply?.code ?? 0} ${reply?.enhanced ?? ""}`;

test("verify says MAIL FROM:<>, RCPT and RSET, keeps the connection, and sends no content", async () => {
  const { sink, results } = await run({ to: ["bob@b.example", "eve@b.example"] });
  assert.deepEqual(results.map(short), ["good 250 2.1.0", "good 250 2.1.0"]);
  assert.equal(sink.connections(), 1);
  const one = (name: string) => ["MAIL FROM:<>", `RCPT TO:<${name}@b.example>`, "RSET"];
  assert.deepEqual(sink.commands, ["EHLO gw.example", ...one("bob"), ...one("eve"), "QUIT"]);
});

test("verify goes by LMTP and without PIPELINING alike, one command after the other", async () => {
  const script: Script = (command) => (command.startsWith("LHLO") ? "250 sink" : undefined);
  const { sink, first } = await run({ script, hop: { protocol: "lmtp" } });
  assert.equal(short(first), "good 250 2.1.0");
  assert.deepEqual(sink.commands.slice(1), ["MAIL FROM:<>", "RCPT TO:<bob@b.example>", "RSET", "QUIT"]);
});

const ANSWERS: readonly { name: string; script: Script; want: string; errors?: number }[] = [
  { name: "2xx", script: toRcpt("251 2.1.5 will forward"), want: "good 251 2.1.5" },
  { name: "550 5.1.1", script: toRcpt("550 5.1.1 No such user"), want: "bad 550 5.1.1" },
  { name: "550 with a class that contradicts", script: toRcpt("550 4.1.1 No"), want: "bad 550 5.1.1" },
  { name: "556 5.1.10", script: toRcpt("556 5.1.10 null MX"), want: "bad 556 5.1.10" },
  { name: "550 without an enhanced code", script: toRcpt("550 No"), want: "undecided 550 5.0.0" },
  { name: "a bad sender", script: toRcpt("553 5.1.8 Bad sender"), want: "undecided 553 5.1.8" },
  { name: "policy", script: toRcpt("554 5.7.1 Blocked"), want: "undecided 554 5.7.1" },
  { name: "a full mailbox", script: toRcpt("552 5.2.2 Full"), want: "undecided 552 5.2.2" },
  { name: "grey-listing", script: toRcpt("450 4.1.1 Later"), want: "undecided 450 4.1.1" },
  { name: "an intermediate reply", script: toRcpt("354 go on"), want: "undecided 451 4.5.0" },
  { name: "rubbish", script: toRcpt("rubbish"), want: "undecided 451 4.5.0" },
  { name: "530: we are to log in", script: toRcpt("530 5.7.0 No"), want: "undecided 451 4.3.5", errors: 1 },
  {
    name: "MAIL that is refused, even with the code of a recipient",
    script: (command) => (command.startsWith("MAIL") ? "550 5.1.1 No null sender" : undefined),
    want: "undecided 550 5.1.1",
  },
  { name: "a connection that ends", script: toRcpt(null), want: "undecided 0 " },
  { name: "421", script: toRcpt("421 4.3.2 Bye"), want: "undecided 451 4.3.2" },
];
for (const { name, script, want, errors = 0 } of ANSWERS) {
  test(`verify reads as ${want.split(" ")[0]}: ${name}`, async () => {
    const result = await run({ script });
    assert.equal(short(result.first), want);
    assert.equal(result.errors.length, errors);
  });
}

test("verify passes the next hop's words on bounded and without controls, or hides them", async () => {
  const script = toRcpt(`550 5.1.1 No\x07 user ${"y".repeat(5000)}`);
  const shown = await run({ script });
  assert.match(shown.first.reply!.text, /^No user y+$/);
  assert.equal(shown.first.reply!.text.length, 512);
  const hidden = await run({ script, hop: { passReplyText: false } });
  assert.equal(hidden.first.reply!.text, "Refused by the next hop");
});

for (const bad of ["354 go on", "rubbish", "421 4.3.2 Bye"]) {
  test(`verify uses no connection again that answered '${bad}'`, async () => {
    const script: Script = (command, n) => (n === 1 && command.startsWith("RCPT") ? bad : undefined);
    const { sink, results } = await run({ script, to: ["a@b.example", "b@b.example"] });
    assert.equal(results[1]?.status, "good");
    assert.equal(sink.connections(), 2);
  });
}

test("verify asks once more where a kept connection turns out to be closed", async () => {
  const script: Script = (command, n) => (n === 1 && command === "MAIL FROM:<>" ? null : undefined);
  const { sink, first } = await run({ script, deliverFirst: true });
  assert.equal(short(first), "good 250 2.1.0");
  assert.equal(sink.connections(), 2);
});

test("verify ends when its signal aborts, and leaves no connection behind in the middle", async () => {
  const over = new AbortController();
  const script: Script = (command) => {
    if (!command.startsWith("RCPT")) return undefined;
    setImmediate(() => over.abort());
    return "";
  };
  const { first, sink } = await run({ script, signal: over.signal });
  assert.deepEqual([first.status, first.ended], ["undecided", "connection"]);
  await sink.ended();
});

test("verify does not ask a server without SMTPUTF8 for a local part that is not ASCII", async () => {
  const { first, sink } = await run({ script: offering("PIPELINING"), to: ["jösé@b.example"] });
  assert.equal(short(first), "undecided 550 5.6.7");
  assert.ok(!sink.commands.some((command) => command.startsWith("MAIL")));
  const asked = await run({ to: ["jösé@b.example"] });
  assert.ok(asked.sink.commands.includes("MAIL FROM:<> SMTPUTF8"));
});

test("verify says so when nobody listens", async () => {
  const sink = await startSink();
  await sink.close();
  const driver = createSmtpDriver("sink", nextHop(sink.port), {
    ...{ hostName: "gw.example", log: recordingLog(), clock },
  });
  const { signal } = new AbortController();
  const result = await driver.verify!(null, address("bob@b.example"), { signal });
  assert.deepEqual([result.status, result.ended], ["undecided", "connection"]);
  await driver.close();
  const closed = await driver.verify!(null, address("bob@b.example"), { signal });
  assert.deepEqual([closed.status, closed.cause], ["undecided", "the driver is closed"]);
});
