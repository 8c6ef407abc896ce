/** Deliveries to the hosts that DNS names, by zones written down and sinks on loopback. */
import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { describe, it, type TestContext } from "node:test";
import type { Zone } from "../../core/dns/mod.ts";
import { mxBed, sinksOn } from "./mx-fixtures.ts";
import { address, delivery, goOn } from "./relay-fixtures.ts";
import type { Script } from "./sink-server.ts";

const A = (...records: string[]) => ({ A: records });
const TAKEN = ["delivered 250 2.0.0"];
/** A server that is there and takes nobody. */
const closed: Script = (command) => (command === "GREETING" ? null : undefined);

/** Sinks and a driver that end with the test. */
async function open(
  context: TestContext,
  scripts: { readonly [host: string]: Script | undefined },
  zone: Zone,
  ...rest: Parameters<typeof mxBed> extends [number, Zone, ...infer R] ? R : never
) {
  const sinks = await sinksOn(scripts);
  const bed = mxBed(sinks.port, zone, ...rest);
  context.after(async () => {
    await bed.driver.close();
    await sinks.close();
  });
  return { ...sinks, bed };
}

const two: Zone = {
  "b.example": { MX: ["10 mx1.example.", "20 mx2.example."] },
  "mx1.example": A("127.0.0.1"),
  "mx2.example": A("127.0.0.2"),
};

describe("createMxDriver", () => {
  it("delivers to the host of the lowest preference, and says who answered", async (context) => {
    const { at, port, bed } = await open(context, { "127.0.0.1": undefined, "127.0.0.2": undefined }, two);
    const result = await bed.deliver(["bob@b.example", "ann@b.example"]);
    assert.deepEqual(
      result.recipients.map(({ status }) => status),
      ["delivered", "delivered"],
    );
    assert.equal(result.server, `mx1.example[127.0.0.1]:${port}`);
    assert.equal(at["127.0.0.1"]?.commands[0], "EHLO gw.example");
    assert.equal(at["127.0.0.2"]?.connections(), 0);
  });

  it("goes on to the next host where one is down, passes it over for a while, and takes it back", async (context) => {
    const by = { ms: 0, now: () => by.ms, monotonic: () => by.ms, sleep: () => Promise.resolve() };
    let down = true;
    const first: Script = (command) => (command === "GREETING" && down ? null : undefined);
    const { at, bed } = await open(
      context,
      { "127.0.0.1": first, "127.0.0.2": undefined },
      two,
      { messagesPerConnectionMax: 1 },
      { by, clock: by },
    );
    const tried = () => [at["127.0.0.1"]?.connections(), at["127.0.0.2"]?.connections()];
    assert.deepEqual(await bed.send("bob@b.example"), TAKEN);
    assert.deepEqual(await bed.send("bob@b.example"), TAKEN);
    assert.deepEqual(tried(), [1, 2]);
    down = false;
    by.ms += 1_000;
    assert.deepEqual(await bed.send("bob@b.example"), TAKEN);
    assert.deepEqual(tried(), [2, 2]);
  });

  for (const [how, answer] of [
    ["says 421 to MAIL", "421 4.3.2 closing"],
    ["hangs up at MAIL", null],
  ] as const) {
    it(`goes on to the next host where one ${how} (RFC 5321 5.1)`, async (context) => {
      const first: Script = (command) => (command.startsWith("MAIL") ? answer : undefined);
      const { at, bed } = await open(context, { "127.0.0.1": first, "127.0.0.2": undefined }, two);
      assert.deepEqual(await bed.send("bob@b.example"), TAKEN);
      assert.deepEqual([at["127.0.0.1"]?.messages.length, at["127.0.0.2"]?.messages.length], [0, 1]);
    });
  }

  it("tempfails where all hosts say 421 to MAIL, and tries each once", async (context) => {
    const away: Script = (command) => (command.startsWith("MAIL") ? "421 4.3.2 closing" : undefined);
    const { at, bed } = await open(context, { "127.0.0.1": away, "127.0.0.2": away }, two);
    assert.deepEqual(await bed.send("bob@b.example"), ["tempfailed 451 4.3.2"]);
    assert.deepEqual([at["127.0.0.1"]?.connections(), at["127.0.0.2"]?.connections()], [1, 1]);
  });

  it("does not go on where a message may have been taken", async (context) => {
    const first: Script = (command) => (command === "." ? null : undefined);
    const { at, bed } = await open(context, { "127.0.0.1": first, "127.0.0.2": undefined }, two);
    const { ended } = await bed.deliver("bob@b.example");
    assert.equal(ended, "lost");
    assert.equal(at["127.0.0.2"]?.connections(), 0);
  });

  it("tries 4 hosts for one delivery and no more, the best ones", async (context) => {
    const hosts = Array.from({ length: 6 }, (_, n) => `127.0.0.${n + 1}`);
    const { at, bed } = await open(context, Object.fromEntries(hosts.map((host) => [host, closed])), {
      "b.example": { MX: hosts.map((_, n) => `${n} mx${n}.example.`) },
      ...Object.fromEntries(hosts.map((host, n) => [`mx${n}.example`, A(host)])),
    });
    assert.deepEqual(await bed.send("bob@b.example"), ["tempfailed 451 4.4.1"]);
    assert.deepEqual(
      hosts.map((host) => at[host]?.connections()),
      [1, 1, 1, 1, 0, 0],
    );
  });

  it("shares connections among hosts of one preference (RFC 5321 5.1)", async (context) => {
    const { at, bed } = await open(
      context,
      { "127.0.0.1": undefined, "127.0.0.2": undefined },
      { ...two, "b.example": { MX: ["10 mx1.example.", "10 mx2.example."] } },
      { messagesPerConnectionMax: 1 },
    );
    // That all go one way by chance happens once in 2^59.
    for (let n = 0; n < 60; n += 1) assert.deepEqual(await bed.send("bob@b.example"), TAKEN);
    assert.ok(Number(at["127.0.0.1"]?.connections()) > 0);
    assert.ok(Number(at["127.0.0.2"]?.connections()) > 0);
  });

  it("tries all addresses of a host, IPv6 too (RFC 8305)", async (context) => {
    const { at, bed } = await open(
      context,
      { "127.0.0.2": undefined },
      {
        "b.example": { MX: ["1 mx.example."] },
        "mx.example": { AAAA: ["::1"], A: ["127.0.0.1", "127.0.0.2"] },
      },
    );
    assert.deepEqual(await bed.send("bob@b.example"), TAKEN);
    assert.equal(at["127.0.0.2"]?.messages.length, 1);
  });

  it("reaches a host by IPv6", async (context) => {
    if (!JSON.stringify(networkInterfaces()).includes('"::1"'))
      return context.skip("no IPv6 on this machine");
    const { port, bed } = await open(context, { "::1": undefined }, { "b.example": { AAAA: ["::1"] } });
    assert.equal((await bed.deliver("bob@b.example")).server, `b.example[::1]:${port}`);
  });

  it("follows the domain's own address where it has no MX, an alias, and an address literal", async (context) => {
    const { at, bed } = await open(
      context,
      { "127.0.0.1": undefined },
      {
        "plain.example": A("127.0.0.1"),
        "b.example": { MX: ["1 alias.example."] },
        "alias.example": { CNAME: ["plain.example."] },
      },
    );
    for (const to of ["bob@plain.example", "bob@b.example", "bob@[127.0.0.1]"])
      assert.deepEqual(await bed.send(to), TAKEN);
    assert.equal(at["127.0.0.1"]?.messages.length, 3);
  });

  it("keeps one connection for all domains with the same hosts, and says QUIT at the end", async (context) => {
    const { at, bed } = await open(
      context,
      { "127.0.0.1": undefined },
      {
        "b.example": { MX: ["1 mx1.example."] },
        "c.example": { MX: ["1 MX1.example."] },
        "mx1.example": A("127.0.0.1"),
      },
    );
    for (const to of ["bob@b.example", "bob@c.example", "ann@b.example"])
      assert.deepEqual(await bed.send(to), TAKEN);
    assert.equal(at["127.0.0.1"]?.connections(), 1);
    await bed.driver.close();
    await at["127.0.0.1"]?.ended();
    assert.equal(at["127.0.0.1"]?.commands.at(-1), "QUIT");
    assert.deepEqual(await bed.send("bob@b.example"), ["tempfailed 451 4.4.1"]);
    assert.equal(at["127.0.0.1"]?.connections(), 1);
  });

  it("follows a host that moves to another address", async (context) => {
    const { at, bed } = await open(
      context,
      { "127.0.0.1": undefined, "127.0.0.2": undefined },
      { "b.example": A("127.0.0.1") },
      { messagesPerConnectionMax: 1 },
    );
    assert.deepEqual(await bed.send("bob@b.example"), TAKEN);
    bed.setZone({ "b.example": A("127.0.0.2") });
    assert.deepEqual(await bed.send("bob@b.example"), TAKEN);
    assert.deepEqual([at["127.0.0.1"]?.connections(), at["127.0.0.2"]?.connections()], [1, 1]);
  });

  it("keeps the connections of 1,000 lists of hosts at most, and lets the one used longest ago go", async (context) => {
    const zone = Object.fromEntries(
      Array.from({ length: 1_001 }, (_, n) => [`d${n}.example`, A("127.0.0.1")]),
    );
    const { at, bed } = await open(context, { "127.0.0.1": undefined }, zone);
    const sendTo = async (n: number) => assert.deepEqual(await bed.send(`bob@d${n}.example`), TAKEN);
    await sendTo(0);
    await sendTo(1);
    for (let n = 2; n < 1_000; ) {
      const some = Array.from({ length: Math.min(50, 1_000 - n) }, () => n++);
      await Promise.all(some.map(sendTo));
    }
    assert.equal(at["127.0.0.1"]?.commands.filter((command) => command === "QUIT").length, 0);
    // The first is used again, so that the second is the one to go.
    assert.deepEqual(await bed.send("bob@d0.example"), TAKEN);
    assert.deepEqual(await bed.send("bob@d1000.example"), TAKEN);
    assert.deepEqual(await bed.send("bob@d0.example"), TAKEN);
    assert.equal(at["127.0.0.1"]?.connections(), 1_001);
    assert.equal(at["127.0.0.1"]?.commands.filter((command) => command === "QUIT").length, 1);
  });

  it("promises before the host is known only what nearly all keep", async (context) => {
    const { bed } = await open(context, {}, {});
    assert.deepEqual(bed.driver.extensions(), {
      ...{ eightBitMime: true, smtputf8: false, dsn: false, requireTls: false },
    });
  });
});

describe("createMxDriver connects to nobody and answers", () => {
  const cases: readonly {
    readonly name: string;
    readonly to?: string | readonly string[];
    readonly zone?: Zone;
    readonly hop?: { readonly allowPrivateAddresses: boolean };
    readonly isOwnAddress?: (ip: string) => boolean;
    readonly want: string;
  }[] = [
    { name: "a domain that is not there", want: "rejected 550 5.1.2" },
    { name: "a null MX (RFC 7505)", zone: { "b.example": { MX: ["0 ."] } }, want: "rejected 556 5.1.10" },
    { name: "a servfail", zone: { "b.example": { MX: "servfail" } }, want: "tempfailed 451 4.4.3" },
    { name: "a timeout", zone: { "b.example": { MX: "timeout" } }, want: "tempfailed 451 4.4.3" },
    {
      name: "a domain whose first host is this gateway",
      zone: { ...two, "b.example": { MX: ["1 GW.example.", "2 mx1.example."] } },
      want: "rejected 554 5.4.6",
    },
    {
      name: "a domain whose first host has an address of this gateway",
      zone: two,
      isOwnAddress: (ip) => ip === "127.0.0.1",
      want: "rejected 554 5.4.6",
    },
    {
      name: "recipients of several domains at once, as there is one answer",
      to: ["bob@b.example", "bob@mx1.example"],
      zone: two,
      want: "tempfailed 451 4.3.5",
    },
  ];
  for (const { name, to = "bob@b.example", zone = {}, hop, isOwnAddress, want } of cases) {
    it(`${name}: ${want}`, async (context) => {
      const own = isOwnAddress ? { isOwnAddress } : {};
      const { at, bed } = await open(
        context,
        { "127.0.0.1": undefined, "127.0.0.2": undefined },
        zone,
        hop,
        own,
      );
      assert.deepEqual(new Set(await bed.send(to)), new Set([want]));
      assert.deepEqual([at["127.0.0.1"]?.connections(), at["127.0.0.2"]?.connections()], [0, 0]);
    });
  }

  const inner: readonly {
    readonly name: string;
    readonly to?: string;
    readonly zone?: Zone;
    readonly want: string;
  }[] = [
    { name: "hosts on loopback are this machine", zone: two, want: "rejected 554 5.4.6" },
    {
      name: "a private address",
      zone: { "b.example": A("10.0.0.1", "192.168.1.1") },
      want: "rejected 550 5.4.4",
    },
    {
      name: "the address of a cloud's metadata",
      zone: { "b.example": A("169.254.169.254") },
      want: "rejected 550 5.4.4",
    },
    { name: "multicast", zone: { "b.example": A("224.0.0.1") }, want: "rejected 550 5.4.4" },
    {
      name: "a private address in IPv6",
      zone: { "b.example": { AAAA: ["fd00::1", "fe80::1"] } },
      want: "rejected 550 5.4.4",
    },
    { name: "a private address as a literal", to: "bob@[10.0.0.1]", want: "rejected 550 5.4.4" },
    { name: "loopback as a literal", to: "bob@[IPv6:::1]", want: "rejected 554 5.4.6" },
    {
      name: "MX of which the rest can not be looked up",
      zone: {
        "b.example": { MX: ["1 in.example.", "2 dead.example."] },
        "in.example": A("10.0.0.1"),
        "dead.example": { A: "timeout" },
      },
      want: "tempfailed 451 4.4.3",
    },
  ];
  for (const { name, to = "bob@b.example", zone = {}, want } of inner) {
    it(`without allowPrivateAddresses, ${name}: ${want}`, async (context) => {
      const { at, bed } = await open(context, { "127.0.0.1": undefined }, zone, {
        allowPrivateAddresses: false,
      });
      assert.deepEqual(await bed.send(to), [want]);
      assert.equal(at["127.0.0.1"]?.connections(), 0);
    });
  }

  it("a delivery whose deadline is over, and one whose look-up runs until then: 451 4.4.1", async (context) => {
    const { bed } = await open(
      context,
      {},
      two,
      {},
      {
        dns: {
          resolve: (_name, _type, signal) =>
            new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason))),
        },
      },
    );
    const over = new AbortController();
    const running = bed.driver.deliver(delivery("a\r\n"), { ...goOn(), signal: over.signal });
    over.abort();
    const { recipients, ended } = await running;
    assert.deepEqual([recipients[0]?.reply.enhanced, ended], ["4.4.1", "connection"]);
  });
});

it("createMxDriver takes a domain in Unicode by its A-labels", async (context) => {
  const { bed } = await open(
    context,
    { "127.0.0.1": undefined },
    { "xn--bcher-kva.example": A("127.0.0.1") },
  );
  const forwardPath = { ...address("bob@bücher.example"), domainAscii: "xn--bcher-kva.example" };
  const { recipients } = await bed.deliver([], { recipients: [{ forwardPath, parameters: {} }] });
  assert.equal(recipients[0]?.status, "delivered");
});
