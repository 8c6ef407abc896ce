/** DnsBudget, by a clock that stands still: what counts, what does not, and what is said once the time is spent. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type DnsAnswer, definePlugin, pipeline, type Resolver } from "postern";
import { cachedResolver } from "../../core/dns/mod.ts";
import { DnsBudget } from "../../core/gateway/dns-budget.ts";
import { routes } from "../../plugins/mod.ts";
import { CONTENT, forward, octets, openBed, reverse } from "./engine-bed.ts";
import { type ManualClock, manualClock, settle } from "./manual-clock.ts";

const ADDRESS: DnsAnswer = { status: "found", records: ["192.0.2.1"], ttlSeconds: 60 };
const TIMEOUT: DnsAnswer = { status: "timeout" };

/** DNS that answers a name as "5000.a.example" after so many milliseconds, and "never.example" never. */
function slowDns(clock: ManualClock) {
  const asked: string[] = [];
  const dns: Resolver = {
    async resolve(name, _type, signal) {
      signal?.throwIfAborted();
      asked.push(name);
      if (name.startsWith("never")) {
        const left = Promise.withResolvers<never>();
        signal?.addEventListener("abort", () => left.reject(signal.reason), { once: true });
        return left.promise;
      }
      await clock.sleep(Number.parseInt(name, 10), signal);
      return ADDRESS;
    },
  };
  return { dns, asked };
}

function budget(ms: number) {
  const clock = manualClock();
  const { dns, asked } = slowDns(clock);
  let spent = 0;
  const bounded = new DnsBudget({ dns, clock, ms, onSpent: () => spent++ });
  return { clock, asked, bounded, spent: () => spent };
}

test("DnsBudget gives answers as they are while there is time, whatever their outcome", async () => {
  const clock = manualClock();
  const outcomes: readonly DnsAnswer[] = [
    ADDRESS,
    { status: "nodata", ttlSeconds: 5 },
    { status: "nxdomain" },
    { status: "servfail" },
    TIMEOUT,
  ];
  for (const answer of outcomes) {
    const questions: unknown[][] = [];
    const dns: Resolver = {
      async resolve(...question) {
        questions.push(question);
        return answer;
      },
    };
    const { signal } = new AbortController();
    const bounded = new DnsBudget({ dns, clock, ms: 1_000, onSpent: assert.fail });
    assert.equal(await bounded.resolve("a.example", "MX", signal), answer);
    assert.deepEqual(questions, [["a.example", "MX", signal]]);
  }
});

test("DnsBudget sums the time of queries that follow each other, and gives the last up when it is spent", async () => {
  const { clock, asked, bounded, spent } = budget(9_000);
  for (const name of ["4000.a.example", "4000.b.example"]) {
    const answer = bounded.resolve(name, "A");
    await clock.advance(4_000);
    assert.equal(await answer, ADDRESS);
    // What a plugin does between its queries is not DNS' time.
    await clock.advance(60_000);
  }
  const last = bounded.resolve("4000.c.example", "A");
  await clock.advance(999);
  assert.equal(spent(), 0);
  await clock.advance(1);
  assert.deepEqual(await last, TIMEOUT);
  assert.equal(spent(), 1);
  assert.deepEqual(await bounded.resolve("0.d.example", "A"), TIMEOUT);
  assert.deepEqual(asked, ["4000.a.example", "4000.b.example", "4000.c.example"]);
  // What comes too late changes nothing.
  await clock.advance(10_000);
  assert.equal(spent(), 1);
  assert.equal(clock.sleeping, 0);
});

test("DnsBudget counts the time of queries that are out at once one time", async () => {
  const { clock, bounded, spent } = budget(9_000);
  const long = bounded.resolve("6000.a.example", "A");
  const others = Array.from({ length: 50 }, (_, n) => bounded.resolve(`${4_000 + n}.b.example`, "A"));
  await clock.advance(3_000);
  const later = bounded.resolve("5000.c.example", "A");
  await clock.advance(5_000);
  assert.deepEqual(await Promise.all([long, later, ...others]), new Array(52).fill(ADDRESS));
  assert.equal(spent(), 0);
  const over = bounded.resolve("never.example", "A");
  await clock.advance(1_000);
  assert.deepEqual(await over, TIMEOUT);
});

test("DnsBudget gives up all that are out when it is spent", async () => {
  const { clock, bounded, spent } = budget(9_000);
  const waiting = [0, 1, 2].map((n) => bounded.resolve(`never${n}.example`, "TXT"));
  await clock.advance(9_000);
  assert.deepEqual(await Promise.all(waiting), [TIMEOUT, TIMEOUT, TIMEOUT]);
  assert.equal(spent(), 1);
});

test("DnsBudget takes nothing for answers of the cache, and one that it gave up is there for the next try", async () => {
  const clock = manualClock();
  const { dns, asked } = slowDns(clock);
  const cached = cachedResolver(dns, { clock });
  const first = new DnsBudget({ dns: cached, clock, ms: 3_000, onSpent: () => {} });
  const late = first.resolve("4000.a.example", "A");
  await clock.advance(3_000);
  assert.deepEqual(await late, TIMEOUT);
  await clock.advance(1_000);
  const again = new DnsBudget({ dns: cached, clock, ms: 1, onSpent: assert.fail });
  for (let n = 0; n < 1_000; n++) assert.equal((await again.resolve("4000.a.example", "A")).status, "found");
  assert.deepEqual(asked, ["4000.a.example"]);
});

test("DnsBudget rejects with the reason of a signal, and counts the time until then", async () => {
  const { clock, asked, bounded, spent } = budget(9_000);
  const reason = new Error("the hook is over");
  await assert.rejects(bounded.resolve("1.a.example", "A", AbortSignal.abort(reason)), reason);
  assert.deepEqual(asked, []);
  const stop = new AbortController();
  const left = bounded.resolve("never.example", "A", stop.signal);
  await clock.advance(5_000);
  stop.abort(reason);
  await assert.rejects(left, reason);
  await clock.advance(5_000);
  assert.equal(spent(), 0);
  const rest = bounded.resolve("never.example", "A");
  await clock.advance(4_000);
  assert.deepEqual(await rest, TIMEOUT);
});

test("DnsBudget is spent too where the answer came while nothing else had a turn", async () => {
  let now = 0;
  const clock = { ...manualClock(), monotonic: () => now };
  const { promise, resolve } = Promise.withResolvers<DnsAnswer>();
  let spent = 0;
  const bounded = new DnsBudget({
    ...{ dns: { resolve: () => promise }, clock },
    ...{ ms: 1_000, onSpent: () => spent++ },
  });
  const answer = bounded.resolve("a.example", "A");
  now = 5_000;
  resolve(ADDRESS);
  assert.equal(await answer, ADDRESS);
  assert.equal(spent, 1);
  assert.deepEqual(await bounded.resolve("a.example", "A"), TIMEOUT);
});

test("DnsBudget lets queries be out for no longer than it has, whenever they begin", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ atMs: even(5_000), takesMs: even(4_000) }), { minLength: 1, maxLength: 12 }),
      // Odd, so that no answer comes at the very moment when the time is over: then either would be right.
      even(6_000).map((ms) => ms + 1),
      async (queries, ms) => {
        const { clock, bounded, spent } = budget(ms);
        const begun = [...queries].sort((a, b) => a.atMs - b.atMs);
        const answers: Promise<DnsAnswer>[] = [];
        for (const { atMs, takesMs } of begun) {
          await clock.advance(atMs - clock.monotonic());
          answers.push(bounded.resolve(`${takesMs}.example`, "A"));
        }
        await clock.advance(20_000);
        const statuses = (await Promise.all(answers)).map(({ status }) => status);
        const model = modelOf(begun, ms);
        assert.deepEqual(statuses, model.statuses);
        assert.equal(spent(), model.isSpent ? 1 : 0);
        assert.equal(clock.sleeping, 0);
      },
    ),
    { numRuns: 60 },
  );
});

const even = (max: number) => fc.integer({ min: 0, max: max / 2 }).map((half) => half * 2);

/** The same millisecond by millisecond. */
function modelOf(queries: readonly { atMs: number; takesMs: number }[], ms: number) {
  const statuses = new Array<string>(queries.length).fill("");
  let left = ms;
  for (let now = 0; now <= 10_000; now++) {
    const isOut = queries.map(
      ({ atMs, takesMs }, n) => statuses[n] === "" && atMs <= now && now <= atMs + takesMs,
    );
    for (const [n, { atMs, takesMs }] of queries.entries()) {
      if (!isOut[n]) continue;
      if (left <= 0) statuses[n] = "timeout";
      else if (now === atMs + takesMs) statuses[n] = "found";
    }
    const waits = queries.some(({ atMs }, n) => statuses[n] === "" && atMs <= now);
    if (waits) left--;
  }
  return { statuses, isSpent: left <= 0 };
}

const lookUp = (stage: "connect" | "ehlo" | "mail" | "data", heard: string[], name = stage) =>
  definePlugin({
    name,
    needs: ["dns"],
    [stage]: async (ctx: { readonly dns: Resolver }) => {
      heard.push(`${name} ${(await ctx.dns.resolve("never.example", "A")).status}`);
    },
  });
const toBackend = routes([{ recipient: "*", nextHop: "backend" }]);

test("the hooks of one message share limits.dns, and its trace says once that it is spent", async () => {
  const clock = manualClock();
  const { dns, asked } = slowDns(clock);
  const heard: string[] = [];
  const bed = await openBed({
    pipeline: pipeline(
      lookUp("mail", heard),
      ...[lookUp("data", heard), lookUp("data", heard, "again" as "data")],
      toBackend,
    ),
    config: { limits: { dns: "9s" } },
    clock,
    services: { dns },
  });
  const session = bed.open();
  for (const round of [1, 2]) {
    heard.length = 0;
    asked.length = 0;
    const mail = session.mail(reverse("ann@example.com"), {});
    await clock.advance(9_000);
    assert.equal((await mail).kind, "goOn");
    await session.rcpt(forward("bob@example.com"), {});
    const receiver = session.receive();
    await receiver.write(octets(CONTENT));
    const { answer } = await receiver.end();
    assert.equal(answer.kind, "accepted", JSON.stringify(answer));
    assert.deepEqual(heard, ["mail timeout", "data timeout", "again timeout"], `message ${round}`);
    assert.deepEqual(asked, ["never.example"]);
    const notes = bed.last().entries.filter((entry) => "event" in entry && entry.event === "dnsTimeOver");
    assert.deepEqual(notes, [
      {
        at: 9_000,
        event: "dnsTimeOver",
        detail: "queries were out for 9000 ms: what is asked from now on has no answer",
      },
    ]);
  }
});

test("the hooks of a session before its messages share limits.dns, which its messages have anew", async () => {
  const clock = manualClock();
  const { dns, asked } = slowDns(clock);
  const heard: string[] = [];
  const bed = await openBed({
    pipeline: pipeline(lookUp("connect", heard), lookUp("ehlo", heard), lookUp("mail", heard), toBackend),
    config: { limits: { dns: "5s" } },
    clock,
    services: { dns },
  });
  const session = bed.open();
  const connected = session.connect();
  await clock.advance(5_000);
  await connected;
  await session.ehlo("client.example");
  assert.deepEqual([heard, asked.length], [["connect timeout", "ehlo timeout"], 1]);
  const mail = session.mail(reverse("ann@example.com"), {});
  await settle();
  assert.equal(asked.length, 2);
  await clock.advance(5_000);
  assert.equal((await mail).kind, "goOn");
  await session.rcpt(forward("bob@example.com"), {});
  const receiver = session.receive();
  await receiver.write(octets(CONTENT));
  await receiver.end();
  const events = bed.last().entries.filter((entry) => "event" in entry && entry.event === "dnsTimeOver");
  // That of the session, which each of its messages repeats, and the message's own.
  assert.equal(events.length, 2);
});
