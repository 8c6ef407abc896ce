/** What the driver of a next hop knows of its EHLO: by deliveries, by probes, of one server and of several. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSmtpDriver } from "../../core/relay/mod.ts";
import { clock, delivery, goOn, nextHop, offering, recordingLog } from "./relay-fixtures.ts";
import { type Sink, startSink } from "./sink-server.ts";

const signal = new AbortController().signal;

function driverTo(sinks: readonly Sink[], changes: Parameters<typeof nextHop>[1] = {}) {
  const servers = sinks.map(({ port }) => ({ host: "127.0.0.1", port }));
  const log = recordingLog();
  const driver = createSmtpDriver("sink", nextHop(0, { servers, ...changes }), {
    hostName: "gw.example",
    log,
    clock,
  });
  const told: unknown[] = [];
  driver.onExtensions?.(() => told.push(driver.extensions()));
  const close = async () => {
    await driver.close();
    for (const sink of sinks) await sink.close();
  };
  return { driver, told, close };
}

describe("createSmtpDriver", () => {
  it("knows nothing before a connection, and all of EHLO once a probe or a delivery opened one", async () => {
    for (const how of ["probe", "delivery"]) {
      const sink = await startSink(offering("PIPELINING", "SIZE 7000", "8BITMIME", "DSN"));
      const { driver, told, close } = driverTo([sink]);
      assert.equal(driver.extensions(), undefined);
      if (how === "probe") await driver.probe(signal);
      else await driver.deliver(delivery("x\r\n"), goOn());
      const want = { size: 7000, eightBitMime: true, smtputf8: false, dsn: true, requireTls: false };
      assert.deepEqual(driver.extensions(), want, how);
      assert.deepEqual(told, [want]);
      await close();
    }
  });

  it("does not promise REQUIRETLS in the clear, whatever EHLO offers (RFC 8689 4.2.1)", async () => {
    const sink = await startSink(offering("REQUIRETLS"));
    const { driver, close } = driverTo([sink]);
    await driver.probe(signal);
    assert.equal(driver.extensions()?.requireTls, false);
    await close();
  });

  it("gives what all servers that answered offer, each by its last EHLO", async () => {
    const keywords = [
      ["8BITMIME", "SMTPUTF8", "SIZE 9000"],
      ["8BITMIME", "DSN", "SIZE 5000"],
    ] as const;
    let second: readonly string[] = keywords[1];
    const sinks = [
      await startSink((command, n) => (n > 1 ? null : offering(...keywords[0])(command, n))),
      await startSink((command, n) => offering(...second)(command, n)),
    ];
    const { driver, told, close } = driverTo(sinks);
    await driver.probe(signal);
    assert.deepEqual(driver.extensions(), {
      ...{ size: 9000, eightBitMime: true, smtputf8: true, dsn: false, requireTls: false },
    });
    // The first is gone: its next connection is closed before the greeting.
    await driver.probe(signal);
    assert.deepEqual(driver.extensions(), {
      ...{ size: 5000, eightBitMime: true, smtputf8: false, dsn: false, requireTls: false },
    });
    second = ["SMTPUTF8"];
    await driver.probe(signal);
    assert.deepEqual(driver.extensions(), {
      ...{ size: 9000, eightBitMime: false, smtputf8: true, dsn: false, requireTls: false },
    });
    assert.equal(told.length, 3);
    await close();
  });

  it("keeps what it knows when a probe fails, and never rejects", async () => {
    const sink = await startSink((command, n) => (n > 1 ? "554 go away" : offering("DSN")(command, n)));
    const { driver, told, close } = driverTo([sink]);
    await driver.probe(signal);
    await driver.probe(signal);
    await driver.probe(AbortSignal.abort());
    assert.equal(driver.extensions()?.dsn, true);
    assert.equal(told.length, 1);
    await close();
    await driver.probe(signal);
    assert.equal(sink.connections(), 2);
  });

  it("ends the connection of a probe: a delivery would take it for one that was just opened", async () => {
    const sink = await startSink();
    const { driver, close } = driverTo([sink]);
    await driver.probe(signal);
    await sink.ended();
    assert.deepEqual(sink.commands, ["EHLO gw.example", "QUIT"]);
    const { recipients } = await driver.deliver(delivery("x\r\n"), goOn());
    assert.equal(recipients[0]?.status, "delivered");
    await close();
  });

  it("probes although all connections are in use, once one is free", async () => {
    const sink = await startSink();
    const { driver, told, close } = driverTo([sink], { connectionsMax: 1 });
    await driver.deliver(delivery("x\r\n"), goOn());
    await driver.probe(signal);
    assert.equal(told.length, 2);
    await close();
  });
});
