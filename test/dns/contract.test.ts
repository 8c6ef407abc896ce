/**
 * One contract for all resolvers: the system's against a server on loopback, DoH against a server by HTTP, and the fixed
 * one. Then the cache before each of them, by a clock that stands still.
 */
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { after, before, describe, it } from "node:test";
import { cachedResolver, dohResolver, fixedResolver } from "../../core/dns/mod.ts";
import type { DnsAnswer, DnsType, Resolver } from "../../core/mod.ts";
import { systemClock, systemResolver } from "../../core/store/mod.ts";
import { manualClock } from "../gateway/manual-clock.ts";
import { startFakeDns } from "./fake-dns-server.ts";
import { startFakeDoh } from "./fake-doh-server.ts";
import { CONTRACT, CONTRACT_ANSWERS, CONTRACT_ZONE } from "./resolver-contract.ts";

interface Subject {
  readonly dns: Resolver;
  /** How many questions came so far to who answers them. */
  asked(): number;
  close(): Promise<void>;
}

const SUBJECTS: readonly {
  name: "systemResolver" | "dohResolver" | "fixedResolver";
  open(): Promise<Subject>;
}[] = [
  {
    name: "systemResolver",
    async open() {
      const { address, questions, close } = await startFakeDns(CONTRACT_ANSWERS);
      const dns = systemResolver({ servers: [address], tryMs: 200, triesMax: 1 });
      return { dns, asked: () => questions.length, close };
    },
  },
  {
    name: "dohResolver",
    async open() {
      const { url, requests, close } = await startFakeDoh(CONTRACT_ANSWERS);
      const dns = dohResolver({ url, fetch: globalThis.fetch, clock: systemClock, queryMs: 200 });
      return { dns, asked: () => requests.length, close };
    },
  },
  {
    name: "fixedResolver",
    async open() {
      const fixed = fixedResolver(CONTRACT_ZONE);
      let asked = 0;
      const dns: Resolver = {
        resolve(...question) {
          asked += 1;
          return fixed.resolve(...question);
        },
      };
      return { dns, asked: () => asked, close: async () => {} };
    },
  },
];

const shown = (answer: DnsAnswer): unknown => (answer.status === "found" ? answer.records : answer.status);

/** Outcomes that a cache keeps, each with a question that has it. */
const KEPT: readonly { status: DnsAnswer["status"]; input: readonly [string, DnsType] }[] = [
  { status: "found", input: ["addresses.example", "A"] },
  { status: "nodata", input: ["empty.example", "MX"] },
  { status: "nxdomain", input: ["none.example", "A"] },
  { status: "servfail", input: ["failing.example", "A"] },
  { status: "timeout", input: ["silent.example", "MX"] },
];
/** How long an outcome is kept that tells no time: RFC 2308 5 and RFC 9520 3.2. */
const KEPT_SECONDS = { found: Number.NaN, nodata: 60, nxdomain: 60, servfail: 5, timeout: 5 } as const;

for (const { name, open } of SUBJECTS) {
  describe(name, () => {
    let subject: Subject;
    before(async () => {
      subject = await open();
    });
    after(() => subject.close());

    for (const { name: what, input, want, wantOfSystem } of CONTRACT) {
      it(what, async () => {
        const wanted = name === "systemResolver" ? (wantOfSystem ?? want) : want;
        assert.deepEqual(shown(await subject.dns.resolve(...input)), wanted);
      });
    }

    it("tells how long records hold, in whole seconds", async () => {
      for (const [name, type] of [["addresses.example", "A"] as const, ["mail.example", "MX"] as const]) {
        const answer = await subject.dns.resolve(name, type);
        assert.ok(answer.status === "found" && Number.isInteger(answer.ttlSeconds) && answer.ttlSeconds > 0);
      }
    });

    it("rejects with the reason of a signal that is aborted, and leaves no listener on one that is not", async () => {
      const reason = new Error("the message is over its deadline");
      await assert.rejects(subject.dns.resolve("addresses.example", "A", AbortSignal.abort(reason)), reason);
      const calm = new AbortController();
      for (const { input } of KEPT) await subject.dns.resolve(...input, calm.signal);
      assert.equal(getEventListeners(calm.signal, "abort").length, 0);
    });

    for (const { status, input } of KEPT) {
      it(`behind cachedResolver, is asked once for ${status} while that holds, and then again`, async () => {
        const clock = manualClock();
        const cached = cachedResolver(subject.dns, { clock });
        const begun = subject.asked();
        const first = await cached.resolve(...input);
        assert.equal(first.status, status);
        const seconds = "ttlSeconds" in first ? (first.ttlSeconds ?? 0) : KEPT_SECONDS[status];
        await clock.advance(seconds * 1_000 - 1);
        assert.equal((await cached.resolve(...input)).status, status);
        assert.equal(subject.asked() - begun, 1);
        await clock.advance(1);
        assert.equal((await cached.resolve(...input)).status, status);
        assert.equal(subject.asked() - begun, 2);
      });

      it(`behind cachedResolver, is asked once for ${status} by many at once`, async () => {
        const cached = cachedResolver(subject.dns, { clock: manualClock() });
        const begun = subject.asked();
        const answers = await Promise.all(Array.from({ length: 50 }, () => cached.resolve(...input)));
        assert.deepEqual(new Set(answers.map((answer) => answer.status)), new Set([status]));
        assert.equal(subject.asked() - begun, 1);
      });
    }

    it("behind cachedResolver, is asked again for what had no place", async () => {
      const cached = cachedResolver(subject.dns, { clock: manualClock(), entriesMax: 2 });
      const begun = subject.asked();
      const types: readonly DnsType[] = ["MX", "NS", "MX", "SOA", "MX", "NS"];
      for (const type of types) assert.equal((await cached.resolve("mail.example", type)).status, "found");
      assert.equal(subject.asked() - begun, 4);
    });

    it("behind cachedResolver, is asked each time for an answer of 64 KB, which is not kept", async () => {
      const cached = cachedResolver(subject.dns, { clock: manualClock() });
      const begun = subject.asked();
      for (let n = 0; n < 2; n++)
        assert.equal((await cached.resolve("longest.example", "TXT")).status, "found");
      assert.equal(subject.asked() - begun, 2);
    });
  });
}
