/** dohResolver against a server on loopback; what all resolvers share is in contract.test.ts. */
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { after, before, test } from "node:test";
import { dohResolver } from "../../core/dns/mod.ts";
import type { Resolver } from "../../core/mod.ts";
import { systemClock } from "../../core/store/mod.ts";
import { responseTo } from "./fake-dns-server.ts";
import { type FakeDohAnswer, type FakeDohServer, sendDns, startFakeDoh } from "./fake-doh-server.ts";
import { CONTRACT_ANSWERS, record } from "./resolver-contract.ts";

const address = { ...record("A", Buffer.of(192, 0, 2, 1)), ttl: 100 };
/** The right answer, whatever the name. */
function right(message: Buffer): Uint8Array {
  const { question } = responseTo<never>(message, {});
  return responseTo<never>(message, { [question]: [address] }).octets!;
}

/** What HTTP can do to a right answer, and what is made of it. */
const HTTP_CASES: readonly { name: string; answer: FakeDohAnswer; want: string | number }[] = [
  { name: "takes a right answer", answer: (_, to, m) => sendDns(to, right(m)), want: 100 },
  {
    name: "takes the Age off the TTL (RFC 8484 5.1)",
    answer: (_, to, m) => sendDns(to, right(m), { age: "40" }),
    want: 60,
  },
  {
    name: "gives a TTL of 0 for an answer that is older than its TTL",
    answer: (_, to, m) => sendDns(to, right(m), { age: "101" }),
    want: 0,
  },
  {
    name: "does not believe an Age that is no number",
    answer: (_, to, m) => sendDns(to, right(m), { age: "-40" }),
    want: 100,
  },
  {
    name: "takes a media type with a parameter",
    answer: (_, to, m) => to.writeHead(200, { "content-type": "Application/DNS-Message; a=b" }).end(right(m)),
    want: 100,
  },
  {
    name: "does not take another media type",
    answer: (_, to, m) => to.writeHead(200, { "content-type": "text/html" }).end(right(m)),
    want: "servfail",
  },
  {
    name: "does not take another status",
    answer: (_, to, m) => to.writeHead(502, { "content-type": "application/dns-message" }).end(right(m)),
    want: "servfail",
  },
  {
    name: "follows no redirect",
    answer: (_, to) => to.writeHead(307, { location: "/elsewhere" }).end(),
    want: "servfail",
  },
  {
    name: "reads no more than a DNS message can have",
    answer: (_, to, m) => sendDns(to, Buffer.concat([right(m), Buffer.alloc(70_000)])),
    want: "servfail",
  },
  {
    name: "does not take an answer that breaks off",
    answer: (_, to, m) => {
      to.writeHead(200, { "content-type": "application/dns-message", "content-length": "900" });
      to.write(right(m), () => to.destroy());
    },
    want: "servfail",
  },
  { name: "does not take an empty answer", answer: (_, to) => sendDns(to, Buffer.of()), want: "servfail" },
  {
    name: "says timeout where the answer never ends",
    answer: (_, to, m) => {
      to.writeHead(200, { "content-type": "application/dns-message" });
      to.write(right(m).subarray(0, 12));
    },
    want: "timeout",
  },
];

let server: FakeDohServer;
let dns: Resolver;
before(async () => {
  const own = Object.fromEntries(HTTP_CASES.map(({ answer }, n) => [`case${n}.example`, answer]));
  server = await startFakeDoh({ ...CONTRACT_ANSWERS, ...own });
  dns = dohResolver({ url: server.url, fetch: globalThis.fetch, clock: systemClock, queryMs: 300 });
});
after(() => server.close());

for (const [n, { name, want }] of HTTP_CASES.entries()) {
  test(`dohResolver ${name}`, async () => {
    const answer = await dns.resolve(`case${n}.example`, "A");
    assert.equal(answer.status === "found" ? answer.ttlSeconds : answer.status, want);
  });
}

test("dohResolver asks by POST with the id 0, and sends no cookie", async () => {
  const sent: { method: string | undefined; id: number; fields: object }[] = [];
  const other = await startFakeDoh({
    "a.example": ({ method, headers }, response, message) => {
      sent.push({ method, id: message.readUInt16BE(0), fields: headers });
      sendDns(response, right(message), {
        "set-cookie": "who=you",
      });
    },
  });
  try {
    const asking = dohResolver({ url: other.url, fetch: globalThis.fetch, clock: systemClock });
    assert.equal((await asking.resolve("a.example", "A")).status, "found");
    assert.equal((await asking.resolve("a.example", "A")).status, "found");
  } finally {
    await other.close();
  }
  for (const { method, id, fields } of sent) {
    assert.deepEqual([method, id, "cookie" in fields], ["POST", 0, false]);
    assert.equal((fields as Record<string, string>)["content-type"], "application/dns-message");
    assert.equal((fields as Record<string, string>).accept, "application/dns-message");
  }
  assert.equal(sent.length, 2);
});

test("dohResolver says nxdomain for what is no name, and servfail where nobody listens", async () => {
  const asked = server.requests.length;
  assert.deepEqual(await dns.resolve("a..example", "A"), { status: "nxdomain" });
  assert.equal(server.requests.length, asked);
  const gone = await startFakeDoh({});
  await gone.close();
  const nobody = dohResolver({ url: gone.url, fetch: globalThis.fetch, clock: systemClock });
  assert.deepEqual(await nobody.resolve("a.example", "MX"), { status: "servfail" });
});

test("dohResolver rejects with the signal's reason, and leaves no listener on it", async () => {
  const reason = new Error("the message is over its deadline");
  await assert.rejects(dns.resolve("a.example", "A", AbortSignal.abort(reason)), reason);
  const controller = new AbortController();
  const look = dns.resolve("silent.example", "A", controller.signal);
  controller.abort(reason);
  await assert.rejects(look, reason);
  const calm = new AbortController();
  await dns.resolve("addresses.example", "A", calm.signal);
  assert.equal(getEventListeners(calm.signal, "abort").length, 0);
});

test("dohResolver gives the least TTL", async () => {
  const answer = await dns.resolve("addresses.example", "A");
  assert.equal(answer.status === "found" && answer.ttlSeconds, 30);
});
