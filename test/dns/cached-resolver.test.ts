/** What cachedResolver asks, keeps and gives, by a clock that stands still. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DnsAnswer, DnsType, Resolver } from "postern";
import { cachedResolver } from "../../core/dns/mod.ts";
import { manualClock, settle } from "../gateway/manual-clock.ts";

const found = (ttlSeconds: number, ...records: string[]): DnsAnswer => ({
  status: "found",
  records,
  ttlSeconds,
});

/** A resolver that counts what it is asked, with one answer for all. */
function counting(answer: DnsAnswer | ((name: string, type: DnsType) => DnsAnswer)) {
  const asked: string[] = [];
  const resolver: Resolver = {
    async resolve(name, type) {
      asked.push(`${type} ${name}`);
      return typeof answer === "function" ? answer(name, type) : answer;
    },
  };
  return { asked, resolver };
}

/** A resolver whose queries a test answers by hand. */
function pending() {
  const queries: { answer(answer: DnsAnswer): void; fail(error: Error): void; signal: AbortSignal }[] = [];
  const resolver: Resolver = {
    resolve(_name, _type, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<DnsAnswer>();
      assert.ok(signal);
      queries.push({ answer: resolve, fail: reject, signal });
      return promise;
    },
  };
  return { queries, resolver };
}

const kept: readonly { name: string; answer: DnsAnswer; seconds: number }[] = [
  { name: "found, for its TTL", answer: found(300, "192.0.2.1"), seconds: 300 },
  { name: "found with a TTL of a year, for a day", answer: found(31_536_000, "192.0.2.1"), seconds: 86_400 },
  { name: "nodata, for a minute (RFC 2308)", answer: { status: "nodata" }, seconds: 60 },
  { name: "nxdomain, for a minute (RFC 2308)", answer: { status: "nxdomain" }, seconds: 60 },
  { name: "nodata, for the time it tells", answer: { status: "nodata", ttlSeconds: 7 }, seconds: 7 },
  {
    name: "nxdomain of a day, for an hour (RFC 2308 5)",
    answer: { status: "nxdomain", ttlSeconds: 86_400 },
    seconds: 3_600,
  },
  { name: "servfail, for 5 s (RFC 9520)", answer: { status: "servfail" }, seconds: 5 },
  { name: "timeout, for 5 s (RFC 9520)", answer: { status: "timeout" }, seconds: 5 },
];
for (const { name, answer, seconds } of kept) {
  test(`cachedResolver keeps ${name}, and asks again after that`, async () => {
    const clock = manualClock();
    const { asked, resolver } = counting(answer);
    const dns = cachedResolver(resolver, { clock });
    await dns.resolve("a.example", "A");
    await clock.advance(seconds * 1000 - 1);
    assert.equal((await dns.resolve("a.example", "A")).status, answer.status);
    assert.equal(asked.length, 1);
    await clock.advance(1);
    assert.equal((await dns.resolve("a.example", "A")).status, answer.status);
    assert.equal(asked.length, 2);
  });
}

test("cachedResolver tells what is left of a TTL", async () => {
  const clock = manualClock();
  const dns = cachedResolver(counting(found(300, "192.0.2.1")).resolver, { clock });
  assert.deepEqual(await dns.resolve("a.example", "A"), found(300, "192.0.2.1"));
  await clock.advance(100_500);
  assert.deepEqual(await dns.resolve("a.example", "A"), found(199, "192.0.2.1"));
});

const notKept: readonly { name: string; answer: DnsAnswer }[] = [
  { name: "a TTL of 0", answer: found(0, "192.0.2.1") },
  { name: "a TTL with its top bit set (RFC 2181 8)", answer: found(2 ** 31, "192.0.2.1") },
  { name: "a TTL that is no number", answer: found(Number.NaN, "192.0.2.1") },
  { name: "an answer of more than 8 KB", answer: found(300, "x".repeat(8_193)) },
];
for (const { name, answer } of notKept) {
  test(`cachedResolver gives and does not keep ${name}`, async () => {
    const { asked, resolver } = counting(answer);
    const dns = cachedResolver(resolver, { clock: manualClock() });
    assert.deepEqual(await dns.resolve("a.example", "A"), answer);
    assert.deepEqual(await dns.resolve("a.example", "A"), answer);
    assert.equal(asked.length, 2);
  });
}

test("cachedResolver takes a name in any case, as U-labels and with a final dot for the same, and each type apart", async () => {
  const { asked, resolver } = counting((_name, type) =>
    type === "AAAA" ? { status: "nxdomain" } : found(60, "192.0.2.1"),
  );
  const dns = cachedResolver(resolver, { clock: manualClock() });
  for (const name of ["bücher.example", "XN--BCHER-KVA.example.", "xn--bcher-kva.EXAMPLE"]) {
    assert.equal((await dns.resolve(name, "AAAA")).status, "nxdomain");
    assert.equal((await dns.resolve(name, "A")).status, "found");
  }
  assert.deepEqual(asked, ["AAAA xn--bcher-kva.example", "A xn--bcher-kva.example"]);
});

test("cachedResolver says nxdomain for what no DNS can hold, and asks nobody", async () => {
  const { asked, resolver } = counting(found(60));
  const dns = cachedResolver(resolver, { clock: manualClock() });
  for (const name of ["", ".", "a..example", `${"x".repeat(64)}.example`, "a b.example"])
    assert.equal((await dns.resolve(name, "A")).status, "nxdomain", name);
  assert.deepEqual(asked, []);
});

test("cachedResolver keeps entriesMax answers, and lets the one asked for longest ago go", async () => {
  const { asked, resolver } = counting(found(300, "192.0.2.1"));
  const dns = cachedResolver(resolver, { clock: manualClock(), entriesMax: 2 });
  for (const name of ["a", "b", "a", "c", "a", "b"]) await dns.resolve(`${name}.example`, "A");
  assert.deepEqual(asked, ["A a.example", "A b.example", "A c.example", "A b.example"]);
});

test("cachedResolver refuses an entriesMax that holds nothing", () => {
  const { resolver } = counting(found(60));
  for (const entriesMax of [0, -1, 1.5, Number.NaN])
    assert.throws(() => cachedResolver(resolver, { clock: manualClock(), entriesMax }), RangeError);
});

test("cachedResolver has one query in flight for a name and type, however many wait", async () => {
  const { queries, resolver } = pending();
  const dns = cachedResolver(resolver, { clock: manualClock() });
  const answers = Array.from({ length: 50 }, () => dns.resolve("a.example", "A"));
  await settle();
  assert.equal(queries.length, 1);
  queries[0]?.answer(found(0, "192.0.2.1"));
  assert.deepEqual(await Promise.all(answers), new Array(50).fill(found(0, "192.0.2.1")));
});

test("cachedResolver rejects the one whose signal aborts, with its reason, and the others get their answer", async () => {
  const { queries, resolver } = pending();
  const dns = cachedResolver(resolver, { clock: manualClock() });
  const stop = new AbortController();
  const leaving = dns.resolve("a.example", "A", stop.signal);
  const staying = dns.resolve("a.example", "A", new AbortController().signal);
  await settle();
  const reason = new Error("too late");
  stop.abort(reason);
  await assert.rejects(leaving, reason);
  assert.equal(queries[0]?.signal.aborted, false);
  queries[0]?.answer({ status: "nodata" });
  assert.deepEqual(await staying, { status: "nodata" });
  await assert.rejects(dns.resolve("a.example", "A", AbortSignal.abort(reason)), reason);
});

test("cachedResolver stops the query that everybody left, and asks anew for who comes then", async () => {
  const { queries, resolver } = pending();
  const dns = cachedResolver(resolver, { clock: manualClock() });
  const stop = new AbortController();
  const left = dns.resolve("a.example", "A", stop.signal);
  await settle();
  stop.abort();
  await assert.rejects(left);
  assert.equal(queries[0]?.signal.aborted, true);
  const second = dns.resolve("a.example", "A");
  queries[0]?.answer(found(300, "192.0.2.66"));
  await settle();
  queries[1]?.answer(found(300, "192.0.2.1"));
  assert.deepEqual(await second, found(300, "192.0.2.1"));
  assert.deepEqual(await dns.resolve("a.example", "A"), found(300, "192.0.2.1"));
});

test("cachedResolver says timeout after queryMs, stops the query, and leaves no timer behind", async () => {
  const clock = manualClock();
  const { queries, resolver } = pending();
  const dns = cachedResolver(resolver, { clock, queryMs: 3_000 });
  const late = dns.resolve("a.example", "MX");
  await clock.advance(2_999);
  assert.equal(queries[0]?.signal.aborted, false);
  await clock.advance(1);
  assert.deepEqual(await late, { status: "timeout" });
  assert.equal(queries[0]?.signal.aborted, true);
  const quick = dns.resolve("b.example", "MX");
  await settle();
  queries[1]?.answer({ status: "nodata" });
  await quick;
  await settle();
  assert.equal(clock.sleeping, 0);
});

test("cachedResolver reads a resolver that rejects as servfail, never as no such name", async () => {
  const { queries, resolver } = pending();
  const dns = cachedResolver(resolver, { clock: manualClock() });
  const answer = dns.resolve("a.example", "A");
  await settle();
  queries[0]?.fail(new Error("it broke its word"));
  assert.deepEqual(await answer, { status: "servfail" });
});

test("cachedResolver runs 1,000 queries at once and says servfail beyond, which it does not keep", async () => {
  const { queries, resolver } = pending();
  const dns = cachedResolver(resolver, { clock: manualClock() });
  const answers = Array.from({ length: 1_000 }, (_, n) => dns.resolve(`h${n}.example`, "A"));
  assert.deepEqual(await dns.resolve("more.example", "A"), { status: "servfail" });
  for (const query of queries) query.answer({ status: "nodata" });
  await Promise.all(answers);
  await settle();
  const again = dns.resolve("more.example", "A");
  await settle();
  queries[1_000]?.answer({ status: "nodata" });
  assert.deepEqual(await again, { status: "nodata" });
});

test("apart() of cachedResolver gives the same answers, and waits for no query but its own", async () => {
  const clock = manualClock();
  const { queries, resolver } = pending();
  const dns = cachedResolver(resolver, { clock, queryMs: 3_000, entriesMax: 2 });
  const [one, other] = [dns.apart(), dns.apart()];
  const answers = [one, other].map((each) => each.resolve("a.example", "A"));
  await settle();
  assert.equal(queries.length, 2);
  queries[0]?.answer(found(300, "192.0.2.1"));
  assert.deepEqual(await answers[0], found(300, "192.0.2.1"));
  for (const each of [dns, one, other, dns.apart()])
    assert.deepEqual(await each.resolve("a.example", "A"), found(300, "192.0.2.1"));
  assert.equal(queries.length, 2);
  await clock.advance(3_000);
  assert.deepEqual(await answers[1], { status: "timeout" });
  // Who failed takes nothing from the others.
  assert.deepEqual(await dns.resolve("a.example", "A"), found(297, "192.0.2.1"));
  // The bounds are the same, too.
  for (const name of ["b.example", "c.example"]) {
    const answer = other.resolve(name, "A");
    await settle();
    queries.at(-1)?.answer(found(300, "192.0.2.2"));
    await answer;
  }
  assert.deepEqual(await dns.resolve("c.example", "A"), found(300, "192.0.2.2"));
  const again = one.resolve("a.example", "A");
  await settle();
  assert.equal(queries.length, 5);
  queries[4]?.answer(found(300, "192.0.2.3"));
  assert.deepEqual(await again, found(300, "192.0.2.3"));
});
