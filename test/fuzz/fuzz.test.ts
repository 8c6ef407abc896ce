/** Twenty seconds of the fuzzer by fixed seeds, and proof that its books see what they are there to see. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { TraceRecord } from "postern";
import { hostileScript, orderlyScript } from "./client-scripts.ts";
import { DialogueLog } from "./dialogue-log.ts";
import type { PlayedSession } from "./fuzzed-client.ts";
import type { TakenMessage } from "./fuzzed-next-hop.ts";
import { hostileAnswer } from "./hostile-replies.ts";
import { auditRound } from "./ledger.ts";
import { SeededRandom } from "./seeded-random.ts";

const RUN = fileURLToPath(new URL("run.ts", import.meta.url));

function run(...args: readonly string[]): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, [RUN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      said += chunk.toString("utf8");
    });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, said })));
}

test("npm run fuzz finds nothing in 20 s of sessions and next-hop replies by fixed seeds", async () => {
  const { code, said } = await run("--seed", "1", "--seconds", "20", "--rounds", "12");
  assert.equal(code, 0, said);
  assert.match(said, /\d+ rounds, \d+ sessions, \d+ transactions, [1-9]\d* accepted: nothing found/);
});

test("npm run fuzz refuses arguments that it does not know, and runs nothing", async () => {
  assert.deepEqual(await run("--only", "clients"), {
    code: 2,
    said: "--only takes sessions, next-hop or decoder\n",
  });
  assert.deepEqual(await run("--seed", "x"), { code: 2, said: "--seed takes a number\n" });
});

const ID = "01k9abcdefgh";
const CONTENT = "Subject: one\r\n\r\n.dot\r\n";
const LOG = new DialogueLog("client s1");

const session = (changes: Partial<PlayedSession> = {}): PlayedSession => ({
  ...{ name: "s1", port: 4_000, faults: [], log: LOG },
  sent: Buffer.from("DATA\r\nSubject: one\r\n\r\n..dot\r\n.\r\n"),
  received: `354 Go on\r\n250 2.0.0 Message accepted (ref ${ID})\r\n`,
  ...changes,
});
const record = (changes: Partial<TraceRecord> = {}): TraceRecord =>
  ({
    id: ID,
    client: { ip: "127.0.0.1", port: 4_000, trusted: false },
    recipients: [{ forwardPath: "ok@a.example", outcome: "delivered" }],
    outcome: "accepted",
    reply: { code: 250, enhanced: "2.0.0", text: "Message accepted" },
    entries: [],
    ...changes,
  }) as unknown as TraceRecord;
const taken = (changes: Partial<TakenMessage> = {}): TakenMessage => ({
  id: ID,
  content: Buffer.from(CONTENT),
  recipients: ["ok@a.example"],
  log: LOG,
  ...changes,
});
const deferred = record({ outcome: "deferred", reply: { code: 451, enhanced: "4.4.2", text: "Lost" } });
const mayBeTaken: TraceRecord["entries"] = [{ at: 1, event: "duplicatePossible", detail: "a may have it" }];
const told451 = session({ received: `451 4.4.2 Lost (ref ${ID})\r\n` });

interface Books {
  readonly name: string;
  readonly sessions?: readonly PlayedSession[];
  readonly records?: readonly TraceRecord[];
  readonly taken?: readonly TakenMessage[];
  readonly want: readonly RegExp[];
}

const books: readonly Books[] = [
  { name: "nothing in a message that was accepted and taken once", want: [] },
  {
    name: "a message that was accepted and lost",
    taken: [],
    want: [/answered with 250 and was taken 0 times/],
  },
  {
    name: "a message that was accepted and doubled",
    taken: [taken(), taken()],
    want: [/answered with 250 and was taken 2 times/],
  },
  {
    name: "a message that was refused and taken",
    sessions: [session({ received: `550 5.7.1 No (ref ${ID})\r\n` })],
    records: [record({ outcome: "refused", reply: { code: 550, enhanced: "5.7.1", text: "No" } })],
    want: [/answered with 550 5\.7\.1 and was taken 1 times/],
  },
  {
    name: "a message that was deferred and taken",
    sessions: [told451],
    records: [deferred],
    want: [/answered with 451 4\.4\.2 and was taken 1 times/],
  },
  {
    name: "nothing in a message that was deferred, and may have been taken by its trace",
    sessions: [told451],
    records: [{ ...deferred, entries: mayBeTaken }],
    want: [],
  },
  {
    name: "a message that was refused for good, though it may have been taken by its trace",
    sessions: [session({ received: "" })],
    records: [record({ reply: { code: 550, enhanced: "5.0.0", text: "No" }, entries: mayBeTaken })],
    want: [/answered with 550 5\.0\.0 and was taken 1 times/],
  },
  {
    name: "an octet that is another",
    taken: [taken({ content: Buffer.from(CONTENT.replace("one", "two")) })],
    want: [/not what the client sent/],
  },
  {
    name: "content that was cut",
    taken: [taken({ content: Buffer.from("Subject: one\r\n") })],
    want: [/not what the client sent/],
  },
  {
    name: "dots that were not undone",
    taken: [taken({ content: Buffer.from(CONTENT.replace(".dot", "...dot")) })],
    want: [/not what the client sent/],
  },
  {
    name: "a recipient that was not told of",
    taken: [taken({ recipients: ["ok@a.example", "more@a.example"] })],
    want: [/was delivered to ok@a\.example by its trace, and to more@a\.example ok@a\.example in truth/],
  },
  {
    name: "a message of which no trace knows",
    taken: [taken(), taken({ id: "other" })],
    want: [/took 'other', of which no trace knows/],
  },
  {
    name: "a client that was told 250 where the trace has no such answer",
    records: [deferred],
    taken: [],
    want: [/told 250 2\.0\.0 Message accepted .* and its trace says otherwise/],
  },
  {
    name: "a client that was told of a message twice",
    sessions: [session({ received: session().received.repeat(2) })],
    want: [/told of 01k9abcdefgh twice/],
  },
  { name: "two traces of one id", records: [record(), record()], want: [/two traces have the id/] },
  { name: "what the client saw itself", sessions: [session({ faults: ["no reply"] })], want: [/^no reply$/] },
];
for (const { name, want, ...given } of books) {
  test(`auditRound finds ${name}`, () => {
    const all = { sessions: [session()], records: [record()], taken: [taken()], ...given };
    const whats = auditRound(all).map(({ what }) => what);
    for (const [n, pattern] of want.entries()) assert.match(whats[n] ?? "nothing", pattern);
    if (want.length === 0) assert.deepEqual(whats, []);
  });
}

test("SeededRandom gives the same sessions and replies for the same seed, and others for another", () => {
  const choices = (seed: string): string => {
    const random = new SeededRandom(seed);
    return JSON.stringify([
      orderlyScript(random.fork("a"), "s1").steps,
      hostileScript(random.fork("b"), "s2").steps,
      Array.from({ length: 100 }, () => hostileAnswer("dot", random, 500)),
    ]);
  };
  assert.equal(choices("round 7"), choices("round 7"));
  assert.notEqual(choices("round 7"), choices("round 8"));
});

test("SeededRandom spreads its choices evenly", () => {
  const random = new SeededRandom("even");
  const counts = new Array<number>(10).fill(0);
  for (let n = 0; n < 100_000; n += 1) counts[random.below(10)]! += 1;
  // Ten standard deviations of a fair choice are 950.
  for (const count of counts) assert.ok(count > 9_050 && count < 10_950, counts.join(" "));
});
