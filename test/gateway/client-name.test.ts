/** The client's name: what DNS says of it, whether anybody asks, and when plugins know it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  ClientName,
  condition,
  definePlugin,
  pipeline,
  type Resolver,
  readAll,
  routeTo,
  when,
} from "postern";
import { cachedResolver, fixedResolver, type Zone } from "../../core/dns/mod.ts";
import { CLIENT_NAME_MS, CLIENT_NAMES_MAX, lookUpClientName } from "../../core/gateway/client-name.ts";
import { forward, openBed, reverse } from "./engine-bed.ts";
import { manualClock, settle } from "./manual-clock.ts";

const IP = "192.0.2.1";
const PTR = "1.2.0.192.in-addr.arpa";
const V6 = "2001:db8::9";
const V6_PTR = "9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
const many = Array.from({ length: CLIENT_NAMES_MAX }, (_, i) => `n${i}.example.`);

const CASES: readonly { name: string; zone: Zone; ip?: string; want: string }[] = [
  {
    name: "a name whose address it is",
    zone: { [PTR]: { PTR: ["Spike.Example."] }, "spike.example": { A: ["192.0.2.9", IP] } },
    want: "pass spike.example",
  },
  {
    name: "the first of several names that has the address",
    zone: {
      [PTR]: { PTR: ["a.example.", "b.example.", "c.example."] },
      "a.example": { A: ["192.0.2.9"] },
      "b.example": { A: [IP] },
      "c.example": { A: [IP] },
    },
    want: "pass b.example",
  },
  {
    name: "IPv6, in whatever form",
    zone: { [V6_PTR]: { PTR: ["six.example."] }, "six.example": { AAAA: ["2001:DB8:0:0::9"] } },
    ip: V6,
    want: "pass six.example",
  },
  { name: "no PTR record", zone: { [PTR]: {} }, want: "permerror" },
  { name: "no such name", zone: {}, want: "permerror" },
  { name: "a PTR server that fails", zone: { [PTR]: { PTR: "servfail" } }, want: "temperror" },
  { name: "a PTR server that is silent", zone: { [PTR]: { PTR: "timeout" } }, want: "temperror" },
  {
    name: "a name with another address",
    zone: { [PTR]: { PTR: ["a.example."] }, "a.example": { A: ["192.0.2.9"] } },
    want: "fail",
  },
  {
    name: "a name with an address of the other family alone",
    zone: { [PTR]: { PTR: ["a.example."] }, "a.example": { AAAA: [V6] } },
    want: "fail",
  },
  { name: "a name that does not exist", zone: { [PTR]: { PTR: ["a.example."] } }, want: "fail" },
  {
    name: "one name with another address and one whose server fails",
    zone: {
      [PTR]: { PTR: ["a.example.", "b.example."] },
      "a.example": { A: "servfail" },
      "b.example": { A: ["192.0.2.9"] },
    },
    want: "temperror",
  },
  {
    name: `the address behind ${CLIENT_NAMES_MAX} names`,
    zone: { [PTR]: { PTR: [...many, "z.example."] }, "z.example": { A: [IP] } },
    want: "fail",
  },
  ...[
    "a b.example.",
    "a\r\nb.example.",
    "ä.example.",
    "-a.example.",
    "a..example.",
    "[192.0.2.1]",
    "(a).example.",
  ].map((record) => ({
    name: `what is no host name, ${JSON.stringify(record)}`,
    zone: { [PTR]: { PTR: [record] }, [record.replace(/\.$/, "")]: { A: [IP] } },
    want: "fail",
  })),
];

const never = new AbortController().signal;

describe("lookUpClientName", () => {
  for (const { name, zone, ip = IP, want } of CASES)
    it(`is ${want.split(" ")[0]} for ${name}`, async () => {
      const services = { dns: fixedResolver(zone), clock: manualClock() };
      const value = await lookUpClientName(ip, services, never);
      assert.equal(`${value.result} ${value.name}`.trim(), want);
      assert.equal(value.ip, ip);
      assert.equal(services.clock.sleeping, 0);
    });

  it("is temperror where a resolver breaks its word", async () => {
    const dns = { resolve: () => assert.fail("no resolver") };
    const value = await lookUpClientName(IP, { dns, clock: manualClock() }, never);
    assert.equal(value.result, "temperror");
  });

  it(`is temperror after ${CLIENT_NAME_MS} ms without an answer`, async () => {
    const clock = manualClock();
    const looking = lookUpClientName(IP, { dns: silent().dns, clock }, never);
    await clock.advance(CLIENT_NAME_MS);
    assert.equal((await looking).result, "temperror");
  });

  it("rejects once nobody wants to know, and stops its query", async () => {
    const left = new AbortController();
    const { dns, stopped } = silent();
    const clock = manualClock();
    const looking = lookUpClientName(IP, { dns, clock }, left.signal);
    left.abort(new Error("gone"));
    await assert.rejects(looking, /gone/);
    assert.equal(stopped(), 1);
    assert.equal(clock.sleeping, 0);
  });
});

/** Answers nothing until its signal aborts. */
function silent() {
  let stopped = 0;
  const dns: Resolver = {
    resolve: (_name, _type, signal) =>
      new Promise((_resolve, refuse) => {
        signal?.addEventListener("abort", () => {
          stopped += 1;
          refuse(signal.reason);
        });
      }),
  };
  return { dns, stopped: () => stopped };
}

const ZONE = { [PTR]: { PTR: ["spike.example."] }, "spike.example": { A: [IP] } };
const routes = definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") });

/** Answers as ZONE, once `answer` was called; counts what it is asked. */
function late() {
  const inner = fixedResolver(ZONE);
  const asked: string[] = [];
  const gate = Promise.withResolvers<void>();
  const dns: Resolver = {
    async resolve(name, type, signal) {
      asked.push(`${type} ${name}`);
      await gate.promise;
      return inner.resolve(name, type, signal);
    },
  };
  return { dns, asked, answer: gate.resolve };
}

function reading() {
  const seen: string[] = [];
  const see = (stage: string, { result, name }: { result: string; name: string }) =>
    void seen.push(`${stage} ${result} ${name}`.trim());
  const reader = definePlugin({
    name: "reader",
    reads: [ClientName],
    connect: (ctx) => see("connect", ctx.fact(ClientName)),
    rcpt: (ctx) => see("rcpt", ctx.fact(ClientName)),
  });
  return { seen, reader };
}

describe("ClientName", () => {
  it("is unknown until DNS has answered, and no command waits for that", async () => {
    const { seen, reader } = reading();
    const { dns, answer } = late();
    const bed = await openBed({ pipeline: pipeline(reader, routes), services: { dns }, config: DOMAINS });
    const session = bed.open(IP);
    await session.connect();
    await session.mail(reverse("ann@example.com"), {});
    await session.rcpt(forward("bob@example.org"), {});
    answer();
    await settle();
    await session.rcpt(forward("cid@example.org"), {});
    assert.deepEqual(seen, ["connect unknown", "rcpt unknown", "rcpt pass spike.example"]);
  });

  it("stands in the trace and in the trace field once it is known", async () => {
    const { reader } = reading();
    const dns = fixedResolver(ZONE);
    const bed = await openBed({ pipeline: pipeline(reader, routes), services: { dns }, config: DOMAINS });
    const session = bed.open(IP);
    await session.ehlo("mail.example");
    await settle();
    await bed.send(["bob@example.org"], { session });
    const [{ content } = assert.fail("no delivery")] = bed.deliveries;
    assert.match(
      Buffer.from(await readAll(content)).toString(),
      /^Received: from mail\.example \(spike\.example \[192\.0\.2\.1\]\)\r\n/,
    );
    const notes = bed
      .last()
      .entries.flatMap((entry) => ("event" in entry ? [`${entry.event} ${entry.detail}`] : []));
    assert.ok(notes.includes("clientName pass spike.example"), notes.join());
  });

  it("costs no query where nobody reads it", async () => {
    const { dns, asked } = late();
    const bed = await openBed({ pipeline: pipeline(routes), services: { dns }, config: DOMAINS });
    const session = bed.open(IP);
    await session.connect();
    await bed.send(["bob@example.org"], { session });
    assert.deepEqual(asked, []);
  });

  it("is looked up for a condition alone, too, and for a plugin that may read it", async () => {
    const nameless = condition("nameless", {
      ...{ from: "rcpt", per: "session", reads: [ClientName] },
      holds: (ctx) => ctx.fact(ClientName).result === "permerror",
    });
    const maybe = definePlugin({ name: "maybe", mayRead: [ClientName], rcpt: () => undefined });
    for (const all of [
      pipeline(when(nameless, definePlugin({ name: "strict", rcpt: () => undefined })), routes),
      pipeline(maybe, routes),
    ]) {
      const { dns, asked } = late();
      const bed = await openBed({ pipeline: all, services: { dns }, config: DOMAINS });
      bed.open(IP).close();
      assert.deepEqual(asked, [`PTR ${PTR}`]);
    }
  });

  it("is not looked up for a client without an address, or whose name the host knows", async () => {
    const { seen, reader } = reading();
    const { dns, asked } = late();
    const bed = await openBed({ pipeline: pipeline(reader, routes), services: { dns }, config: DOMAINS });
    const start = {
      origin: "smtp",
      listener: { name: "relay", kind: "relay", address: "" },
      local: "",
    } as const;
    await bed.gateway.openSession({ ...start, client: { ip: "", port: 0 } }).connect();
    const clientName = { result: "pass", name: "told.example", ip: IP } as const;
    await bed.gateway.openSession({ ...start, client: { ip: IP, port: 1 }, clientName }).connect();
    assert.deepEqual(asked, []);
    assert.deepEqual(seen, ["connect unknown", "connect pass told.example"]);
  });

  it("is asked for once while the cache of the host keeps it", async () => {
    const { seen, reader } = reading();
    const { dns: inner, asked, answer } = late();
    answer();
    const clock = manualClock();
    const dns = cachedResolver(inner, { clock });
    const bed = await openBed({
      pipeline: pipeline(reader, routes),
      services: { dns },
      clock,
      config: DOMAINS,
    });
    for (let i = 0; i < 3; i += 1) {
      const session = bed.open(IP);
      await settle();
      await session.connect();
      session.close();
    }
    assert.deepEqual(asked, [`PTR ${PTR}`, "A spike.example"]);
    assert.deepEqual(seen, [
      "connect pass spike.example",
      "connect pass spike.example",
      "connect pass spike.example",
    ]);
  });

  it("ends its look-up with the session", async () => {
    const { reader } = reading();
    const { dns, stopped } = silent();
    const clock = manualClock();
    const bed = await openBed({
      pipeline: pipeline(reader, routes),
      services: { dns },
      clock,
      config: DOMAINS,
    });
    bed.open(IP).close();
    await settle();
    assert.equal(stopped(), 1);
    assert.equal(clock.sleeping, 0);
  });
});

const DOMAINS = { domains: ["example.org"] } as const;
