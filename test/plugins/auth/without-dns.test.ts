/** Every auth plugin in one pipeline, and DNS that gives no answer, in all the ways in which it can. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Clock, defineGateway, type GatewaySettingsInput, mailbox, type Resolver } from "postern";
import { createTestGateway } from "postern/testing";
import { cachedResolver, dohResolver } from "../../../core/dns/mod.ts";
import { systemClock, systemResolver } from "../../../core/store/mod.ts";
import { type FakeAnswer, startFakeDns } from "../../dns/fake-dns-server.ts";
import { startFakeDoh } from "../../dns/fake-doh-server.ts";
import { manualClock } from "../../gateway/manual-clock.ts";
import {
  allAuth,
  MESSAGE,
  RECIPIENT,
  REVERSE_PATH,
  STRANGER,
  shownResults,
  WITHOUT_DNS,
} from "./all-auth.ts";

/** What a client waits for at most, asked for by the design. */
const ANSWER_MS_MAX = 15_000;

async function gatewayOf(
  all: ReturnType<typeof allAuth>,
  dns: Resolver,
  clock: Clock = systemClock,
  limits: GatewaySettingsInput["limits"] = {},
) {
  const config = defineGateway({
    domains: ["inside.example"],
    limits,
    pipeline: all,
    nextHops: { backend: mailbox() },
  });
  const gateway = await createTestGateway(config, { dns, clock });
  const client = { ip: STRANGER };
  return () =>
    gateway.inject({ client, reversePath: REVERSE_PATH, recipients: [RECIPIENT], content: MESSAGE });
}

/** Moves a clock on until a promise is settled; gives how far it went. */
async function untilSettled<T>(
  clock: ReturnType<typeof manualClock>,
  run: Promise<T>,
): Promise<{ value: T; ms: number }> {
  let settled = false;
  run.finally(() => (settled = true)).catch(() => {});
  const begun = clock.monotonic();
  while (!settled) {
    // What the platform does beside, as hashing, has its turn before time goes on.
    await new Promise((resolve) => setTimeout(resolve, 2));
    await clock.advance(100);
  }
  return { value: await run, ms: clock.monotonic() - begun };
}

const silentDns: Resolver = {
  resolve(_name, _type, signal) {
    const left = Promise.withResolvers<never>();
    signal?.addEventListener("abort", () => left.reject(signal.reason), { once: true });
    return left.promise;
  },
};

test("a message with all auth plugins and dead DNS is answered within 15 s, with temperror for each method", async () => {
  const clock = manualClock();
  const inject = await gatewayOf(allAuth(), silentDns, clock);
  const { value, ms } = await untilSettled(clock, inject());
  assert.equal(value.reply.code, 250, value.reply.text);
  assert.ok(ms < ANSWER_MS_MAX, `${ms} ms`);
  assert.deepEqual(shownResults(value.deliveries[0]?.text ?? ""), WITHOUT_DNS);
  const { errors } = value.facts.dnsbl as { errors: { zone: string }[] };
  assert.deepEqual(
    errors.map(({ zone }) => zone),
    ["block.example", "allow.example"],
  );
  const entries = value.trace?.entries ?? [];
  assert.equal(entries.filter((entry) => "event" in entry && entry.event === "dnsTimeOver").length, 1);
  assert.deepEqual(
    entries.filter((entry) => "fault" in entry),
    [],
  );
});

test("without limits.dns the times of all auth plugins would add up to more than that", async () => {
  const clock = manualClock();
  const inject = await gatewayOf(allAuth(), silentDns, clock, { dns: "1m" });
  const { value, ms } = await untilSettled(clock, inject());
  assert.ok(ms > ANSWER_MS_MAX, `${ms} ms`);
  assert.deepEqual(shownResults(value.deliveries[0]?.text ?? ""), WITHOUT_DNS);
});

test("by default such a message is put off by dmarc, whose policy nobody knows", async () => {
  const clock = manualClock();
  const inject = await gatewayOf(allAuth({}), silentDns, clock);
  const { value, ms } = await untilSettled(clock, inject());
  assert.deepEqual([value.reply.code, value.reply.enhanced], [451, "4.7.1"]);
  assert.ok(ms < ANSWER_MS_MAX, `${ms} ms`);
  assert.deepEqual(value.deliveries, []);
});

const FAULTS: readonly FakeAnswer[] = [
  "silent",
  "servfail",
  "refused",
  "garbage",
  "noise",
  "cut",
  "truncated",
  "otherId",
];

async function assertWithoutDns(resolver: Resolver): Promise<void> {
  const inject = await gatewayOf(allAuth(), cachedResolver(resolver, { clock: systemClock }));
  const { reply, deliveries, facts } = await inject();
  assert.equal(reply.code, 250, reply.text);
  assert.deepEqual(shownResults(deliveries[0]?.text ?? ""), WITHOUT_DNS);
  assert.equal((facts.dnsbl as { errors: unknown[] }).errors.length, 2);
}

for (const fault of FAULTS) {
  test(`all auth plugins say temperror where the DNS server's answer is ${fault}`, async () => {
    const server = await startFakeDns({ "*": fault });
    try {
      await assertWithoutDns(systemResolver({ servers: [server.address], tryMs: 50, triesMax: 1 }));
      assert.ok(server.questions.length > 0);
    } finally {
      await server.close();
    }
  });
}

// By HTTP an answer belongs to its question, whatever its id.
for (const fault of FAULTS.filter((each) => each !== "otherId")) {
  test(`all auth plugins say temperror where the DoH server's answer is ${fault}`, async () => {
    const server = await startFakeDoh({ "*": fault });
    try {
      const [url, fetch, clock] = [server.url, globalThis.fetch, systemClock];
      await assertWithoutDns(dohResolver({ url, fetch, clock, queryMs: 50 }));
      assert.ok(server.requests.length > 0);
    } finally {
      await server.close();
    }
  });
}

test("all auth plugins say temperror where nobody listens, by DNS and by DoH", async () => {
  const [server, doh] = [await startFakeDns({}), await startFakeDoh({})];
  await Promise.all([server.close(), doh.close()]);
  await assertWithoutDns(systemResolver({ servers: [server.address], tryMs: 50, triesMax: 1 }));
  await assertWithoutDns(dohResolver({ url: doh.url, fetch: globalThis.fetch, clock: systemClock }));
});

test("no method is temperror where DNS answers, so that the above is told by DNS alone", async () => {
  const server = await startFakeDns({});
  try {
    const inject = await gatewayOf(allAuth(), systemResolver({ servers: [server.address] }));
    const { deliveries, trace } = await inject();
    assert.deepEqual(shownResults(deliveries[0]?.text ?? ""), [
      ...["iprev=permerror", "spf=none", "dkim=permerror", "dkim=permerror", "dmarc=none", "arc=fail"],
    ]);
    assert.ok(!JSON.stringify(trace?.entries).includes("dnsTimeOver"));
  } finally {
    await server.close();
  }
});
