/** How many sessions there may be, in all and of each client. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { admitSession, clientKey, type NoPlace, type SessionPlace } from "../../core/smtp/session-count.ts";
import { bed, Client, WIDE } from "./limits-fixtures.ts";

const isPlace = (place: SessionPlace | NoPlace): place is SessionPlace => "release" in place;

describe("clientKey", () => {
  const cases = [
    { name: "IPv4 is itself", ip: "192.0.2.1", want: "192.0.2.1" },
    { name: "IPv4-mapped IPv6 is the IPv4 address", ip: "::ffff:192.0.2.1", want: "192.0.2.1" },
    { name: "a scope is no part of it", ip: "fe80::1%eth0", want: "254:128:0:0:0:0:0:0" },
    { name: "an address that is not known is none", ip: "", want: undefined },
  ];
  for (const { name, ip, want } of cases) it(name, () => assert.equal(clientKey(ip), want));

  it("is the same for all of a /64, in each way to write it, and another for the next", () => {
    const key = clientKey("2001:db8:0:1::1");
    assert.equal(clientKey("2001:0DB8::1:ffff:ffff:ffff:ffff"), key);
    assert.notEqual(clientKey("2001:db8:0:2::1"), key);
  });
});

describe("admitSession", () => {
  const limits = { ...WIDE, sessionsMax: 3, sessionsPerClientMax: 2 };

  it("takes sessionsPerClientMax of a /64, and one more once a place is released", () => {
    const sessions = { count: 0 };
    const first = admitSession(sessions, limits, "2001:db8::1", false);
    assert.ok(isPlace(first));
    assert.ok(isPlace(admitSession(sessions, limits, "2001:db8::2", false)));
    const none = admitSession(sessions, limits, "2001:db8::3", false);
    assert.ok(!isPlace(none));
    assert.equal(none.limit, "sessionsPerClientMax");
    assert.equal(none.reply.code, 421);
    assert.ok(isPlace(admitSession(sessions, limits, "192.0.2.1", false)));
    first.release();
    assert.ok(isPlace(admitSession(sessions, limits, "2001:db8::3", false)));
  });

  it("takes sessionsMax of all, also of clients that are exempt or not known", () => {
    const sessions = { count: 0 };
    for (let i = 0; i < 3; i += 1)
      assert.ok(isPlace(admitSession(sessions, limits, i === 0 ? "" : "192.0.2.1", i > 0)));
    const none = admitSession(sessions, limits, "192.0.2.9", true);
    assert.ok(!isPlace(none));
    assert.equal(none.limit, "sessionsMax");
  });

  it("tells of the first that finds no place alone, until there was a place again", () => {
    const sessions = { count: 0 };
    const one = { ...limits, sessionsPerClientMax: 1 };
    const ask = () => admitSession(sessions, one, "192.0.2.1", false);
    const place = ask();
    assert.ok(isPlace(place));
    const told = [ask(), ask(), ask()].map((none) => "first" in none && none.first);
    assert.deepEqual(told, [true, false, false]);
    place.release();
    assert.ok(isPlace(ask()));
    const again = ask();
    assert.equal("first" in again && again.first, true);
  });

  it("forgets clients that have no session", () => {
    const sessions: Parameters<typeof admitSession>[0] = { count: 0 };
    for (let i = 0; i < 100; i += 1) {
      const place = admitSession(sessions, limits, `192.0.2.${i}`, false);
      assert.ok(isPlace(place));
      place.release();
    }
    assert.deepEqual([sessions.count, sessions.clients?.size], [0, 0]);
  });
});

/** Tries until there is a place: a listener sees the end of a connection a moment after its client. */
async function greeted(port: number): Promise<Client> {
  for (let tries = 0; tries < 1000; tries += 1) {
    const client = await Client.open(port);
    if ((await client.reply()).startsWith("220")) return client;
    client.socket.destroy();
  }
  return assert.fail("no place was given back");
}

describe("listenSmtp", () => {
  it("says 421 4.7.0 to a client with sessionsPerClientMax sessions, not to others, and logs it once", async () => {
    const { port, logged, close } = await bed({ limits: { sessionsPerClientMax: 1 } });
    const first = await Client.open(port);
    assert.match(await first.reply(), /^220 /);
    for (let i = 0; i < 3; i += 1) {
      const more = await Client.open(port);
      assert.match(await more.reply(), /^421 4\.7\.0 Too many sessions from your network/);
      await more.closed();
    }
    const other = await Client.open(port, "127.0.0.2");
    assert.match(await other.reply(), /^220 /);
    const lines = logged.filter(({ event }) => event === "limitReached");
    assert.deepEqual(
      lines.map(({ limit, client, max }) => [limit, client, max]),
      [["sessionsPerClientMax", "127.0.0.1", 1]],
    );
    await close();
  });

  it("gives the place back when a client leaves", async () => {
    const { port, close } = await bed({ limits: { sessionsPerClientMax: 1, sessionsMax: 1 } });
    for (let i = 0; i < 3; i += 1) {
      const client = await greeted(port);
      assert.match(await client.ask("QUIT"), /^221 /);
      client.socket.end();
      await client.closed();
    }
    await close();
  });

  it("does not count clients in trusted networks by address", async () => {
    const { port, close } = await bed({
      limits: { sessionsPerClientMax: 1 },
      listener: { trustedNetworks: ["127.0.0.0/8"] },
    });
    for (let i = 0; i < 3; i += 1) assert.match(await (await Client.open(port)).reply(), /^220 /);
    await close();
  });
});
