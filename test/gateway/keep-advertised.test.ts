/** When next hops are asked for their extensions, and what becomes of the listeners' offers. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type AdvertiseOverride, type LogFields, mailbox, smtp } from "postern";
import { keepAdvertised, type NextHopDriver, type NextHopExtensions } from "../../core/gateway/mod.ts";
import { manualClock, settle } from "./manual-clock.ts";

const MIN = 60_000;
const ALL: NextHopExtensions = { eightBitMime: true, smtputf8: true, dsn: true, requireTls: true };

/** A next hop that answers as the test says; undefined: it does not answer. */
class ScriptedHop implements NextHopDriver {
  readonly description = "scripted";
  probes = 0;
  /** What it would offer to who asks. */
  offers: NextHopExtensions | undefined;
  onProbe: (signal: AbortSignal) => Promise<void> = async () => {};
  #known: NextHopExtensions | undefined;
  #told: () => void = () => {};

  constructor(offers: NextHopExtensions | undefined) {
    this.offers = offers;
  }

  deliver(): never {
    throw new Error("nothing is delivered here");
  }

  extensions(): NextHopExtensions | undefined {
    return this.#known;
  }

  onExtensions(told: () => void): void {
    this.#told = told;
  }

  async probe(signal: AbortSignal): Promise<void> {
    this.probes++;
    await this.onProbe(signal);
    if (!signal.aborted) this.connect();
  }

  /** A connection is opened, of a probe or a delivery. */
  connect(): void {
    if (this.offers === undefined) return;
    this.#known = this.offers;
    this.#told();
  }

  async close(): Promise<void> {}
}

function keep(hop: NextHopDriver, overrides: readonly (AdvertiseOverride | undefined)[] = [undefined]) {
  const clock = manualClock();
  const lines: LogFields[] = [];
  const silent = () => {};
  const info = (event: string, fields: LogFields = {}) => void lines.push({ event, ...fields });
  const listeners = overrides.map((advertise, index) => ({
    ...{ name: `l${index}`, kind: "relay", address: { host: "127.0.0.1", port: 0 }, authRequired: false },
    ...{
      greetingDelayMs: 0,
      trustedNetworks: [],
      proxyProtocol: [],
      xclient: [],
      xforward: [],
      upstreams: [],
    },
    ...{ earlyTalkers: "note", bareNewlines: "refuse", lenientAddresses: false },
    ...(advertise === undefined ? {} : { advertise }),
  }));
  const kept = keepAdvertised(
    { listeners: listeners as never, nextHops: { hop: smtp("a.example") } },
    {
      nextHops: new Map([["hop", hop]]),
      clock,
      log: { debug: silent, info, warn: silent, error: silent },
    },
  );
  return { clock, lines, kept, offered: kept.byListener[0]! };
}

describe("keepAdvertised", () => {
  it("offers nothing until the next hop has answered, then what it offers, in the same object", async () => {
    const { kept, offered, lines } = keep(new ScriptedHop({ ...ALL, size: 5000 }));
    assert.deepEqual(offered, {
      ...{ eightBitMime: false, smtputf8: false, dsn: false, requireTls: false, size: undefined },
    });
    await settle();
    assert.deepEqual(offered, { ...ALL, size: 5000 });
    assert.deepEqual(lines, [
      {
        event: "advertises",
        listener: "l0",
        offers: "8BITMIME SMTPUTF8 DSN REQUIRETLS SIZE 5000",
        before: "nothing",
      },
    ]);
    kept.stop();
  });

  it("asks again after 5 minutes, and writes a line only where something changed", async () => {
    const hop = new ScriptedHop({ ...ALL, size: 5000 });
    const { clock, kept, offered, lines } = keep(hop);
    await clock.advance(5 * MIN - 1);
    assert.equal(hop.probes, 1);
    await clock.advance(1);
    assert.equal(hop.probes, 2);
    assert.equal(lines.length, 1);
    hop.offers = { ...ALL, dsn: false };
    await clock.advance(5 * MIN);
    assert.equal(hop.probes, 3);
    assert.deepEqual(offered, { ...ALL, dsn: false, size: undefined });
    assert.equal(lines.length, 2);
    kept.stop();
  });

  it("does not ask while connections of deliveries tell", async () => {
    const hop = new ScriptedHop(ALL);
    const { clock, kept, offered } = keep(hop);
    for (let n = 0; n < 10; n++) {
      await clock.advance(2 * MIN);
      hop.offers = { ...ALL, dsn: n % 2 === 0 };
      hop.connect();
      assert.equal(offered.dsn, n % 2 === 0);
    }
    assert.equal(hop.probes, 1);
    await clock.advance(5 * MIN - 1);
    assert.equal(hop.probes, 1);
    await clock.advance(1);
    assert.equal(hop.probes, 2);
    kept.stop();
  });

  it("asks one that never answered after 5, 10, 20 s and so on, up to 5 minutes", async () => {
    const hop = new ScriptedHop(undefined);
    const { clock, kept } = keep(hop);
    const at: number[] = [];
    hop.onProbe = async () => void at.push(clock.monotonic() / 1000);
    await clock.advance(30 * MIN);
    assert.deepEqual(at.slice(0, 8), [5, 15, 35, 75, 155, 315, 615, 915]);
    kept.stop();
  });

  it("keeps what was known of one that is down", async () => {
    const hop = new ScriptedHop(ALL);
    const { clock, kept, offered } = keep(hop);
    await clock.advance(1);
    hop.offers = undefined;
    await clock.advance(20 * MIN);
    assert.equal(hop.probes, 5);
    assert.equal(offered.dsn, true);
    kept.stop();
  });

  it("goes on after a probe that rejects against its contract", async () => {
    const hop = new ScriptedHop(ALL);
    hop.onProbe = () => Promise.reject(new Error("broken"));
    const { clock, kept, offered } = keep(hop);
    await clock.advance(1);
    assert.equal(offered.dsn, false);
    hop.onProbe = async () => {};
    await clock.advance(5000);
    assert.equal(offered.dsn, true);
    kept.stop();
  });

  it("stops a probe that is under way, and asks no more", async () => {
    const hop = new ScriptedHop(ALL);
    const aborted: string[] = [];
    hop.onProbe = (signal) =>
      new Promise((resolve) => signal.addEventListener("abort", () => resolve(void aborted.push("probe"))));
    const { clock, kept } = keep(hop);
    await settle();
    kept.stop();
    await clock.advance(60 * MIN);
    assert.deepEqual(aborted, ["probe"]);
    assert.equal(hop.probes, 1);
    assert.equal(clock.sleeping, 0);
  });

  it("stops the sleep between two probes", async () => {
    const { clock, kept } = keep(new ScriptedHop(ALL));
    await settle();
    assert.equal(clock.sleeping, 1);
    kept.stop();
    assert.equal(clock.sleeping, 0);
  });

  it("computes for each listener with its own override", async () => {
    const { kept, lines } = keep(new ScriptedHop(ALL), [
      { dsn: false },
      { requireTls: false, messageBytesMax: 4096 },
    ]);
    await settle();
    assert.deepEqual(
      lines.map(({ listener, offers, before }) => `${listener}: ${offers}, before ${before}`),
      [
        "l0: 8BITMIME SMTPUTF8 REQUIRETLS, before nothing",
        "l1: 8BITMIME SMTPUTF8 DSN SIZE 4096, before SIZE 4096",
      ],
    );
    kept.stop();
  });

  it("knows at once, and asks nobody, where what a driver offers never changes", async () => {
    const clock = manualClock();
    const offers = { eightBitMime: true, smtputf8: true, dsn: false, requireTls: false };
    const probe = () => assert.fail("it was asked");
    const driver = {
      description: "",
      deliver: probe,
      extensions: () => offers,
      probe,
      close: async () => {},
    };
    const silent = () => {};
    const kept = keepAdvertised(
      { listeners: [{ name: "l0" }] as never, nextHops: { hop: mailbox() } },
      {
        nextHops: new Map([["hop", driver as NextHopDriver]]),
        clock,
        log: { debug: silent, info: silent, warn: silent, error: silent },
      },
    );
    assert.deepEqual(kept.byListener, [{ ...offers, size: undefined }]);
    await settle();
    assert.equal(clock.sleeping, 0);
    kept.stop();
  });
});
